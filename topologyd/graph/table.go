package graph

// table is a copy-on-write hash table from 64-bit hashes to record numbers:
// open addressing, linear probing, deletion by shifting back. Whoever uses it
// tells by a function whether a record is the one that is looked for; the
// upper half of the hash is kept beside the number, so that records of other
// hashes are rarely touched.
type table struct {
	cells paged[cell]
	mask  uint32
	used  int32
}

type cell struct {
	tag uint32
	ref int32 // record number + 1; 0: free
}

const minCells = 1 << 6

// find returns the record with this hash for which same is true, -1 if there
// is none.
func (t *table) find(hash uint64, same func(int32) bool) int32 {
	if t.used == 0 {
		return -1
	}
	tag := uint32(hash >> 32)
	for i := uint32(hash) & t.mask; ; i = (i + 1) & t.mask {
		c := t.cells.at(int32(i))
		if c.ref == 0 {
			return -1
		}
		if c.tag == tag && same(c.ref-1) {
			return c.ref - 1
		}
	}
}

// insert adds a record that is not in the table. hashOf gives the hash of any
// record in it, for growing.
func (t *table) insert(hash uint64, ref int32, epoch uint64, hashOf func(int32) uint64) {
	if t.mask == 0 || uint32(t.used) >= (t.mask+1)/4*3 {
		t.grow(epoch, hashOf)
	}
	t.put(hash, ref, epoch)
	t.used++
}

func (t *table) put(hash uint64, ref int32, epoch uint64) {
	i := uint32(hash) & t.mask
	for t.cells.at(int32(i)).ref != 0 {
		i = (i + 1) & t.mask
	}
	*t.cells.edit(int32(i), epoch) = cell{uint32(hash >> 32), ref + 1}
}

func (t *table) grow(epoch uint64, hashOf func(int32) uint64) {
	old, n := t.cells, uint32(minCells)
	if t.mask != 0 {
		n = (t.mask + 1) * 2
	}
	t.cells = paged[cell]{}
	t.cells.resize(int32(n), epoch)
	t.mask = n - 1
	for i := int32(0); i < old.n; i++ {
		if c := old.at(i); c.ref != 0 {
			t.put(hashOf(c.ref-1), c.ref-1, epoch)
		}
	}
}

// remove takes a record out; it does nothing when the record is not there.
func (t *table) remove(hash uint64, ref int32, epoch uint64, hashOf func(int32) uint64) {
	if t.used == 0 {
		return
	}
	i := uint32(hash) & t.mask
	for ; ; i = (i + 1) & t.mask {
		c := t.cells.at(int32(i))
		if c.ref == 0 {
			return
		}
		if c.ref == ref+1 {
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
		home := uint32(hashOf(c.ref-1)) & t.mask
		if (j-home)&t.mask >= (j-i)&t.mask {
			*t.cells.edit(int32(i), epoch) = c
			i = j
		}
	}
	*t.cells.edit(int32(i), epoch) = cell{}
}
