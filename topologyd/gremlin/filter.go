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
	// table and fields are set for fields of flows; no fields means that the key
	// leads deeper.
	table  *flowrecord.Table
	fields []*flowrecord.Field
}

func newTerm(key string, p predicate) term {
	plain := !strings.ContainsAny(key, "@.") && key != "Metric" && key != "LastUpdateMetric" && key != entity.KeyRelationType
	return term{key: key, pred: p, plain: plain, relation: key == entity.KeyRelationType}
}

// get is Attrs.Get for a scan over many elements: of few keys, most differ in
// length or first byte, and looking at each beats halving.
func get(a entity.Attrs, key string) entity.Value {
	if len(a) > 32 {
		return a.Get(key)
	}
	for i := range a {
		if a[i].Key == key {
			return a[i].Value
		}
	}
	return entity.Value{}
}

// found collects what a path of several values names.
type found struct{ exists, hit bool }

func (f *found) see(p *predicate, v entity.Value) bool {
	f.exists = true
	f.hit = f.hit || p.hit(v)
	return !f.hit
}

func (t *term) node(n *graph.Node) bool {
	if t.plain {
		return t.pred.accepts(get(n.Attrs, t.key))
	}
	var f found
	n.Lookup(t.key, func(v entity.Value) bool { return f.see(&t.pred, v) })
	return t.pred.verdict(f.exists, f.hit)
}

func (t *term) edge(e *graph.Edge) bool {
	if t.plain {
		return t.pred.accepts(get(e.Attrs, t.key))
	}
	if t.relation {
		return t.pred.accepts(entity.String(e.RelationType))
	}
	var f found
	e.Lookup(t.key, func(v entity.Value) bool { return f.see(&t.pred, v) })
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

// node tells whether a node passes; a nil filter lets everything pass.
func (f *filter) node(n *graph.Node) bool {
	if f == nil {
		return true
	}
	for i := range f.terms {
		if f.terms[i].node(n) == f.either {
			return f.either
		}
	}
	return !f.either
}

// edge tells whether an edge passes.
func (f *filter) edge(e *graph.Edge) bool {
	if f == nil {
		return true
	}
	for i := range f.terms {
		if f.terms[i].edge(e) == f.either {
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
