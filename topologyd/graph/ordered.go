package graph

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// Bound is an end of a range of values. The zero Bound is the value none; use
// None for an end that is open to all sides.
type Bound struct {
	// Value is a number or a string.
	Value entity.Value
	// Open leaves the value itself out.
	Open bool
	// None sets no bound.
	None bool
}

// SlotsBetween yields the slots of the nodes for which a key holds a number, or
// a string, in a range, or a list with an element that is. Bounds are both
// numbers or both strings, or one is None. A node comes once; the order of the
// slots is not defined. count is how many come at most, exactly when no node has
// several values for the key. It is -1 when there is no ordered index of the key:
// the caller has to look at all nodes. That it asked is noted, so that the next
// [Graph.BuildWanted] makes one; a built view makes it at once.
func (v *View) SlotsBetween(key string, lo, hi Bound) (slots iter.Seq[int32], count int) {
	kind, s, ok := spanBetween(lo, hi)
	if !ok {
		return noSlots, -1
	}
	return v.slotsIn(orderedName{key, kind}, s)
}

// SlotsWithPrefix is [View.SlotsBetween] for the strings that begin with a
// prefix.
func (v *View) SlotsWithPrefix(key, prefix string) (slots iter.Seq[int32], count int) {
	return v.slotsIn(orderedName{key, orderedStrings}, spanOfPrefix(prefix))
}

// SlotsInNetwork is [View.SlotsBetween] for the strings that are IP addresses,
// with or without a slash and what follows, inside a network. An address of
// version 4 that is mapped into one of version 6 counts as the former; zones do
// not count.
func (v *View) SlotsInNetwork(key string, network netip.Prefix) (slots iter.Seq[int32], count int) {
	if !network.IsValid() {
		return noSlots, -1
	}
	s, ok := spanOfNetwork(network)
	if !ok {
		return noSlots, 0
	}
	return v.slotsIn(orderedName{key, orderedAddresses}, s)
}

func noSlots(func(int32) bool) {}

// orderedIndex finds the nodes by the order of what they have under a key.
type orderedIndex struct {
	orderedName
	tree orderedTree
	// several is how many nodes have more than one entry.
	several int
}

// ordered returns the ordered index that there is.
func (x *index) orderedBy(name orderedName) *orderedIndex {
	for i := range x.ordered {
		if x.ordered[i].orderedName == name {
			return &x.ordered[i]
		}
	}
	return nil
}

// slotsIn returns the slots of the nodes that have entries in a span.
func (v *View) slotsIn(name orderedName, s span) (slots iter.Seq[int32], count int) {
	var x *orderedIndex
	if v.built != nil {
		x = v.built.index.orderedBy(v, name)
	} else if v.t.index.covers(&v.t, name.key) {
		if name.key != entity.KeyTID && v.t.dict.Unused(name.key) {
			return noSlots, 0
		}
		x = v.t.index.orderedBy(name)
		v.t.index.wishes.note(name, x != nil)
	}
	if x == nil {
		return noSlots, -1
	}
	tree, several := x.tree, x.several > 0
	end := &s.last
	count = tree.len()
	if s.open {
		end = nil
	} else {
		count = tree.rank(s.last)
	}
	count = max(count-tree.rank(s.first), 0)
	return func(yield func(int32) bool) {
		if several && count > 1 {
			yield = once(yield, v.NodeSlots(), count)
		}
		tree.scan(s.first, end, yield)
	}, count
}

// once returns a function that passes each slot on the first time.
func once(yield func(int32) bool, slots, count int) func(int32) bool {
	if count < slots/64 {
		seen := make(map[int32]struct{}, min(count, 1024))
		return func(slot int32) bool {
			if _, ok := seen[slot]; ok {
				return true
			}
			seen[slot] = struct{}{}
			return yield(slot)
		}
	}
	seen := make([]uint64, slots/64+1)
	return func(slot int32) bool {
		word, bit := &seen[slot/64], uint64(1)<<(slot%64)
		if *word&bit != 0 {
			return true
		}
		*word |= bit
		return yield(slot)
	}
}

// reorder moves a node in the ordered indexes of a key from its old to its new
// value, and notes it for one that is being made.
func (g *Graph) reorder(slot int32, key string, old, now entity.Value) {
	x := &g.t.index
	for i := range x.ordered {
		if x.ordered[i].key == key {
			x.ownOrdered(g.epoch)
			x.ordered[i].move(slot, old, now, g.epoch)
		}
	}
	if j := g.index.journal; j != nil && j.name.key == key {
		j.note(slot, old, now)
	}
}

// ownOrdered makes sure that the list of ordered indexes may be written in this
// epoch.
func (x *index) ownOrdered(epoch uint64) {
	if x.orderedEpoch != epoch {
		x.ordered, x.orderedEpoch = slices.Clone(x.ordered), epoch
	}
}

// move moves a node from its old to its new value.
func (x *orderedIndex) move(slot int32, old, now entity.Value, epoch uint64) {
	var arr, arr2 [8]string
	before, after := x.kind.appendKeys(arr[:0], old), x.kind.appendKeys(arr2[:0], now)
	if len(before) > 1 {
		x.several--
	}
	if len(after) > 1 {
		x.several++
	}
	// Both are in order: of a long list in which little changes, little is moved.
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0] < after[0]:
			x.tree.remove(entry{before[0], slot}, epoch)
			before = before[1:]
		case len(before) == 0 || after[0] < before[0]:
			x.tree.insert(entry{after[0], slot}, epoch)
			after = after[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
}
