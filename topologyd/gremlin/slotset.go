package gremlin

// A search that touches little of a large graph must cost little: what it
// remembers is a hash table of slots as long as that is small, and an array or
// bit set over all slots from then on.

const (
	// firstTable is how many places the first table has; a power of two.
	firstTable = 64
	// growTable is by how much a table grows when it is half full.
	growTable = 4
)

// slotHash is where the search for a slot begins in a table: by the upper bits
// of the product, on which all bits of the slot have a say.
func slotHash(slot int32, places int) int {
	return int(uint64(uint32(slot)*2654435769) * uint64(places) >> 32)
}

// slotSet is a set of slots below a bound.
type slotSet struct {
	x     *exec
	slots int
	table []int32 // slot + 1, 0 is free
	n     int
	bits  bitset
	// first is the first table, spare the bit set, for the next use.
	first []int32
	spare bitset
}

func (x *exec) slotSet(slots int) *slotSet { return &slotSet{x: x, slots: slots} }

// reset empties the set. A set that is used again and again takes memory only
// when it is larger than before.
func (s *slotSet) reset() {
	if s.n > 0 {
		clear(s.first)
	}
	if s.bits != nil {
		s.spare = s.bits
	}
	s.table, s.bits, s.n = s.first, nil, 0
}

func (s *slotSet) has(slot int32) bool {
	if s.bits != nil {
		return s.bits.has(slot)
	}
	return s.find(slot)
}

func (s *slotSet) find(slot int32) bool {
	if s.table == nil {
		return false
	}
	for i := slotHash(slot, len(s.table)); ; i = (i + 1) & (len(s.table) - 1) {
		switch s.table[i] {
		case 0:
			return false
		case slot + 1:
			return true
		}
	}
}

// add reports whether the slot was not in the set before. It reports false,
// too, when the memory for it may not be taken: the run is stopped then.
func (s *slotSet) add(slot int32) bool {
	if s.bits != nil {
		return s.bits.add(slot)
	}
	if 2*s.n >= len(s.table) {
		if !s.grow() {
			return false
		}
		if s.bits != nil {
			return s.bits.add(slot)
		}
	}
	for i := slotHash(slot, len(s.table)); ; i = (i + 1) & (len(s.table) - 1) {
		switch s.table[i] {
		case 0:
			s.table[i] = slot + 1
			s.n++
			return true
		case slot + 1:
			return false
		}
	}
}

func (s *slotSet) grow() bool {
	old := s.table
	places := max(firstTable, growTable*len(old))
	if old != nil && places >= s.slots/64 { // as many bytes as half the bit set
		if s.spare != nil {
			clear(s.spare)
			s.bits, s.spare = s.spare, nil
		} else if s.bits = s.x.bitset(s.slots); s.bits == nil {
			return false
		}
		for _, e := range old {
			if e != 0 {
				s.bits.set(e - 1)
			}
		}
		s.table = nil
		return true
	}
	take := s.x.take
	if s.first == nil {
		take = s.x.takeAndKeep
	}
	if !take(places * slotBytes) {
		return false
	}
	s.table, s.n = make([]int32, places), 0
	if s.first == nil {
		s.first = s.table
	}
	for _, e := range old {
		if e != 0 {
			s.add(e - 1)
		}
	}
	return true
}

// slotMap gives numbers other than 0 to slots below a bound.
type slotMap struct {
	x     *exec
	slots int
	table []uint64 // slot + 1 in the upper half, the number in the lower; 0 is free
	n     int
	dense []int32
}

func (x *exec) slotMap(slots int) *slotMap { return &slotMap{x: x, slots: slots} }

// get returns the number of a slot, 0 when it has none.
func (m *slotMap) get(slot int32) int32 {
	if m.dense != nil {
		return m.dense[slot]
	}
	return m.find(slot)
}

func (m *slotMap) find(slot int32) int32 {
	if m.table == nil {
		return 0
	}
	for i := slotHash(slot, len(m.table)); ; i = (i + 1) & (len(m.table) - 1) {
		e := m.table[i]
		if e == 0 || int32(e>>32) == slot+1 {
			return int32(e)
		}
	}
}

// put gives a slot a number, and reports false when the memory for it may not
// be taken.
func (m *slotMap) put(slot, number int32) bool {
	if m.dense == nil && 2*m.n >= len(m.table) && !m.grow() {
		return false
	}
	if m.dense != nil {
		m.dense[slot] = number
		return true
	}
	m.place(uint64(slot+1)<<32 | uint64(uint32(number)))
	return true
}

func (m *slotMap) place(e uint64) {
	for i := slotHash(int32(e>>32)-1, len(m.table)); ; i = (i + 1) & (len(m.table) - 1) {
		switch m.table[i] >> 32 {
		case 0:
			m.n++
			m.table[i] = e
			return
		case e >> 32:
			m.table[i] = e
			return
		}
	}
}

func (m *slotMap) grow() bool {
	old := m.table
	places := max(firstTable, growTable*len(old))
	if places >= m.slots/4 { // as many bytes as half the array
		if !m.x.take(m.slots * slotBytes) {
			return false
		}
		m.dense = make([]int32, m.slots)
		for _, e := range old {
			if e != 0 {
				m.dense[int32(e>>32)-1] = int32(e)
			}
		}
		m.table = nil
		return true
	}
	if !m.x.take(places * 2 * slotBytes) {
		return false
	}
	m.table, m.n = make([]uint64, places), 0
	for _, e := range old {
		if e != 0 {
			m.place(e)
		}
	}
	return true
}
