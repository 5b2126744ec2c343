package frames

import (
	"math"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
)

// column collects the values of one key and becomes a field of the narrowest
// type that holds all of them.
type column struct {
	name   string
	values []entity.Value
}

// set puts a value in a row; the rows before it that have none stay empty.
func (c *column) set(row int, v entity.Value) {
	for len(c.values) <= row {
		c.values = append(c.values, entity.Value{})
	}
	c.values[row] = v
}

// field makes the field: times for keys that hold them, whole numbers, numbers,
// truth, else texts. Empty values are null.
func (c *column) field(rows int) *data.Field {
	c.set(max(rows, 1)-1, c.at(max(rows, 1)-1))
	values := c.values[:rows]
	kind, whole := entity.KindNone, true
	for _, v := range values {
		switch {
		case v.IsZero():
			continue
		case kind == entity.KindNone:
			kind = v.Kind()
		case v.Kind() == kind || v.IsNumber() && (kind == entity.KindInt || kind == entity.KindFloat):
		default:
			kind = entity.KindString
		}
		whole = whole && v.Kind() == entity.KindInt
	}
	var f *data.Field
	switch {
	case kind == entity.KindBool:
		f = typed(c.name, values, entity.Value.Bool)
	case (kind == entity.KindInt || kind == entity.KindFloat) && isTime(c.name, values):
		f = typed(c.name, values, func(v entity.Value) time.Time { return time.UnixMilli(v.Int()).UTC() })
	case kind == entity.KindInt && whole:
		f = typed(c.name, values, entity.Value.Int)
	case kind == entity.KindInt || kind == entity.KindFloat:
		f = typed(c.name, values, entity.Value.Float)
	default:
		f = typed(c.name, values, text)
	}
	if unit := unitOf(c.name); unit != "" && f.Type().Numeric() {
		f.SetConfig(&data.FieldConfig{Unit: unit})
	}
	return f
}

func (c *column) at(row int) entity.Value {
	if row < len(c.values) {
		return c.values[row]
	}
	return entity.Value{}
}

// typed makes a nullable field.
func typed[T any](name string, values []entity.Value, get func(entity.Value) T) *data.Field {
	out := make([]*T, len(values))
	for i, v := range values {
		if !v.IsZero() {
			x := get(v)
			out[i] = &x
		}
	}
	return data.NewField(name, nil, out)
}

// maxCell bounds the text of one cell.
const maxCell = 4 << 10

// text is a value for people: texts in a list stand with commas between them.
func text(v entity.Value) string {
	t := v.Text()
	if list := v.List(); len(list) > 0 {
		parts := make([]string, 0, len(list))
		for _, e := range list {
			if !e.IsScalar() {
				parts = nil
				break
			}
			parts = append(parts, e.Text())
		}
		if parts != nil {
			t = strings.Join(parts, ", ")
		}
	}
	return clip(t, maxCell)
}

// clip shortens a text to at most n bytes.
func clip(t string, n int) string {
	if len(t) <= n {
		return t
	}
	return strings.ToValidUTF8(t[:n-len("…")], "") + "…"
}

// lastPart is what a dotted key ends in, without an @.
func lastPart(key string) string {
	return strings.TrimPrefix(key[strings.LastIndexByte(key, '.')+1:], "@")
}

// isTime reports whether values are times in Unix milliseconds: the key says so,
// and each lies between 1973 and 2262.
func isTime(name string, values []entity.Value) bool {
	switch lastPart(name) {
	case "CreatedAt", "UpdatedAt", "ArchivedAt", "DeletedAt", "StartTime", "Start", "Last", "Created", "Updated", "Started", "Finished", "Expires":
	default:
		return false
	}
	for _, v := range values {
		if f := v.Float(); !v.IsZero() && (f < 1e11 || f > math.MaxInt64/1e6) {
			return false
		}
	}
	return true
}

// unitOf is the unit of a key, "" when it is not known.
func unitOf(key string) string {
	last := lastPart(key)
	switch {
	case strings.HasSuffix(last, "Bytes") || last == "bytes" || strings.HasSuffix(last, "_bytes"):
		return "decbytes"
	case last == "RTT":
		return "ns"
	case last == "uptime_seconds":
		return "s"
	case last == "Speed":
		return "" // bits or megabits: sources differ
	}
	return ""
}
