package gremlin

import (
	"iter"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// source is V or E with the filters that follow it.
type source struct {
	kind    Kind
	id      entity.UUID // not zero: only this element
	filters []*filter
}

// buildSource makes V and E: (), (ID) or (key, value …).
func buildSource(c *compiler, s *call, _ Kind) (op, Kind, error) {
	src := &source{kind: KindNodes}
	if s.name == "E" {
		src.kind = KindEdges
	}
	if len(s.args) == 1 && !s.args[0].isFn(fnMetadata) {
		byName := "V('Name', ...)"
		if src.kind == KindEdges {
			byName = "E('RelationType', ...)"
		}
		var err error
		if src.id, err = c.id(&s.args[0], s.name, byName); err != nil {
			return nil, 0, err
		}
	} else if len(s.args) > 0 {
		f, err := c.filter(s, s.args, false)
		if err != nil {
			return nil, 0, err
		}
		src.filters = append(src.filters, f)
	}
	c.source = src
	return src.run, src.kind, nil
}

func (s *source) run(x *exec, in flow) flow {
	out := flow{kind: s.kind, scope: in.scope}
	if s.kind == KindNodes {
		out.slots = func(yield func(int32) bool) { s.nodes(x, in.scope, yield) }
		if in.scope == nil && len(s.filters) == 0 && s.id.IsZero() {
			out.count = x.view.NodeCount
		} else if n, ok := s.count(x.view); ok && in.scope == nil {
			out.count = func() int { return n }
		}
		return out
	}
	out.slots = func(yield func(int32) bool) { s.edges(x, in.scope, yield) }
	if in.scope == nil && len(s.filters) == 0 && s.id.IsZero() {
		out.count = x.view.EdgeCount
	}
	return out
}

// count returns the number of nodes when the index alone tells it.
func (s *source) count(v *graph.View) (int, bool) {
	if !s.onlyID().IsZero() {
		return 0, false
	}
	at := s.lookup(v)
	if at == nil || !at.exact || len(at.lists) > 1 {
		return 0, false
	}
	return at.count, true
}

func (s *source) node(v *graph.View, slot int32) bool {
	for _, f := range s.filters {
		if !f.node(v, slot) {
			return false
		}
	}
	return true
}

func (s *source) edge(v *graph.View, slot int32) bool {
	for _, f := range s.filters {
		if !f.edge(v, slot) {
			return false
		}
	}
	return true
}

func (s *source) nodes(x *exec, sc *scope, yield func(int32) bool) {
	if id := s.onlyID(); !id.IsZero() {
		if x.view.IsSlice() {
			for slot := range x.view.NodeList() {
				if !x.visit() || x.view.NodeID(slot) == id && sc.node(slot) && s.node(x.view, slot) && !yield(slot) {
					return
				}
			}
			return
		}
		if n := x.view.Node(id); n != nil && sc.node(n.Slot) && s.node(x.view, n.Slot) && x.visit() {
			yield(n.Slot)
		}
		return
	}
	if at := s.lookup(x.view); at != nil {
		for slot := range at.slots(x) {
			if sc.node(slot) && (at.exact || s.node(x.view, slot)) && !yield(slot) {
				return
			}
		}
		return
	}
	if sc != nil {
		for slot := range sc.nodes.all() {
			if !x.visit() || s.node(x.view, slot) && !yield(slot) {
				return
			}
		}
		return
	}
	for slot := range x.view.NodeList() {
		if !x.visit() || s.node(x.view, slot) && !yield(slot) {
			return
		}
	}
}

func (s *source) edges(x *exec, sc *scope, yield func(int32) bool) {
	if id := s.onlyID(); !id.IsZero() {
		if x.view.IsSlice() {
			for slot := range x.view.EdgeList() {
				if !x.visit() || x.view.EdgeID(slot) == id && sc.edge(slot) && s.edge(x.view, slot) && !yield(slot) {
					return
				}
			}
			return
		}
		if e := x.view.Edge(id); e != nil && sc.edge(e.Slot) && s.edge(x.view, e.Slot) && x.visit() {
			yield(e.Slot)
		}
		return
	}
	if sc != nil {
		for slot := range sc.edges.all() {
			if !x.visit() || s.edge(x.view, slot) && !yield(slot) {
				return
			}
		}
		return
	}
	for slot := range x.view.EdgeList() {
		if !x.visit() || s.edge(x.view, slot) && !yield(slot) {
			return
		}
	}
}

// onlyID returns the ID that V(id) or a term on @ID asks for.
func (s *source) onlyID() entity.UUID {
	if !s.id.IsZero() {
		return s.id
	}
	for _, f := range s.filters {
		for i := range f.terms {
			t := &f.terms[i]
			if t.key == graph.FieldID && t.pred.op == opEqual && t.pred.sense == someHit && (!f.either || len(f.terms) == 1) {
				if id, err := entity.ParseUUID(t.pred.a.Str()); err == nil {
					return id
				}
			}
		}
	}
	return entity.UUID{}
}

// lookup is an answer of the view's index.
type lookup struct {
	lists []iter.Seq[int32]
	count int
	// exact is set when the index has done all the filtering.
	exact bool
}

// lookup chooses the filter that leaves the fewest nodes by the index, nil if
// none is served by it.
func (s *source) lookup(v *graph.View) *lookup {
	var best *lookup
	for _, f := range s.filters {
		if f.either {
			best = cheaper(best, indexed(v, f.terms))
			continue
		}
		for i := range f.terms {
			best = cheaper(best, indexed(v, f.terms[i:i+1]))
		}
	}
	if best != nil {
		best.exact = len(s.filters) == 1 && (s.filters[0].either || len(s.filters[0].terms) == 1)
	}
	return best
}

func cheaper(a, b *lookup) *lookup {
	if a == nil || b != nil && b.count < a.count {
		return b
	}
	return a
}

// indexed asks the index for the nodes that satisfy one of the terms, nil when
// it cannot tell.
func indexed(v *graph.View, terms []term) *lookup {
	l := &lookup{}
	ask := func(key string, value entity.Value) bool {
		nodes, count := v.SlotsWith(key, value)
		if count > 0 {
			l.lists = append(l.lists, nodes)
			l.count += count
		}
		return count >= 0
	}
	for i := range terms {
		t := &terms[i]
		if t.pred.sense != someHit {
			return nil
		}
		switch t.pred.op {
		case opEqual:
			if !ask(t.key, t.pred.a) {
				return nil
			}
		case opWithin:
			for _, value := range t.pred.list {
				if !ask(t.key, value) {
					return nil
				}
			}
		default:
			return nil
		}
	}
	return l
}

// slots yields the nodes that were found, each once, in ascending order.
func (l *lookup) slots(x *exec) iter.Seq[int32] {
	if l.count > x.view.NodeSlots()/64+8 {
		set := x.bitset(x.view.NodeSlots())
		if set == nil {
			return set.all()
		}
		for _, list := range l.lists {
			for slot := range list {
				if !x.visit() {
					return set[:0].all()
				}
				set.set(slot)
			}
		}
		return set.all()
	}
	found := make([]int32, 0, l.count)
	for _, list := range l.lists {
		for slot := range list {
			if !x.visit() {
				return slices.Values(found[:0])
			}
			found = append(found, slot)
		}
	}
	slices.Sort(found)
	return slices.Values(slices.Compact(found))
}
