package gremlin

import (
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// filter is a list of terms, all of which hold, or one of which (either).
type filter struct {
	terms  []term
	either bool
	// weight is how much work looking at an element is, beside visiting it.
	weight int
}

// term is a predicate on a key. The key of a term on bare values is "".
type term struct {
	key  string
	pred predicate
	// plain keys name a top-level attribute and nothing else.
	plain bool
	// relation is set for the RelationType of edges, which a view knows without
	// looking at the edge.
	relation bool
	// id is the ID that the term asks for, zero when it asks for something else.
	id entity.UUID
	// shows is set when a node that shows the entity with that ID passes too,
	// whichever node the entity joined.
	shows bool
	// table and fields are set for fields of flows; no fields means that the key
	// leads deeper.
	table  *flowrecord.Table
	fields []*flowrecord.Field
}

func newTerm(key string, p predicate) term {
	plain := !strings.ContainsAny(key, "@.") && key != "Metric" && key != "LastUpdateMetric" && key != entity.KeyRelationType
	t := term{key: key, pred: p, plain: plain, relation: key == entity.KeyRelationType}
	if key == graph.FieldID && p.op == opEqual && p.sense == someHit {
		if id, err := entity.ParseUUID(p.a.Str()); err == nil && id.String() == p.a.Str() {
			t.id = id
		}
	}
	return t
}

// found collects what a path of several values names.
type found struct{ exists, hit bool }

func (f *found) see(p *predicate, v entity.Value) bool {
	f.exists = true
	f.hit = f.hit || p.hit(v)
	return !f.hit
}

func (t *term) node(v *graph.View, slot int32) bool {
	if t.plain {
		return t.pred.accepts(v.NodeAttr(slot, t.key))
	}
	if !t.id.IsZero() {
		return v.NodeID(slot) == t.id || t.shows && v.SlotByID(t.id) == slot
	}
	var f found
	v.LookupNode(slot, t.key, func(v entity.Value) bool { return f.see(&t.pred, v) })
	return t.pred.verdict(f.exists, f.hit)
}

func (t *term) edge(v *graph.View, slot int32) bool {
	if t.relation {
		return t.pred.accepts(entity.String(v.RelationType(slot)))
	}
	if t.plain {
		return t.pred.accepts(v.EdgeAttr(slot, t.key))
	}
	if !t.id.IsZero() {
		return v.EdgeID(slot) == t.id
	}
	var f found
	v.LookupEdge(slot, t.key, func(v entity.Value) bool { return f.see(&t.pred, v) })
	return t.pred.verdict(f.exists, f.hit)
}

func (t *term) value(v entity.Value) bool {
	if t.key == "" {
		return t.pred.accepts(v)
	}
	var f found
	v.Map().Lookup(t.key, func(v entity.Value) bool { return f.see(&t.pred, v) })
	return t.pred.verdict(f.exists, f.hit)
}

// node tells whether the node in a slot passes; a nil filter lets everything
// pass.
func (f *filter) node(v *graph.View, slot int32) bool {
	if f == nil {
		return true
	}
	for i := range f.terms {
		if f.terms[i].node(v, slot) == f.either {
			return f.either
		}
	}
	return !f.either
}

// edge tells whether the edge in a slot passes; one that asks for nothing but
// the RelationType does not touch the edge.
func (f *filter) edge(v *graph.View, slot int32) bool {
	if f == nil {
		return true
	}
	for i := range f.terms {
		if f.terms[i].edge(v, slot) == f.either {
			return f.either
		}
	}
	return !f.either
}

// value tells whether a value passes: keys lead into it when it is a map.
func (f *filter) value(v entity.Value) bool {
	for i := range f.terms {
		if f.terms[i].value(v) == f.either {
			return f.either
		}
	}
	return !f.either
}
