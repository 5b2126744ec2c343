package graph

// rank returns how many entries come before e.
func (t *orderedTree) rank(e entry) (rank int) {
	n := t.root
	for n != nil && n.kids != nil {
		i := n.kid(e)
		for _, kid := range n.kids[:i] {
			rank += int(kid.count)
		}
		n = n.kids[i]
	}
	if n != nil {
		for c := (leafCursor{block: n.block}); c.next() && c.less(e); {
			rank++
		}
	}
	return rank
}

// scan calls yield for the slots of the entries from one on up to another, which
// is left out; last nil: to the end.
func (t *orderedTree) scan(first entry, last *entry, yield func(slot int32) bool) {
	if t.root != nil {
		s := treeScan{&first, last, yield, leafCursor{}}
		s.node(t.root, true, last != nil)
	}
}

type treeScan struct {
	first, last *entry
	yield       func(slot int32) bool
	c           leafCursor
}

// node scans what is below a node; lower and upper tell whether there may be
// entries before the first and behind the last one.
func (s *treeScan) node(n *orderedNode, lower, upper bool) bool {
	if n.kids == nil {
		return s.leaf(n, lower, upper)
	}
	from, to := 0, len(n.kids)-1
	if lower {
		from = n.kid(*s.first)
	}
	if upper {
		to = n.kid(*s.last)
	}
	for i := from; i <= to; i++ {
		if !s.node(n.kids[i], lower && i == from, upper && i == to) {
			return false
		}
	}
	return true
}

func (s *treeScan) leaf(n *orderedNode, lower, upper bool) bool {
	if !lower && !upper { // the keys do not matter
		for p := 0; p < len(n.block); {
			_, p = varintAt(n.block, p)
			rest, q := varintAt(n.block, p)
			var slot int
			if slot, p = varintAt(n.block, q+rest); !s.yield(int32(slot)) {
				return false
			}
		}
		return true
	}
	c := &s.c
	c.block, c.start, c.end, c.key = n.block, 0, 0, c.key[:0]
	for c.next() {
		if lower {
			if c.less(*s.first) {
				continue
			}
			lower = false
		}
		if upper && !c.less(*s.last) || !s.yield(c.slot) {
			return false
		}
	}
	return true
}
