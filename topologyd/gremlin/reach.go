package gremlin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Way is how the result of a query can be kept current while the graph changes.
type Way uint8

// The ways, the cheapest first.
const (
	// WayLocal: an element alone decides whether it is in the result.
	WayLocal Way = iota + 1
	// WayBounded: the result is the union of what each start element gives, and
	// what one gives is decided within a few edges of it.
	WayBounded
	// WayGlobal: only running the query again tells.
	WayGlobal
)

// String returns the name of the way.
func (w Way) String() string {
	switch w {
	case WayLocal:
		return "local"
	case WayBounded:
		return "bounded"
	default:
		return "global"
	}
}

// Bounds of what is followed step by step; beyond them a query is global.
const (
	// maxReach is how many edges a result may be away from its start.
	maxReach = 8
	// maxPositions is how many different ways lead there.
	maxPositions = 64
)

// Reach tells how the result of a query depends on the graph: which elements it
// starts at, and how far from one of them lies what decides. Results are sets:
// order and repetition do not count. It is immutable and may be used by several
// goroutines.
type Reach struct {
	// Kind is KindNodes, KindEdges or KindGraph (of global ones only).
	Kind Kind
	Way  Way
	// Why says why a global query is global.
	Why string
	// Counters is set when the result may depend on counters, which change without
	// a change of the graph.
	Counters bool

	// start is the kind of the start elements, id the only one when it is not
	// zero, filters are what they pass, source is the query for them.
	start   Kind
	id      entity.UUID
	filters []*filter
	source  *Query
	// stages lead from the start to the result.
	stages []stage
	shape  Shape
	// keys are those that may decide about the result of a global query.
	keys keySet
}

