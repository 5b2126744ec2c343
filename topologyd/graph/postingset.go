package graph

import (
	"slices"
	"sort"
)

const (
	// fewSlots are held in a set itself.
	fewSlots = 3
	// maxFlat is the length up to which the rest is one slice.
	maxFlat = 256
	// A leaf is for a range of slots, a power of two. It is divided when its list
	// gets too long; one of the smallest range becomes a bitmap instead.
	maxLeaf   = 256
	largeLeaf = 16 // logarithm of the largest range
	smallLeaf = 12 // of the smallest
	leafWords = 1 << smallLeaf / 64
)

// slotSet is a set of slots in ascending order that lives in a copy-on-write
// record: a copy of the struct is a snapshot, provided that the writer goes on
// with a higher epoch.
type slotSet struct {
	n   int32
	few [fewSlots]int32 // when n is at most fewSlots
	big *bigSet
}

// bigSet is one slice of slots, or a list of leaves in the order of their
// ranges.
type bigSet struct {
	epoch  uint64
	flat   []int32
	leaves []*leaf
}

// setOf returns the set of slots that are in ascending order, each once, which
// it keeps.
func setOf(slots []int32) slotSet {
	s := slotSet{n: int32(len(slots))}
	if len(slots) <= fewSlots {
		copy(s.few[:], slots)
	} else {
		s.big = &bigSet{flat: slots}
	}
	return s
}

// setBuilder makes a set of slots that are added in ascending order, each once.
type setBuilder struct {
	n      int32
	flat   []int32
	leaves []*leaf
}

func (b *setBuilder) add(slot int32) {
	b.n++
	if b.leaves == nil {
		if len(b.flat) < maxFlat {
			b.flat = append(b.flat, slot)
			return
		}
		flat := b.flat
		b.flat = nil
		for _, s := range flat {
			b.addToLeaf(s)
		}
	}
	b.addToLeaf(slot)
}

func (b *setBuilder) addToLeaf(slot int32) {
	if n := len(b.leaves); n == 0 || !b.leaves[n-1].covers(slot) {
		b.leaves = append(b.leaves, &leaf{base: slot &^ (1<<smallLeaf - 1), shift: smallLeaf})
	}
	b.leaves[len(b.leaves)-1].add(slot)
}

func (b *setBuilder) set() slotSet {
	if b.leaves == nil {
		return setOf(b.flat)
	}
	return slotSet{n: b.n, big: &bigSet{leaves: b.leaves}}
}

// has reports whether a slot is in the set.
func (s *slotSet) has(slot int32) bool {
	if s.n <= fewSlots {
		return slices.Contains(s.few[:s.n], slot)
	}
	if s.big.leaves == nil {
		_, ok := slices.BinarySearch(s.big.flat, slot)
		return ok
	}
	i := s.big.leafOf(slot)
	return i >= 0 && s.big.leaves[i].has(slot)
}

// all calls yield for every slot in order until it returns false.
func (s *slotSet) all(yield func(int32) bool) {
	if s.n <= fewSlots {
		for _, slot := range s.few[:s.n] {
			if !yield(slot) {
				return
			}
		}
		return
	}
	for _, slot := range s.big.flat {
		if !yield(slot) {
			return
		}
	}
	for _, l := range s.big.leaves {
		if !l.all(yield) {
			return
		}
	}
}

// one returns a slot of the set that is not empty.
func (s *slotSet) one() int32 {
	var out int32
	s.all(func(slot int32) bool {
		out = slot
		return false
	})
	return out
}

// add enters a slot that is not in the set.
func (s *slotSet) add(slot int32, epoch uint64) {
	switch {
	case s.n < fewSlots:
		i, _ := slices.BinarySearch(s.few[:s.n], slot)
		copy(s.few[i+1:], s.few[i:s.n])
		s.few[i] = slot
	case s.n == fewSlots:
		flat := make([]int32, 0, 2*fewSlots)
		flat = append(flat, s.few[:]...)
		i, _ := slices.BinarySearch(flat, slot)
		s.big = &bigSet{epoch: epoch, flat: slices.Insert(flat, i, slot)}
		s.few = [fewSlots]int32{}
	default:
		s.own(epoch).add(slot, epoch)
	}
	s.n++
}

// remove takes a slot out that is in the set.
func (s *slotSet) remove(slot int32, epoch uint64) {
	s.n--
	if s.big == nil {
		i := slices.Index(s.few[:], slot)
		copy(s.few[i:], s.few[i+1:])
		s.few[fewSlots-1] = 0
		return
	}
	b := s.own(epoch)
	b.remove(slot, epoch)
	switch {
	case s.n == fewSlots:
		copy(s.few[:], b.flat)
		s.big = nil
	case b.leaves != nil && s.n <= maxFlat/2:
		flat := make([]int32, 0, s.n)
		for _, l := range b.leaves {
			l.all(func(slot int32) bool {
				flat = append(flat, slot)
				return true
			})
		}
		b.flat, b.leaves = flat, nil
	}
}

