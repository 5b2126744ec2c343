package graph

import (
	"iter"

	"github.com/skein-net/skein/internal/entity"
)

// Slots is a set of slots of nodes of one view, in ascending order. The zero
// value is the empty set. It never changes.
type Slots struct{ set slotSet }

// NodeSet returns the slots of the nodes that [View.SlotsWith] gives; false
// when there is no index that can tell. Paths that lead into maps are answered by
// ordered indexes, see [View.SlotsBetween].
func (v *View) NodeSet(key string, value entity.Value) (Slots, bool) {
	if v.built != nil {
		return v.built.index.nodeSet(v, key, value)
	}
	x := &v.t.index
	if !indexable(value) {
		return Slots{}, false
	}
	if !x.covers(&v.t, key) {
		return v.nodesAt(key, value)
	}
	return Slots{x.find(&v.t, key, value)}, true
}

// NodesHaving returns the slots of the nodes that have an attribute, whatever its
// value; false when there is no index that can tell: the key is a dotted path
// that leads into a map of some node, a field of the element or a counter.
func (v *View) NodesHaving(key string) (Slots, bool) {
	if v.built != nil {
		return v.built.index.nodesHaving(v, key)
	}
	x := &v.t.index
	if !x.plain(&v.t, key) {
		return Slots{}, false
	}
	return Slots{x.find(&v.t, key, entity.List())}, true
}

// Count returns the number of slots.
func (s Slots) Count() int { return int(s.set.n) }

// Has reports whether a slot is in the set; it takes some ten nanoseconds.
func (s Slots) Has(slot int32) bool { return s.set.has(slot) }

// All yields the slots in ascending order.
func (s Slots) All() iter.Seq[int32] { return s.set.all }

// And returns the slots that are in both sets. It takes the time of looking at
// the smaller one, less when both are dense.
func (s Slots) And(o Slots) Slots {
	if s.set.n > o.set.n {
		s, o = o, s
	}
	if s.set.n <= fewSlots || s.set.big.leaves == nil || o.set.big.leaves == nil {
		out := make([]int32, 0, min(s.set.n, 64))
		for slot := range s.set.all {
			if o.set.has(slot) {
				out = append(out, slot)
			}
		}
		return Slots{setOf(out)}
	}
	out := &bigSet{leaves: []*leaf{}}
	n := int32(0)
	a, b := s.set.big.leaves, o.set.big.leaves
	for len(a) > 0 && len(b) > 0 {
		x, y := a[0], b[0]
		if l := x.and(y); l != nil {
			out.leaves = append(out.leaves, l)
			n += l.n
		}
		// Go on past the one that ends first.
		if endX, endY := int64(x.base)+1<<x.shift, int64(y.base)+1<<y.shift; endX <= endY {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	if n > fewSlots {
		return Slots{slotSet{n: n, big: out}}
	}
	few := make([]int32, 0, fewSlots)
	for _, l := range out.leaves {
		l.all(func(slot int32) bool {
			few = append(few, slot)
			return true
		})
	}
	return Slots{setOf(few)}
}

// Or returns the slots that are in either set. It takes the time of looking at
// both, or, when one is much smaller, at that one.
func (s Slots) Or(o Slots) Slots {
	if s.set.n < o.set.n {
		s, o = o, s
	}
	if o.set.n <= s.set.n/8 {
		return s.with(o)
	}
	few := make([]int32, 0, o.set.n)
	for slot := range o.set.all {
		few = append(few, slot)
	}
	var out setBuilder
	for slot := range s.set.all {
		for len(few) > 0 && few[0] < slot {
			out.add(few[0])
			few = few[1:]
		}
		if len(few) > 0 && few[0] == slot {
			few = few[1:]
		}
		out.add(slot)
	}
	for _, slot := range few {
		out.add(slot)
	}
	return Slots{out.set()}
}

// with returns the set with the slots of a small one, by copying what changes.
func (s Slots) with(o Slots) Slots {
	for slot := range o.set.all {
		if !s.set.has(slot) {
			s.set.add(slot, builderEpoch)
		}
	}
	// Nobody may write to it any more.
	if b := s.set.big; b != nil && b.epoch == builderEpoch {
		b.epoch = 0
		for _, l := range b.leaves {
			if l.epoch == builderEpoch {
				l.epoch = 0
			}
		}
	}
	return s
}

// posting is the set of the nodes, two or more, that have one term.
type posting struct {
	hash uint64
	set  slotSet
}