// Reach works out the reach of a query. The error says why its result cannot be
// followed: it is not made of nodes and edges, or not of the graph as it is now.
func (q *Query) Reach() (*Reach, error) {
	r := &Reach{Kind: q.kind, Way: WayGlobal}
	last := &q.steps[len(q.steps)-1]
	refuse := func(format string, args ...any) (*Reach, error) {
		return nil, &EvalError{Position: positionAt(q.text, last.pos), Step: last.name, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case q.travels:
		return refuse("the query speaks of other times; only the graph as it is now can be followed")
	case q.asksFlows:
		return refuse("the query asks for flows; only nodes and edges can be followed")
	case len(q.steps) == 1:
		return refuse("follow the whole graph without a query")
	case q.kind != KindNodes && q.kind != KindEdges && q.kind != KindGraph:
		return refuse("the query gives %s; only nodes, edges and what SubGraph gives can be followed", q.kind)
	}
	b := reachBuilder{reach: r, c: &compiler{text: q.text, names: map[string]named{}, contexts: map[string]bool{}}}
	for i := range q.steps {
		b.mention(&q.steps[i])
	}
	r.Counters = slices.ContainsFunc(r.keys.paths, isCounter)
	if r.Counters {
		r.Why = "counters change without a change of the graph"
		return r, nil
	}
	if !b.build(q) {
		r.stages, r.shape = nil, Shape{}
		return r, nil
	}
	r.Way = WayBounded
	if len(r.shape.at) == 1 && len(r.stages) == 0 {
		r.Way = WayLocal
	}
	return r, nil
}

// isCounter tells whether a key leads to the counters of a node.
func isCounter(key string) bool {
	for _, k := range []string{"Metric", "LastUpdateMetric"} {
		if rest, ok := strings.CutPrefix(key, k); ok && (rest == "" || rest[0] == '.') {
			return true
		}
	}
	return false
}

// Start returns what the query starts at: KindNodes or KindEdges. It is for
// queries that are not global, as what follows is.
func (r *Reach) Start() Kind { return r.start }

// Shape returns the moves of the query, without what they are filtered by.
func (r *Reach) Shape() *Shape { return &r.shape }

// Source returns the query for the start elements.
func (r *Reach) Source() *Query { return r.source }

// Starts tells whether the query starts at the element in a slot, which must not
// be free.
func (r *Reach) Starts(v *graph.View, slot int32) bool {
	if !r.id.IsZero() {
		if r.start == KindEdges && v.EdgeID(slot) != r.id || r.start == KindNodes && v.NodeID(slot) != r.id {
			return false
		}
	}
	for _, f := range r.filters {
		if r.start == KindEdges && !f.edge(v, slot) || r.start == KindNodes && !f.node(v, slot) {
			return false
		}
	}
	return true
}

// From appends the slots of what one start element gives to out, each once, in
// ascending order. visits is how many nodes and edges may still be looked at; it
// is less than 0 afterwards when there were more, and the result is of no use.
func (r *Reach) From(v *graph.View, slot int32, visits *int, out []int32) []int32 {
	w := &stageRun{v: v, visits: visits, sets: true}
	found, _ := w.run(r.stages, r.start, []int32{slot})
	return append(out, compact(found)...)
}

// Keys returns the attributes, as dotted paths, whose change may alter the result
// of a global query; all tells that any change may.
func (r *Reach) Keys() (paths []string, all bool) { return r.keys.paths, r.keys.all }

// Term is a condition on one key: it has one of the values (a list: holds one of
// them), or, without values, it is there.
type Term struct {
	Key    string
	Values []entity.Value
}

// Demands returns what start elements satisfy: of each demand at least one term.
// Keys are those of attributes, of RelationType of edges, or @ID. There is none
// when nothing of that kind is asked for.
func (r *Reach) Demands() [][]Term {
	var out [][]Term
	if !r.id.IsZero() {
		out = append(out, []Term{{Key: graph.FieldID, Values: []entity.Value{entity.String(r.id.String())}}})
	}
	for _, f := range r.filters {
		if f == nil {
			continue
		}
		var all []Term
		for i := range f.terms {
			t, ok := demand(&f.terms[i])
			if f.either && !ok {
				all = nil
				break
			}
			if f.either {
				all = append(all, t)
			} else if ok {
				out = append(out, []Term{t})
			}
		}
		if len(all) > 0 {
			out = append(out, all)
		}
	}
	return out
}

// demand returns what a term asks for that can be looked up.
func demand(t *term) (Term, bool) {
	d := Term{Key: t.key}
	if t.pred.sense != someHit {
		return d, false
	}
	switch t.pred.op {
	case opEqual:
		d.Values = []entity.Value{t.pred.a}
	case opWithin:
		d.Values = t.pred.list
	}
	if strings.HasPrefix(t.key, "@") {
		return d, t.key == graph.FieldID && len(d.Values) > 0
	}
	return d, true
}

// keySet are keys of attributes, as paths, or all keys.
type keySet struct {
	all   bool
	paths []string
}

func (k *keySet) add(path string) {
	switch {
	case k.all:
	case strings.HasPrefix(path, "@"):
		// Fields change with every revision.
		*k = keySet{all: true}
	case !slices.Contains(k.paths, path):
		k.paths = append(k.paths, path)
	}
}

func (k *keySet) addFilter(f *filter) {
	if f == nil {
		return
	}
	for i := range f.terms {
		k.add(f.terms[i].key)
	}
}

func (k *keySet) merge(o keySet) {
	if k.all = k.all || o.all; k.all {
		k.paths = nil
		return
	}
	for _, p := range o.paths {
		k.add(p)
	}
}

func (k *keySet) empty() bool { return !k.all && len(k.paths) == 0 }

// has tells whether the attribute key is one of them, or a path leads into it.
func (k *keySet) has(key string) bool {
	if k.all {
		return true
	}
	for _, p := range k.paths {
		if rest, ok := strings.CutPrefix(p, key); ok && (rest == "" || rest[0] == '.') {
			return true
		}
	}
	return false
}

// compact sorts slots and leaves out what recurs.
func compact(slots []int32) []int32 {
	if len(slots) < 2 {
		return slots
	}
	slices.Sort(slots)
	return slices.Compact(slots)
}
