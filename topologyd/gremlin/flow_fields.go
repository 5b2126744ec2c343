package gremlin

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// flowFields are the fields of flows by the names that queries use.
type flowFields struct {
	*flowrecord.Table
	// groups are the names before a dot.
	groups map[string]bool
	names  []string
}

// flows returns the fields of flows; they are made for the first step that
// needs them.
func (c *compiler) flowFields() *flowFields {
	if c.fields != nil {
		return c.fields
	}
	f := &flowFields{Table: flowrecord.NewTable(), groups: make(map[string]bool)}
	for _, field := range f.Fields() {
		f.names = append(f.names, field.Query)
		if group, _, ok := strings.Cut(field.Query, "."); ok && !f.groups[group] {
			f.groups[group] = true
			f.names = append(f.names, group)
		}
	}
	c.fields = f
	return f
}

// known tells whether flows may have a field of that name: one of the table, a
// group of them, or what is inside of details such as DNS.
func (f *flowFields) known(key string) bool {
	if f.Query(key) != nil || f.groups[key] {
		return true
	}
	head, _, inside := strings.Cut(key, ".")
	field := f.Query(head)
	return inside && field != nil && field.Kind == entity.KindMap
}

// flowKey takes an argument that names a field of a flow.
func (c *compiler) flowKey(a *arg) (string, error) {
	if !a.isKey() {
		return "", c.bad(a, "a field in quotes such as 'Application'")
	}
	key, f := aliasedField(a.val.Str()), c.flowFields()
	if f.known(key) {
		return key, nil
	}
	return "", &SyntaxError{
		Position: positionAt(c.text, a.pos), Got: a.describe(),
		Reason: "flows have no field " + string(appendQuoted(nil, clip(key))), Expected: closest(key, f.names),
	}
}

// keyOn takes an argument that names a key of what the step works on.
func (c *compiler) keyOn(in Kind, a *arg) (string, error) {
	if in == KindFlows {
		return c.flowKey(a)
	}
	return c.key(a)
}

// sides are the groups of fields with two ends, A and B.
func sides(key string) bool { return key == "Network" || key == "Link" || key == "Transport" }

// flowTerm makes a term on a field of flows. Network, Link and Transport stand
// for both ends, as if they were a list.
func (c *compiler) flowTerm(key string, p predicate) term {
	f := c.flowFields()
	t := term{key: key, pred: written(key, p), table: f.Table}
	if sides(key) {
		t.fields = []*flowrecord.Field{f.Query(key + ".A"), f.Query(key + ".B")}
	} else if one := f.Query(key); one != nil {
		t.fields = []*flowrecord.Field{one}
	}
	return t
}

// written gives the texts of a predicate the form in which fields write them:
// addresses in their shortest form, hexadecimal digits small.
func written(key string, p predicate) predicate {
	var form func(string) string
	switch key {
	case "Network", "Network.A", "Network.B":
		form = func(s string) string {
			if a, err := netip.ParseAddr(s); err == nil {
				return a.Unmap().String()
			}
			return s
		}
	case "Link", "Link.A", "Link.B", "UUID", "ParentUUID", "NodeTID", "TrackingID", "L3TrackingID":
		form = strings.ToLower
	default:
		return p
	}
	text := func(v entity.Value) entity.Value {
		if v.Kind() == entity.KindString {
			return entity.String(form(v.Str()))
		}
		return v
	}
	p.a = text(p.a)
	p.list = slices.Clone(p.list)
	for i := range p.list {
		p.list[i] = text(p.list[i])
	}
	return p
}

// counter tells whether a field is one whose 0 is shown.
func counter(f *flowrecord.Field) bool {
	return f.Kind == entity.KindInt && (strings.HasPrefix(f.Query, "Metric.") || strings.HasPrefix(f.Query, "LastUpdateMetric."))
}

// flow tells whether a flow passes.
func (t *term) flow(r *flowrecord.Record) bool {
	var f found
	see := func(v entity.Value) bool { return f.see(&t.pred, v) }
	if t.fields == nil {
		t.table.Lookup(r, t.key, see)
	}
	for _, field := range t.fields {
		v := field.Value(r)
		if v.IsZero() && counter(field) {
			v = entity.Int(0)
		}
		if !v.IsZero() && !see(v) {
			break
		}
	}
	return t.pred.verdict(f.exists, f.hit)
}

// flow tells whether a flow passes; a nil filter lets everything pass.
func (f *filter) flow(r *flowrecord.Record) bool {
	if f == nil {
		return true
	}
	for i := range f.terms {
		if f.terms[i].flow(r) == f.either {
			return f.either
		}
	}
	return !f.either
}

// flowLookup is how keys are looked up in a flow.
func flowLookup(t *flowrecord.Table, r *flowrecord.Record) lookupFunc {
	return func(path string, yield func(entity.Value) bool) { t.Lookup(r, path, yield) }
}

// recordBytes is what a flow takes that is remembered.
const recordBytes = 1024

// keepFlow copies a record that is to be remembered; nil means stop.
func (x *exec) keepFlow(r *flowrecord.Record) *flowrecord.Record {
	if !x.take(recordBytes) {
		return nil
	}
	out := new(flowrecord.Record)
	copyFlow(out, r)
	return out
}

// copyFlow copies a record, and all of it that the source may use again.
func copyFlow(to, from *flowrecord.Record) {
	*to = *from
	if from.TCP != nil {
		tcp := *from.TCP
		to.TCP = &tcp
	}
}
