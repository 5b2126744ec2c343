package graph

import "math/bits"

// table is a copy-on-write hash table from 64-bit hashes to record numbers:
// open addressing, linear probing, deletion by shifting back. Whoever uses it
// tells by a function whether a record is the one that is looked for. Half of
// the hash is kept beside the number: it says where a record belongs, and lets
// records of other hashes rarely be touched.
type table struct {
	cells paged[cell]
	// shift takes from a tag its home: its highest bits. Records are thus almost
	// in the order of their tags, and growing reads and writes in order.
	shift uint8
	mask  uint32
	used  int32
}

type cell struct {
	tag uint32
	ref int32 // record number + 1; 0: free
}

const minCells = 1 << 6

// tagOf is the part of a hash that a table keeps. Multiplying brings all bits
// of weak hashes into it.
func tagOf(hash uint64) uint32 { return uint32(hash * 0x9e3779b97f4a7c15 >> 32) }

// find returns the record with this hash for which same is true, -1 if there
// is none.
func (t *table) find(hash uint64, same func(int32) bool) int32 {
	if t.used == 0 {
		return -1
	}
	tag := tagOf(hash)
	for i := tag >> t.shift; ; i = (i + 1) & t.mask {
		c := t.cells.at(int32(i))
		if c.ref == 0 {
			return -1
		}
		if c.tag == tag && same(c.ref-1) {
			return c.ref - 1
		}
	}
}

// insert adds a record that is not in the table.
func (t *table) insert(hash uint64, ref int32, epoch uint64) {
	if t.mask == 0 || uint32(t.used) >= (t.mask+1)/4*3 {
		t.grow(epoch)
	}
	t.put(cell{tagOf(hash), ref + 1}, epoch)
	t.used++
}

func (t *table) put(c cell, epoch uint64) {
	i := c.tag >> t.shift
	for t.cells.at(int32(i)).ref != 0 {
		i = (i + 1) & t.mask
	}
	*t.cells.edit(int32(i), epoch) = c
}

func (t *table) grow(epoch uint64) {
	old, n := t.cells, uint32(minCells)
	if t.mask != 0 {
		n = (t.mask + 1) * 2
	}
	t.cells = paged[cell]{}
	t.cells.resize(int32(n), epoch)
	t.mask, t.shift = n-1, uint8(32-bits.TrailingZeros32(n))
	for i := int32(0); i < old.n; i++ {
		if c := *old.at(i); c.ref != 0 {
			t.put(c, epoch)
		}
	}
}

// remove takes a record out; it does nothing when the record is not there.
func (t *table) remove(hash uint64, ref int32, epoch uint64) {
	if t.used == 0 {
		return
	}
	tag := tagOf(hash)
	i := tag >> t.shift
	for ; ; i = (i + 1) & t.mask {
		c := t.cells.at(int32(i))
		if c.ref == 0 {
			return
		}
		if c.ref == ref+1 && c.tag == tag {
			break
		}
	}
	t.used--
	// Shift back what would no longer be found past the hole.
	for j := i; ; {
		j = (j + 1) & t.mask
		c := *t.cells.at(int32(j))
		if c.ref == 0 {
			break
		}
		home := c.tag >> t.shift
		if (j-home)&t.mask >= (j-i)&t.mask {
			*t.cells.edit(int32(i), epoch) = c
			i = j
		}
	}
	*t.cells.edit(int32(i), epoch) = cell{}
}
