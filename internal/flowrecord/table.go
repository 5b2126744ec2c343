package flowrecord

import (
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Table is the table of fields with indexes on both names. It is immutable.
type Table struct {
	fields  []Field
	byQuery map[string]*Field
	byWire  map[string]*Field
	// groups are the names in front of the dot, with their fields.
	groups map[string][]*Field
}

// NewTable makes the table. It costs a few microseconds: keep it.
func NewTable() *Table {
	t := &Table{fields: Fields(), byQuery: make(map[string]*Field), byWire: make(map[string]*Field), groups: make(map[string][]*Field)}
	for i := range t.fields {
		f := &t.fields[i]
		t.byQuery[f.Query], t.byWire[f.Wire] = f, f
		if group, _, ok := strings.Cut(f.Query, "."); ok {
			t.groups[group] = append(t.groups[group], f)
		}
	}
	// Times of Metric are those of the flow.
	t.byQuery["Metric.Start"], t.byQuery["Metric.Last"] = t.byQuery["Start"], t.byQuery["Last"]
	return t
}

// Fields returns the rows in the order of answers; it must not be changed.
func (t *Table) Fields() []Field { return t.fields }

// Query finds a field by its name in queries, nil if there is none.
func (t *Table) Query(name string) *Field { return t.byQuery[name] }

// Wire finds a field by its name on the wire, nil if there is none.
func (t *Table) Wire(name string) *Field { return t.byWire[name] }

// Value returns a field as queries see it: as on the wire, with times in
// milliseconds and Network.Protocol and Transport.Protocol in capitals.
func (f *Field) Value(r *Record) entity.Value {
	switch f.Query {
	case "Network.Protocol":
		return str(r.NetworkProtocol)
	case "Transport.Protocol":
		return str(r.TransportProtocol)
	}
	v := f.Get(r)
	if f.Time && !v.IsZero() {
		return entity.Int(v.Int() / int64(time.Millisecond))
	}
	return v
}

// Lookup yields what a path names in a record: a field, a group of fields as a
// map, or what is inside of a field with details. Counters that are 0 are there.
func (t *Table) Lookup(r *Record, path string, yield func(entity.Value) bool) {
	if f := t.byQuery[path]; f != nil {
		if v := f.shown(r); !v.IsZero() {
			yield(v)
		}
		return
	}
	if a := t.group(r, path); len(a) > 0 {
		yield(entity.Map(a))
		return
	}
	if head, rest, ok := strings.Cut(path, "."); ok {
		if f := t.byQuery[head]; f != nil && f.Kind == entity.KindMap {
			f.Get(r).Map().Lookup(rest, yield)
		}
	}
}

// shown is Value, with the zeros of counters.
func (f *Field) shown(r *Record) entity.Value {
	v := f.Value(r)
	if v.IsZero() && f.Kind == entity.KindInt && (strings.HasPrefix(f.Query, "Metric.") || strings.HasPrefix(f.Query, "LastUpdateMetric.")) {
		return entity.Int(0)
	}
	return v
}

func (t *Table) group(r *Record, name string) entity.Attrs {
	var a entity.Attrs
	for _, f := range t.groups[name] {
		if v := f.shown(r); !v.IsZero() {
			a = append(a, entity.A(f.Query[len(name)+1:], v))
		}
	}
	switch name {
	case "Metric":
		a = append(a, times(&r.Metric)...)
	case "LastUpdateMetric":
		if r.Update.IsZero() {
			return nil
		}
	}
	return a.Normalize()
}

func times(m *Metric) entity.Attrs {
	return entity.Attrs{
		entity.A("Start", entity.Int(m.Start/int64(time.Millisecond))),
		entity.A("Last", entity.Int(m.Last/int64(time.Millisecond))),
	}
}

// Attrs returns the whole record as queries show it, in groups.
func (t *Table) Attrs(r *Record) entity.Attrs {
	a := make(entity.Attrs, 0, 32)
	for i := range t.fields {
		f := &t.fields[i]
		if group, _, ok := strings.Cut(f.Query, "."); ok {
			if first := t.groups[group][0]; first == f {
				if g := t.group(r, group); len(g) > 0 {
					a = append(a, entity.A(group, entity.Map(g)))
				}
			}
			continue
		}
		if v := f.Value(r); !v.IsZero() {
			a = append(a, entity.A(f.Query, v))
		}
	}
	return a.Normalize()
}
