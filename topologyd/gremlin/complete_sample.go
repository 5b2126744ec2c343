package gremlin

import (
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// everything is the query for all elements of a kind, nil for other kinds.
func everything(kind Kind) []call {
	g := call{name: stepG, bare: true}
	switch kind {
	case KindNodes:
		return []call{g, {name: "V"}}
	case KindEdges:
		return []call{g, {name: "E"}}
	case KindFlows:
		return []call{g, {name: "Flows"}}
	default:
		return nil
	}
}

// reach is the query for what the keys and values of a step's arguments are of:
// the steps before it, the step itself when it names keys of what it leads to,
// and the pairs that stand before the place. It leaves out times: the view is of
// the time that is asked about.
func (c *completer) reach(s *call, h help, pairs []arg) []call {
	var calls []call
	for i := range c.steps {
		switch c.steps[i].name {
		case "At", "Context":
		case stepG:
			calls = append(calls[:0], c.steps[i])
		default:
			calls = append(calls, c.steps[i])
		}
	}
	switch {
	case h.takes == takesTarget:
		calls = everything(h.of) // anywhere
	case h.of == KindEdges && c.kind == KindNodes && (h.takes == takesDepth || s.name == "SubGraph"):
		calls = append(calls, call{name: "BothE"}, call{name: "Dedup"})
	case h.of == KindEdges && c.kind == KindPaths:
		return everything(KindEdges)
	case h.of != KindNone && h.takes == takesFilter && s.name != "SubGraph":
		calls = append(calls, call{name: s.name, pos: s.pos})
	}
	if n := len(pairs) &^ 1; n > 0 && s.name != "HasEither" {
		calls = append(calls, call{name: "Has", pos: s.pos, args: pairs[:n]})
	}
	return calls
}

// arranged is the query for what the step before the place works on that By
// belongs to.
func (c *completer) arranged() []call {
	calls := c.reach(&call{}, help{}, nil)
	for len(calls) > 0 && calls[len(calls)-1].name == stepBy {
		calls = calls[:len(calls)-1]
	}
	return calls[:max(0, len(calls)-1)]
}

// ordered tells whether a By at the place belongs to Order.
func (c *completer) ordered() bool {
	n := len(c.steps)
	for n > 0 && c.steps[n-1].name == stepBy {
		n--
	}
	return n > 0 && c.steps[n-1].name == "Order"
}

// counted is the query for what the metrics before the place are of.
func (c *completer) counted() []call {
	calls := c.reach(&call{}, help{}, nil)
	for i := range calls {
		if calls[i].name == "Metrics" {
			return calls[:i]
		}
	}
	return everything(c.series)
}

// element is what is looked at: a node, an edge, a flow or a map.
type element interface {
	Lookup(path string, yield func(entity.Value) bool)
	Metadata() entity.Attrs
}

// aFlow and aMap are flows and maps as elements.
type aFlow struct {
	fields *flowrecord.Table
	record *flowrecord.Record
}

func (f aFlow) Lookup(path string, yield func(entity.Value) bool) {
	f.fields.Lookup(f.record, path, yield)
}

func (f aFlow) Metadata() entity.Attrs { return f.fields.Attrs(f.record) }

// aNode and anEdge are nodes and edges as elements.
type aNode struct {
	v    *graph.View
	slot int32
}

func (n aNode) Lookup(path string, yield func(entity.Value) bool) {
	n.v.LookupNode(n.slot, path, yield)
}

func (n aNode) Metadata() entity.Attrs { return n.v.NodeMetadata(n.slot) }

type anEdge struct {
	v    *graph.View
	slot int32
}

func (e anEdge) Lookup(path string, yield func(entity.Value) bool) {
	e.v.LookupEdge(e.slot, path, yield)
}

func (e anEdge) Metadata() entity.Attrs { return e.v.EdgeMetadata(e.slot) }

type aMap struct{ entity.Attrs }

func (m aMap) Metadata() entity.Attrs { return m.Attrs }

// look visits what a query gives, at most so many elements; when it gives none,
// or makes no sense, all elements of the kind. indexed tells that these were all
// nodes of the view.
func (c *completer) look(calls []call, kind Kind, most int, visit func(element)) (indexed bool) {
	all := everything(kind)
	same := slices.EqualFunc(calls, all, func(a, b call) bool { return a.name == b.name && len(a.args) == 0 })
	if all == nil || !same {
		if c.run(calls, kind, most, visit) > 0 || all == nil {
			return false
		}
		c.out.Sampled = false
	}
	switch kind {
	case KindNodes:
		c.spread(c.view.NodeSlots(), most, func(slot int32) {
			if c.view.HasNode(slot) {
				visit(aNode{c.view, slot})
			}
		})
		return true
	case KindEdges:
		c.spread(c.view.EdgeSlots(), most, func(slot int32) {
			if c.view.HasEdge(slot) {
				visit(anEdge{c.view, slot})
			}
		})
	default:
		c.run(all, kind, most, visit)
	}
	return false
}

// spread visits at most so many of n slots, evenly.
func (c *completer) spread(n, most int, visit func(int32)) {
	step := (n + most - 1) / most
	if step > 1 {
		c.out.Sampled = true
	}
	for i, looked := 0, 0; i < n; i += step {
		if looked++; looked%checkEvery == 0 && c.ctx.Err() != nil {
			c.out.Sampled = true
			return
		}
		visit(int32(i))
	}
}

// run visits what a query gives and tells how many elements that were.
func (c *completer) run(calls []call, kind Kind, most int, visit func(element)) (looked int) {
	q := &Query{text: c.text, steps: calls}
	if len(calls) == 0 || calls[0].name != stepG || q.compile(steps()) != nil || q.kind != kind && !onValues.has(q.kind) {
		return 0
	}
	lim := Limits{Time: narrowTime, Visited: max(most, valueSample), Memory: 32 << 20}
	if q.asksFlows {
		lim.Time = flowTime
		q.fields = (&compiler{}).flowFields().Table
	}
	x := newExec(c.ctx, q, c.view, Sources{Flows: c.src.Flows, At: c.src.At}, time.Now(), lim)
	if x.check() {
		looked = x.peek(q, most, visit)
	}
	if x.err != nil || looked == most {
		c.out.Sampled = true
	}
	return looked
}

// peek runs a query until so many elements are seen.
func (x *exec) peek(q *Query, most int, visit func(element)) (looked int) {
	f := flow{kind: KindGraph}
	for _, o := range q.ops {
		if f = o(x, f); x.err != nil {
			return 0
		}
	}
	more := func(e element) bool {
		visit(e)
		looked++
		return looked < most && x.visit()
	}
	switch {
	case f.kind == KindNodes && f.slots != nil:
		f.slots(func(slot int32) bool {
			return more(aNode{x.view, slot})
		})
	case f.kind == KindEdges && f.slots != nil:
		f.slots(func(slot int32) bool {
			return more(anEdge{x.view, slot})
		})
	case f.flows != nil:
		f.flows(func(r *flowrecord.Record) bool {
			return more(aFlow{x.fields, r})
		})
	case f.values != nil:
		f.values(func(v entity.Value) bool { return more(aMap{v.Map()}) })
	}
	return looked
}
