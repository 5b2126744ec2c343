package flowstore

import (
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// block is some rows of an answer, column by column. It is valid only while it
// is being handled; its strings have to be copied.
type block struct {
	columns []logstorage.BlockColumn
	rows    int
}

// column returns the values of a field, nil when no row has it.
func (b *block) column(name string) []string {
	for i := range b.columns {
		if b.columns[i].Name == name {
			return b.columns[i].Values
		}
	}
	return nil
}

// at returns a value of a column, "" when there is none.
func at(column []string, row int) string {
	if column == nil {
		return ""
	}
	return column[row]
}

// decoder makes records of rows. It is for one goroutine at a time.
type decoder struct {
	table *flowrecord.Table
	// last are the string values seen last of each field: most repeat.
	last map[*flowrecord.Field]string
}

func newDecoder(t *flowrecord.Table) *decoder {
	return &decoder{table: t, last: make(map[*flowrecord.Field]string)}
}

// bound is a column with its field.
type bound struct {
	field  *flowrecord.Field
	values []string
}

// bind finds the fields of a block's columns.
func (d *decoder) bind(b *block, into []bound) []bound {
	into = into[:0]
	for i := range b.columns {
		if f := d.table.Wire(b.columns[i].Name); f != nil {
			into = append(into, bound{f, b.columns[i].Values})
		}
	}
	return into
}

// record makes the record of a row with a time.
func (d *decoder) record(cols []bound, row int, when int64) *flowrecord.Record {
	r := new(flowrecord.Record)
	d.read(r, cols, row, when)
	return r
}

// read makes r the record of a row. Values that make no sense are left out;
// what is not stored since it is the time of the row is filled in.
func (d *decoder) read(r *flowrecord.Record, cols []bound, row int, when int64) {
	*r = flowrecord.Record{}
	for _, c := range cols {
		d.set(r, c.field, c.values[row])
	}
	if r.Metric.Last == 0 {
		r.Metric.Last = when
	}
	if r.Update.Last == 0 && !r.Update.IsZero() {
		r.Update.Last = when
	}
}

// derived reports whether a field may be missing in a row because it is the
// row's time.
func derived(wire string) bool { return wire == fieldEnd || wire == fieldUpdateEnd }

func (d *decoder) set(r *flowrecord.Record, f *flowrecord.Field, s string) {
	if s == "" {
		return
	}
	switch f.Kind {
	case entity.KindInt:
		if n, ok := parseInt(s); ok {
			f.Set(r, entity.Int(n))
		}
	case entity.KindMap:
		if v, err := entity.ParseJSON(strings.Clone(s)); err == nil && v.Kind() == entity.KindMap {
			f.Set(r, v)
		}
	default:
		f.Set(r, entity.String(d.own(f, s)))
	}
}

// own returns a copy of s, the same one for the same string in a row.
func (d *decoder) own(f *flowrecord.Field, s string) string {
	if l, ok := d.last[f]; ok && l == s {
		return l
	}
	l := strings.Clone(s)
	d.last[f] = l
	return l
}

// parseInt reads what strconv.AppendInt writes.
func parseInt(s string) (int64, bool) {
	digits, negative := strings.CutPrefix(s, "-")
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	var n uint64
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	switch {
	case negative && n <= 1<<63:
		return -int64(n), true
	case n < 1<<63:
		return int64(n), true
	}
	return 0, false
}

// parseUUID reads a UUID; it costs no allocation.
func parseUUID(s string) (u entity.UUID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return u, false
	}
	j := 0
	for i := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			j++
		}
		hi, lo := unhex(s[j]), unhex(s[j+1])
		if hi|lo > 15 {
			return entity.UUID{}, false
		}
		u[i] = hi<<4 | lo
		j += 2
	}
	return u, true
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
