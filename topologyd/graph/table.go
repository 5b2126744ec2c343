package graph

// table is a copy-on-write hash table from 64-bit hashes to record numbers.
// Whoever uses it tells by a function whether a record is the one that is looked
// for.
type table struct{ termTable }

type cell struct {
	tag uint32
	ref int32 // record number + 1; 0: free
}

// tagOf is the part of a hash that a table keeps. Multiplying brings all bits
// of weak hashes into it.
func tagOf(hash uint64) uint32 { return uint32(hash * 0x9e3779b97f4a7c15 >> 32) }

// find returns the record with this hash for which same is true, -1 if there
// is none.
func (t *table) find(hash uint64, same func(int32) bool) int32 {
	tag := tagOf(hash)
	s := t.of(tag)
	if s == nil {
		return -1
	}
	for c, i := s.next(tag, s.home(tag)); c.ref != 0; c, i = s.next(tag, i+1) {
		if same(c.ref - 1) {
			return c.ref - 1
		}
	}
	return -1
}

// insert adds a record that is not in the table.
func (t *table) insert(hash uint64, ref int32, epoch uint64) {
	t.termTable.insert(cell{tagOf(hash), ref + 1}, epoch)
}

// remove takes a record out; it does nothing when the record is not there.
func (t *table) remove(hash uint64, ref int32, epoch uint64) {
	t.termTable.remove(cell{tagOf(hash), ref + 1}, epoch)
}