// own returns what may be written in this epoch.
func (s *slotSet) own(epoch uint64) *bigSet {
	if b := s.big; b.epoch != epoch {
		s.big = &bigSet{epoch: epoch, flat: grown(b.flat), leaves: grown(b.leaves)}
	}
	return s.big
}

// grown returns a copy with room for a few more.
func grown[T any](s []T) []T {
	if s == nil {
		return nil
	}
	return append(make([]T, 0, len(s)+len(s)/16+1), s...)
}

// insert is slices.Insert that makes little room.
func insert[T any](s []T, i int, v T) []T {
	if len(s) == cap(s) {
		s = append(make([]T, 0, len(s)+len(s)/8+2), s...)
	}
	return slices.Insert(s, i, v)
}

func (b *bigSet) add(slot int32, epoch uint64) {
	if b.leaves == nil {
		if len(b.flat) < maxFlat {
			i, _ := slices.BinarySearch(b.flat, slot)
			b.flat = insert(b.flat, i, slot)
			return
		}
		flat := b.flat
		b.flat, b.leaves = nil, make([]*leaf, 0, 4)
		for _, s := range flat {
			b.add(s, epoch)
		}
	}
	i := b.leafOf(slot)
	for i >= 0 && b.leaves[i].list != nil && b.leaves[i].n >= maxLeaf && b.leaves[i].shift > smallLeaf {
		b.split(i, epoch)
		i = b.leafOf(slot)
	}
	if i < 0 {
		i = b.addLeaf(slot, epoch)
	}
	b.ownLeaf(i, epoch).add(slot)
}

func (b *bigSet) remove(slot int32, epoch uint64) {
	if b.leaves == nil {
		if i, ok := slices.BinarySearch(b.flat, slot); ok {
			b.flat = slices.Delete(b.flat, i, i+1)
		}
		return
	}
	i := b.leafOf(slot)
	if l := b.ownLeaf(i, epoch); l.n > 1 {
		l.remove(slot)
		return
	}
	b.leaves = slices.Delete(b.leaves, i, i+1)
}

// leafOf returns the number of the leaf whose range has a slot, -1 if there is
// none.
func (b *bigSet) leafOf(slot int32) int {
	i := sort.Search(len(b.leaves), func(i int) bool { return b.leaves[i].base > slot }) - 1
	if i >= 0 && b.leaves[i].covers(slot) {
		return i
	}
	return -1
}

// addLeaf adds an empty leaf for a slot: of the largest range that is free.
func (b *bigSet) addLeaf(slot int32, epoch uint64) int {
	i := sort.Search(len(b.leaves), func(i int) bool { return b.leaves[i].base > slot })
	l := &leaf{epoch: epoch, shift: largeLeaf, list: make([]uint16, 0, 4)}
	for ; ; l.shift-- {
		l.base = slot &^ (1<<l.shift - 1)
		if (i == 0 || !l.covers(b.leaves[i-1].base)) && (i == len(b.leaves) || !l.covers(b.leaves[i].base)) {
			break
		}
	}
	b.leaves = insert(b.leaves, i, l)
	return i
}

// split divides the range of a leaf in two.
func (b *bigSet) split(i int, epoch uint64) {
	l := b.leaves[i]
	half := uint16(1) << (l.shift - 1)
	at, _ := slices.BinarySearch(l.list, half)
	var halves []*leaf
	if at > 0 {
		halves = append(halves, &leaf{epoch: epoch, base: l.base, n: int32(at), shift: l.shift - 1, list: grown(l.list[:at])})
	}
	if at < len(l.list) {
		upper := grown(l.list[at:])
		for j := range upper {
			upper[j] -= half
		}
		halves = append(halves, &leaf{epoch: epoch, base: l.base + int32(half), n: int32(len(upper)), shift: l.shift - 1, list: upper})
	}
	b.leaves[i] = halves[0]
	if len(halves) == 2 {
		b.leaves = insert(b.leaves, i+1, halves[1])
	}
}

func (b *bigSet) ownLeaf(i int, epoch uint64) *leaf {
	l := b.leaves[i]
	if l.epoch != epoch {
		c := *l
		c.epoch, c.list = epoch, grown(l.list)
		if l.bits != nil {
			words := *l.bits
			c.bits = &words
		}
		l = &c
		b.leaves[i] = l
	}
	return l
}
