package graph

// termTable is a copy-on-write hash table of cells, each a part of a hash, the
// tag, and a number: of segments, each a small hash table with linear probing and
// deletion by shifting back. The highest bits of a tag lead to the segment. A
// segment grows in small steps and then splits in two, so that the table is
// always well filled and never stops the writer to grow as a whole. A copy of the
// struct is a snapshot, provided that the writer goes on with a higher epoch.
//
// There may be several cells with one tag, also the same cell twice: an index has
// it when the tags of two terms of one node are equal. One is then as good as the
// other.
type termTable struct {
	segments paged[*segment]
	bits     uint8 // of a tag that lead to the segment
	used     int32
}

// segment holds the cells whose tags begin with the same depth bits.
type segment struct {
	epoch uint64
	depth uint8
	used  int32
	cells []cell
}

const (
	minSegment = 8
	maxSegment = 256 // cells
)

// full tells whether a segment has to grow or split before more is entered.
func (s *segment) full() bool { return int(s.used) >= len(s.cells)*7/8 }

// home returns where the search for a tag begins.
func (s *segment) home(tag uint32) int {
	return int(uint64(tag<<s.depth) * uint64(len(s.cells)) >> 32)
}

// next returns the first cell from number i on with a tag, and its number, or a
// free cell when there is no more.
func (s *segment) next(tag uint32, i int) (cell, int) {
	for {
		if i == len(s.cells) {
			i = 0
		}
		if c := s.cells[i]; c.ref == 0 || c.tag == tag {
			return c, i
		}
		i++
	}
}

// put enters a cell; there is room for it.
func (s *segment) put(c cell) {
	for i := s.home(c.tag); ; i++ {
		if i == len(s.cells) {
			i = 0
		}
		if s.cells[i].ref == 0 {
			s.cells[i] = c
			s.used++
			return
		}
	}
}

// sized returns a segment with the same content and so many cells.
func (s *segment) sized(cells int, epoch uint64) *segment {
	out := &segment{epoch: epoch, depth: s.depth, cells: make([]cell, cells)}
	for _, c := range s.cells {
		if c.ref != 0 {
			out.put(c)
		}
	}
	return out
}

// of returns the segment of a tag for reading, nil when the table is empty.
func (t *termTable) of(tag uint32) *segment {
	if t.segments.n == 0 {
		return nil
	}
	return *t.segments.at(int32(uint64(tag) >> (32 - t.bits)))
}

// set makes a segment the one of all the tags that it is for.
func (t *termTable) set(tag uint32, s *segment, epoch uint64) {
	n := int32(1) << (t.bits - s.depth)
	first := int32(uint64(tag)>>(32-t.bits)) &^ (n - 1)
	for i := range n {
		*t.segments.edit(first+i, epoch) = s
	}
}

// own returns the segment of a tag for writing.
func (t *termTable) own(tag uint32, epoch uint64) *segment {
	s := t.of(tag)
	if s.epoch == epoch {
		return s
	}
	c := &segment{epoch: epoch, depth: s.depth, used: s.used, cells: make([]cell, len(s.cells))}
	copy(c.cells, s.cells)
	t.set(tag, c, epoch)
	return c
}

// insert adds a cell.
func (t *termTable) insert(c cell, epoch uint64) {
	if t.segments.n == 0 {
		t.segments.resize(1, epoch)
		*t.segments.edit(0, epoch) = &segment{epoch: epoch, cells: make([]cell, minSegment)}
	}
	s := t.of(c.tag)
	for s.full() {
		// When tags are not spread evenly, splitting does not help: the number of
		// segments is bounded by that of the cells.
		if len(s.cells) >= maxSegment && (s.depth < t.bits || int(t.used) >= maxSegment/8<<t.bits) {
			t.split(c.tag, s, epoch)
		} else {
			t.set(c.tag, s.sized(len(s.cells)*5/4, epoch), epoch)
		}
		s = t.of(c.tag)
	}
	t.own(c.tag, epoch).put(c)
	t.used++
}

// split divides the segment of a tag in two.
func (t *termTable) split(tag uint32, s *segment, epoch uint64) {
	if s.depth == t.bits {
		old := t.segments
		t.segments = paged[*segment]{}
		t.segments.resize(2*old.n, epoch)
		for i := range old.n {
			s := *old.at(i)
			*t.segments.edit(2*i, epoch), *t.segments.edit(2*i+1, epoch) = s, s
		}
		t.bits++
	}
	depth := s.depth + 1
	bit := uint32(1) << (32 - depth)
	var count [2]int
	for _, c := range s.cells {
		if c.ref != 0 {
			count[c.tag&bit>>(32-depth)]++
		}
	}
	var halves [2]*segment
	for i := range halves {
		halves[i] = &segment{epoch: epoch, depth: depth, cells: make([]cell, max(count[i]*5/4+2, minSegment))}
	}
	for _, c := range s.cells {
		if c.ref != 0 {
			halves[c.tag&bit>>(32-depth)].put(c)
		}
	}
	t.set(tag&^bit, halves[0], epoch)
	t.set(tag|bit, halves[1], epoch)
}

// replace gives a cell that is there another ref.
func (t *termTable) replace(tag uint32, old, ref int32, epoch uint64) {
	s := t.own(tag, epoch)
	for i := s.home(tag); ; i++ {
		c, at := s.next(tag, i)
		if c.ref == old || c.ref == 0 {
			if c.ref != 0 {
				s.cells[at].ref = ref
			}
			return
		}
		i = at
	}
}

// remove takes a cell out; it does nothing when it is not there.
func (t *termTable) remove(c cell, epoch uint64) {
	s := t.of(c.tag)
	if s == nil {
		return
	}
	have, i := s.next(c.tag, s.home(c.tag))
	for have.ref != c.ref {
		if have.ref == 0 {
			return
		}
		have, i = s.next(c.tag, i+1)
	}
	s = t.own(c.tag, epoch)
	t.used--
	s.used--
	// Shift back what would no longer be found past the hole.
	n := len(s.cells)
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		c := s.cells[j]
		if c.ref == 0 {
			break
		}
		if (j-s.home(c.tag)+n)%n >= (j-i+n)%n {
			s.cells[i] = c
			i = j
		}
	}
	s.cells[i] = cell{}
	if n > 4*minSegment && int(s.used) < n/4 {
		t.set(c.tag, s.sized(n/2, epoch), epoch)
	}
}
