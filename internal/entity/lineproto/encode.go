package lineproto

import (
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Tags of an event's line.
const (
	tagEntity = entity.TagEntity
	tagType   = "entity_type"
	tagSource = "source"
)

// Measurements of the two events.
const (
	MeasurementState  = "entity_state"
	MeasurementDelete = "entity_delete"
)

const (
	reserved   = "entity."
	prefixAttr = "attr:"
	suffixJSON = ":json"
	suffixRaw  = ":raw"
)

// Point is a metric as a Telegraf input emits it.
type Point struct {
	Measurement string
	// Tags are sorted by key; none is empty.
	Tags []Tag
	// Fields are scalars only, sorted by key.
	Fields entity.Attrs
	Time   time.Time
}

// ToPoint returns the metric of a valid event.
func ToPoint(e *entity.Event) Point {
	p := Point{Measurement: measurement(e), Tags: make([]Tag, 0, 3), Time: e.Time}
	for _, t := range [...]Tag{{tagEntity, e.UUID().String()}, {tagType, e.Type}, {tagSource, e.Source}} {
		if v := strings.TrimRight(t.Value, `\`); v != "" {
			p.Tags = append(p.Tags, Tag{t.Key, v})
		}
	}
	f := make(entity.Attrs, 0, len(e.Attributes)+6)
	f = append(f,
		entity.A(entity.KeyEntityType, entity.String(e.Type)),
		entity.A(entity.KeyEntityID, entity.String(string(appendIdentity(nil, e.ID)))),
		entity.A(entity.KeySource, entity.String(e.Source)))
	if s := seconds(e.Interval); s != 0 {
		f = append(f, entity.A(entity.KeyReportInterval, entity.Int(s)))
	}
	if len(e.Relationships) > 0 {
		f = append(f, entity.A(entity.KeyRelationships, entity.String(string(appendRelationships(nil, e.Relationships)))))
	}
	if e.Reason != "" {
		f = append(f, entity.A(entity.KeyDeleteReason, entity.String(e.Reason)))
	}
	for _, a := range e.Attributes {
		prefix, suffix := affixes(a)
		if prefix != "" || suffix != "" {
			a.Key = prefix + a.Key + suffix
		}
		if !a.Value.IsScalar() {
			a.Value = entity.String(string(a.Value.AppendJSON(nil)))
		}
		f = append(f, a)
	}
	p.Fields = f.Normalize()
	return p
}

// AppendEvent appends the line of a valid event, newline included, to b. The
// order of the fields is always the same. An event whose Time is not set has
// no timestamp: the receiver's clock counts.
func AppendEvent(b []byte, e *entity.Event) []byte {
	b = append(b, measurement(e)...)
	u, _ := e.UUID().MarshalText()
	b = append(append(b, ","+tagEntity+"="...), u...)
	b = appendTag(b, ","+tagType+"=", e.Type)
	b = appendTag(b, ","+tagSource+"=", e.Source)
	b = append(b, " "+entity.KeyEntityType+"="...)
	b = appendText(b, e.Type)
	b = append(b, ","+entity.KeyEntityID+`="`...)
	start := len(b)
	b = append(escapeFrom(appendIdentity(b, e.ID), start), '"')
	b = append(b, ","+entity.KeySource+"="...)
	b = appendText(b, e.Source)
	if s := seconds(e.Interval); s != 0 {
		b = append(b, ","+entity.KeyReportInterval+"="...)
		b = append(strconv.AppendInt(b, s, 10), 'i')
	}
	if len(e.Relationships) > 0 {
		b = append(b, ","+entity.KeyRelationships+`="`...)
		start := len(b)
		b = append(escapeFrom(appendRelationships(b, e.Relationships), start), '"')
	}
	if e.Reason != "" {
		b = append(b, ","+entity.KeyDeleteReason+"="...)
		b = appendText(b, e.Reason)
	}
	for _, a := range e.Attributes {
		prefix, suffix := affixes(a)
		b = append(b, ',')
		b = append(b, prefix...)
		b = appendName(b, a.Key)
		b = append(b, suffix...)
		b = appendField(append(b, '='), a.Value)
	}
	if !e.Time.IsZero() {
		b = strconv.AppendInt(append(b, ' '), e.Time.UnixNano(), 10)
	}
	return append(b, '\n')
}

func measurement(e *entity.Event) string {
	if e.Kind == entity.Delete {
		return MeasurementDelete
	}
	return MeasurementState
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// affixes returns what goes before and after the key of an attribute.
func affixes(a entity.Attr) (prefix, suffix string) {
	if strings.HasPrefix(a.Key, reserved) || strings.HasPrefix(a.Key, prefixAttr) {
		prefix = prefixAttr
	}
	switch {
	case !a.Value.IsScalar():
		suffix = suffixJSON
	case strings.HasSuffix(a.Key, suffixJSON) || strings.HasSuffix(a.Key, suffixRaw):
		suffix = suffixRaw
	}
	return prefix, suffix
}

func appendField(b []byte, v entity.Value) []byte {
	switch v.Kind() {
	case entity.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case entity.KindInt:
		return append(strconv.AppendInt(b, v.Int(), 10), 'i')
	case entity.KindFloat:
		return strconv.AppendFloat(b, v.Float(), 'f', -1, 64)
	case entity.KindString:
		return appendText(b, v.Str())
	default:
		b = append(b, '"')
		start := len(b)
		return append(escapeFrom(v.AppendJSON(b), start), '"')
	}
}

// appendTag appends a tag, as Telegraf's serializer does: without the
// backslashes at the end, which it has no way to write, and not at all when
// nothing is left.
func appendTag(b []byte, key, value string) []byte {
	if value = strings.TrimRight(value, `\`); value == "" {
		return b
	}
	return appendName(append(b, key...), value)
}

// appendName appends a key or a tag's value with its escapes.
func appendName(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ',', ' ', '=':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = append(b, c)
		}
	}
	return b
}

// appendText appends a string field.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	if strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '\\') < 0 {
		return append(append(b, s...), '"')
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// escapeFrom escapes b[start:] in place as the content of a string.
func escapeFrom(b []byte, start int) []byte {
	n := 0
	for _, c := range b[start:] {
		if c == '"' || c == '\\' {
			n++
		}
	}
	if n == 0 {
		return b
	}
	from := len(b) - 1
	for range n {
		b = append(b, 0)
	}
	for to := len(b) - 1; n > 0; from-- {
		b[to] = b[from]
		to--
		if b[from] == '"' || b[from] == '\\' {
			b[to] = '\\'
			to--
			n--
		}
	}
	return b
}

// appendIdentity appends the identifying attributes as a JSON object.
func appendIdentity(b []byte, id entity.Identity) []byte {
	b = append(b, '{')
	for i, a := range id {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(entity.AppendJSONString(b, a.Key), ':')
		b = entity.AppendJSONString(b, a.Value)
	}
	return append(b, '}')
}

func appendRelationships(b []byte, rels []entity.Relationship) []byte {
	b = append(b, '[')
	for i := range rels {
		r := &rels[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"`+entity.KeyRelationshipType+`":`...)
		b = entity.AppendJSONString(b, r.Type)
		b = append(b, `,"`+entity.KeyEntityType+`":`...)
		b = entity.AppendJSONString(b, r.Target.Type)
		b = append(b, `,"`+entity.KeyEntityID+`":`...)
		b = appendIdentity(b, r.Target.ID)
		if len(r.Attributes) > 0 {
			b = append(b, `,"`+entity.KeyRelationshipAttributes+`":`...)
			b = r.Attributes.AppendJSON(b)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}
