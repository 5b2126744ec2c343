package gremlin

import (
	"iter"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// This file chooses how the nodes that pass filters are found: by the indexes
// of the view where they know the answer, by looking at nodes where they do not.

// clause is terms of which one must hold. All clauses of a source must hold.
type clause []term

// clausesOf takes filters apart into clauses.
func clausesOf(filters []*filter) []clause {
	n := 0
	for _, f := range filters {
		n += len(f.terms)
	}
	out := make([]clause, 0, n)
	for _, f := range filters {
		if f.either {
			out = append(out, f.terms)
			continue
		}
		for i := range f.terms {
			if t := f.terms[i]; t.plain && t.pred.sense == otherHit {
				// Another value than this is any value, and not this: indexes know both.
				some, not := t, t
				some.pred, not.pred.sense = predicate{op: opExists}, noneHit
				out = append(out, clause{some}, clause{not})
				continue
			}
			out = append(out, f.terms[i:i+1])
		}
	}
	return out
}

// node looks whether the clause holds for a node.
func (c clause) node(v *graph.View, slot int32) bool {
	for i := range c {
		if c[i].node(v, slot) {
			return true
		}
	}
	return false
}

// edge looks whether the clause holds for an edge.
func (c clause) edge(v *graph.View, slot int32) bool {
	for i := range c {
		if c[i].edge(v, slot) {
			return true
		}
	}
	return false
}

// candidates are the nodes that an index gives for a clause: no other can pass.
type candidates struct {
	// lists are their slots, in each of them once. ordered tells that the only
	// one is in ascending order.
	lists   []iter.Seq[int32]
	ordered bool
	// count is the sum of the lengths of the lists, loose that it may be more.
	count int
	loose bool
	// set are the candidates as the index itself holds them, nil when it has
	// several lists of them.
	set *graph.Slots
	// exact tells that all of them pass.
	exact bool
}

// add takes the answer of an index by value.
func (c *candidates) add(set graph.Slots) {
	if c.list(set.All(), set.Count()); len(c.lists) == 1 && set.Count() > 0 {
		c.ordered, c.set = true, &set
	}
}

// addUnordered takes the answer of an index by order; false means that it cannot
// tell.
func (c *candidates) addUnordered(list iter.Seq[int32], count int) bool {
	c.list(list, count)
	c.loose = true
	return count >= 0
}

func (c *candidates) list(list iter.Seq[int32], count int) {
	if count > 0 {
		c.ordered, c.set = false, nil
		c.lists = append(c.lists, list)
		c.count += count
	}
}

// indexed asks the indexes of a view for the nodes for which the clause may
// hold, nil when they cannot tell. Indexes by order are made on demand: they
// are asked only when ranges is set.
func (c clause) indexed(v *graph.View, ranges bool) *candidates {
	out := &candidates{exact: true, set: &graph.Slots{}}
	for i := range c {
		if !c[i].indexed(v, ranges, out) {
			return nil
		}
	}
	return out
}

func (t *term) indexed(v *graph.View, ranges bool, out *candidates) bool {
	p := &t.pred
	with := func(value entity.Value) bool {
		set, ok := v.NodeSet(t.key, value)
		if ok {
			out.add(set)
		}
		return ok
	}
	switch {
	case p.sense != someHit:
		return false
	case t.key == graph.FieldID:
		return t.byID(v, out)
	case p.op == opExists:
		set, ok := v.NodesHaving(t.key)
		if ok {
			out.add(set)
		}
		return ok
	case p.op == opEqual:
		return with(p.a)
	case p.op == opWithin:
		for _, value := range p.list {
			if !with(value) {
				return false
			}
		}
		return true
	case p.op == opRegex && p.whole:
		for _, text := range p.starts {
			if !with(entity.String(text)) {
				return false
			}
		}
		return true
	case ranges:
		return t.inOrder(v, out)
	}
	return false
}

// byID finds nodes by their IDs.
func (t *term) byID(v *graph.View, out *candidates) bool {
	ids, ok := t.ids(v)
	for _, id := range ids {
		slot := v.NodeSlot(id)
		if t.shows {
			slot = v.SlotByID(id)
		}
		if slot >= 0 {
			out.list(func(yield func(int32) bool) { yield(slot) }, 1)
		}
	}
	return ok
}

// ids are the IDs that a term allows, when it names them. In a slice one ID is
// of several elements, which are not found by it.
func (t *term) ids(v *graph.View) (ids []entity.UUID, ok bool) {
	if t.key != graph.FieldID || t.pred.sense != someHit || v.IsSlice() {
		return nil, false
	}
	one := func(value entity.Value) {
		// What is written in another way than IDs are is none.
		if id, err := entity.ParseUUID(value.Str()); err == nil && id.String() == value.Str() {
			ids = append(ids, id)
		}
	}
	switch t.pred.op {
	case opEqual:
		one(t.pred.a)
	case opWithin:
		for _, value := range t.pred.list {
			one(value)
		}
	default:
		return nil, false
	}
	return ids, true
}

// ofRelation tells whether the clause asks for edges of one RelationType.
func (c clause) ofRelation() bool {
	return len(c) == 1 && c[0].relation && c[0].pred.op == opEqual && c[0].pred.sense == someHit && c[0].pred.a.Kind() == entity.KindString
}

// edgesByID finds the edges for which the clause may hold by their IDs, in
// ascending order; nil when it does not name them.
func (c clause) edgesByID(v *graph.View) []int32 {
	out := []int32{}
	for i := range c {
		ids, ok := c[i].ids(v)
		if !ok {
			return nil
		}
		for _, id := range ids {
			if slot := v.EdgeSlot(id); slot >= 0 {
				out = append(out, slot)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Costs, in what looking at one node takes: about 16 entries of an index are
// read in that time, and 1,000 words cleared.
const (
	entriesPerLook = 16
	wordsPerLook   = 1000
)

// price is what making a set of the candidates costs, in looks.
func (c *candidates) price(v *graph.View) int {
	if c.set != nil {
		return 0
	}
	return c.count/entriesPerLook + v.NodeSlots()/(64*wordsPerLook)
}

// gather makes a set of the candidates, nil when the run has to stop.
func (c *candidates) gather(x *exec) bitset {
	set := x.bitset(x.view.NodeSlots())
	if set == nil {
		return nil
	}
	for _, list := range c.lists {
		for slot := range list {
			if !x.visit() {
				return nil
			}
			set.set(slot)
		}
	}
	return set
}

// slots yields the candidates, each once, in ascending order.
func (c *candidates) slots(x *exec) iter.Seq[int32] {
	switch {
	case len(c.lists) == 0:
		return bitset(nil).all()
	case c.ordered && len(c.lists) == 1:
		return func(yield func(int32) bool) {
			for slot := range c.lists[0] {
				if !x.visit() || !yield(slot) {
					return
				}
			}
		}
	case c.count > x.view.NodeSlots()/64+8:
		return c.gather(x).all()
	}
	found := make([]int32, 0, c.count)
	for _, list := range c.lists {
		for slot := range list {
			if !x.visit() {
				return bitset(nil).all()
			}
			found = append(found, slot)
		}
	}
	slices.Sort(found)
	return slices.Values(slices.Compact(found))
}
