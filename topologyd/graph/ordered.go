package graph

import (
	"iter"
	mathbits "math/bits"
	"net/netip"
	"slices"
	"strings"

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

// SlotsBetween yields the slots of the nodes for which a key, which may be a
// path, holds a number, or a string, in a range, or a list with an element that
// is. Bounds are both numbers or both strings, or one is None. A node comes once;
// the order of the slots is not defined. count is how many come at most, exactly
// when no node has several values for the key. It is -1 when there is no ordered
// index of the key, or it cannot tell, since a string over 256 bytes is there or
// the key is a field of the element or a counter: the caller has to look at all
// nodes. That it asked is noted, so that the next [Graph.BuildWanted] makes one; a
// built view makes it at once.
func (v *View) SlotsBetween(key string, lo, hi Bound) (slots iter.Seq[int32], count int) {
	kind, s, ok := spanBetween(lo, hi)
	if !ok {
		return noSlots, -1
	}
	return v.slotsIn(orderedName{key, kind}, s, kind == orderedNumbers)
}

// SlotsWithPrefix is [View.SlotsBetween] for the strings that begin with a
// prefix.
func (v *View) SlotsWithPrefix(key, prefix string) (slots iter.Seq[int32], count int) {
	return v.slotsIn(orderedName{key, orderedStrings}, spanOfPrefix(prefix), false)
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
	return v.slotsIn(orderedName{key, orderedAddresses}, s, false)
}

// nodesAt is [View.NodeSet] by an ordered index, for paths that lead into maps.
func (v *View) nodesAt(path string, value entity.Value) (Slots, bool) {
	bound := Bound{Value: value}
	kind, s, ok := spanBetween(bound, bound)
	if !ok {
		return Slots{}, false
	}
	list, count := v.slotsIn(orderedName{path, kind}, s, true)
	if count < 0 {
		return Slots{}, false
	}
	// Entries with one key are in the order of their slots.
	return Slots{setOf(slices.AppendSeq(make([]int32, 0, count), list))}, true
}

// unused tells that no node has anything under a path, because nothing has the
// keys that it would lead by.
func (t *tables) unused(path string) bool {
	if path == entity.KeyTID || strings.Count(path, ".") > 6 || !t.dict.Unused(path) {
		return false
	}
	for i := range len(path) {
		if path[i] == '.' && !t.dict.Unused(path[:i]) && !t.unused(path[i+1:]) {
			return false
		}
	}
	return true
}

func noSlots(func(int32) bool) {}

// orderedIndex finds the nodes by the order of what they have under a key.
type orderedIndex struct {
	orderedName
	tree orderedTree
	// several is how many nodes have more than one entry, long how many have
	// strings that are too long to have one.
	several, long int
}

// orderedBy returns the ordered index with a name, nil when there is none.
func (x *index) orderedBy(name orderedName) *orderedIndex {
	for i := range x.ordered {
		if x.ordered[i].orderedName == name {
			return &x.ordered[i]
		}
	}
	return nil
}

// slotsIn returns the slots of the nodes that have entries in a span; whole tells
// that no string that is too long for an index belongs to it.
func (v *View) slotsIn(name orderedName, s span, whole bool) (slots iter.Seq[int32], count int) {
	if strings.HasPrefix(name.key, "@") || isCounter(name.key) {
		return noSlots, -1
	}
	var x *orderedIndex
	if v.built != nil {
		x = v.built.index.orderedBy(v, name)
	} else {
		if v.t.unused(name.key) {
			return noSlots, 0
		}
		x = v.t.index.orderedBy(name)
		v.t.index.wishes.note(name, x != nil)
	}
	if x == nil || x.long > 0 && !whole {
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

// journalBit stands for the journal among the bits of the ordered indexes.
const journalBit = 1 << maxOrdered

// orderedBits returns which ordered indexes, and whether the one that is being
// made, look at a top-level key.
func (g *Graph) orderedBits(key string) (bits uint32) {
	list := g.t.index.ordered
	for i := range list {
		if list[i].follows(key) {
			bits |= 1 << i
		}
	}
	if j := g.index.journal; j != nil && j.name.follows(key) {
		bits |= journalBit
	}
	return bits
}

// reorder moves a node in ordered indexes from its old to its new attributes.
func (g *Graph) reorder(slot int32, bits uint32, old, now entity.Attrs) {
	x, w := &g.t.index, &g.index
	for bits := bits &^ journalBit; bits != 0; bits &= bits - 1 {
		x.ownOrdered(g.epoch)
		i := &x.ordered[mathbits.TrailingZeros32(bits)]
		w.before.of(&i.orderedName, old.Lookup)
		w.after.of(&i.orderedName, now.Lookup)
		i.move(slot, w.before, w.after, g.epoch)
	}
	if bits&journalBit != 0 {
		var m move
		m.slot = slot
		m.before.of(&w.journal.name, old.Lookup)
		m.after.of(&w.journal.name, now.Lookup)
		w.journal.note(m)
	}
	w.before.clear()
	w.after.clear()
}

// clear forgets the keys, but not their room unless it is large.
func (n *nodeKeys) clear() {
	if clear(n.keys); cap(n.keys) > 1024 {
		n.keys = nil
	}
}

// ownOrdered makes sure that the list of ordered indexes may be written in this
// epoch.
func (x *index) ownOrdered(epoch uint64) {
	if x.orderedEpoch != epoch {
		x.ordered, x.orderedEpoch = slices.Clone(x.ordered), epoch
	}
}

// move moves a node from its old to its new keys.
func (x *orderedIndex) move(slot int32, old, now nodeKeys, epoch uint64) {
	x.count(old, -1)
	x.count(now, 1)
	// Both are in order: of a long list in which little changes, little is moved.
	before, after := old.keys, now.keys
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

func (x *orderedIndex) count(n nodeKeys, by int) {
	if len(n.keys) > 1 {
		x.several += by
	}
	if n.long {
		x.long += by
	}
}
