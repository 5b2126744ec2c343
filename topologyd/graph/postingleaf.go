package graph

import (
	"math/bits"
	"slices"
)

// leaf holds the slots from base on in a range: the differences from base in
// order, or one bit each.
type leaf struct {
	epoch uint64
	base  int32
	n     int32
	shift uint8 // logarithm of the range
	list  []uint16
	bits  *[leafWords]uint64
}

func (l *leaf) covers(slot int32) bool { return slot>>l.shift == l.base>>l.shift }

func (l *leaf) has(slot int32) bool {
	d := uint16(slot - l.base)
	if l.bits != nil {
		return l.bits[d/64]&(1<<(d%64)) != 0
	}
	_, ok := slices.BinarySearch(l.list, d)
	return ok
}

func (l *leaf) all(yield func(int32) bool) bool {
	for _, d := range l.list {
		if !yield(l.base + int32(d)) {
			return false
		}
	}
	if l.bits == nil {
		return true
	}
	for i, w := range l.bits {
		for ; w != 0; w &= w - 1 {
			if !yield(l.base + int32(i*64+bits.TrailingZeros64(w))) {
				return false
			}
		}
	}
	return true
}

func (l *leaf) add(slot int32) {
	d := uint16(slot - l.base)
	if l.bits == nil && l.n >= maxLeaf { // of the smallest range
		l.bits = new([leafWords]uint64)
		for _, x := range l.list {
			l.bits[x/64] |= 1 << (x % 64)
		}
		l.list = nil
	}
	if l.n++; l.bits != nil {
		l.bits[d/64] |= 1 << (d % 64)
		return
	}
	i, _ := slices.BinarySearch(l.list, d)
	l.list = insert(l.list, i, d)
}

func (l *leaf) remove(slot int32) {
	d := uint16(slot - l.base)
	l.n--
	if l.bits == nil {
		if i, ok := slices.BinarySearch(l.list, d); ok {
			l.list = slices.Delete(l.list, i, i+1)
		}
		return
	}
	l.bits[d/64] &^= 1 << (d % 64)
	if l.n <= maxLeaf/2 {
		list := make([]uint16, 0, l.n)
		for i, w := range l.bits {
			for ; w != 0; w &= w - 1 {
				list = append(list, uint16(i*64+bits.TrailingZeros64(w)))
			}
		}
		l.list, l.bits = list, nil
	}
}

// and returns the slots that are in both leaves, nil when there are none.
func (l *leaf) and(o *leaf) *leaf {
	if l.bits != nil && o.bits != nil {
		if l.base != o.base {
			return nil
		}
		out := &leaf{base: l.base, shift: l.shift, bits: new([leafWords]uint64)}
		for i := range out.bits {
			out.bits[i] = l.bits[i] & o.bits[i]
			out.n += int32(bits.OnesCount64(out.bits[i]))
		}
		if out.n == 0 {
			return nil
		}
		return out
	}
	if l.bits != nil || o.bits == nil && l.n > o.n {
		l, o = o, l
	}
	narrow := l
	if o.shift < l.shift {
		narrow = o
	}
	if !l.covers(o.base) && !o.covers(l.base) {
		return nil
	}
	out := &leaf{base: narrow.base, shift: narrow.shift}
	for _, d := range l.list {
		if slot := l.base + int32(d); narrow.covers(slot) && o.has(slot) {
			out.list = append(out.list, uint16(slot-out.base))
		}
	}
	if out.n = int32(len(out.list)); out.n == 0 {
		return nil
	}
	return out
}
