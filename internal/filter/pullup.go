package filter

// pullUp brings tests of the same value together: in a chain of alternatives
// ("src is a, or dst is a, or src is b, or dst is b") the test of a value that
// was just loaded moves before tests of others. It is the reordering of libpcap
// ("The BSD Packet Filter", USENIX 1993, and its optimizer); doing the same also
// keeps the verdicts on packets that were cut off between the values equal.
func (g *graph) pullUp() bool {
	blocks := g.ordered()
	g.dominate(blocks)
	changed := false
	for i := len(blocks) - 1; i > 0; i-- {
		b := blocks[i]
		if !b.plain() || len(b.from) == 0 {
			continue
		}
		changed = b.pull(false) || changed
		changed = b.pull(true) || changed
	}
	return changed
}

// plain reports whether b is a test without stores.
func (b *block) plain() bool { return b.end == noEnd && b.tests && len(b.stores) == 0 }

// dominate notes predecessors and immediate dominators.
func (g *graph) dominate(blocks []*block) {
	for _, b := range blocks {
		b.over, b.below, b.depth, b.from = nil, nil, 0, b.from[:0]
	}
	reach := func(from, to *block) {
		if to.end != noEnd {
			return
		}
		if len(to.from) == 0 {
			to.over = from
		} else {
			to.over = meet(to.over, from)
		}
		to.depth = to.over.depth + 1
		to.from = append(to.from, from)
	}
	for _, b := range blocks {
		if b.end != noEnd {
			continue
		}
		reach(b, b.yes)
		if b.no != b.yes {
			reach(b, b.no)
		}
	}
}

// meet gives the closest block that dominates both.
func meet(a, b *block) *block {
	for a != b {
		if a.depth >= b.depth {
			a = a.over
		} else {
			b = b.over
		}
	}
	return a
}

// dominates reports whether all ways to c lead through b.
func (b *block) dominates(c *block) bool {
	if c == b || c.below == b {
		return true
	}
	over := c.over
	for over.depth > b.depth && over.below != b {
		over = over.over
	}
	if over != b && over.below != b {
		return false
	}
	c.below = b
	return true
}

// way is the edge along which a chain goes on: the one of failure in a chain of
// alternatives, else that of success.
func (b *block) way(yes bool) **block {
	if yes {
		return &b.yes
	}
	return &b.no
}

// pull moves tests up in the chain that begins at b: those of the value that
// all predecessors of b have tested.
func (b *block) pull(yes bool) bool {
	v := b.from[0].test.v
	for _, p := range b.from {
		if !p.tests || p.test.v != v {
			return false
		}
	}
	out := *b.way(!yes)
	inChain := func(c *block) bool { return c.plain() && *c.way(!yes) == out && b.dominates(c) }
	// other is the first of the chain that tests another value, into what leads
	// there.
	other, into := b, (**block)(nil)
	for other.test.v == v {
		into = other.way(yes)
		if other = *into; !inChain(other) {
			return false
		}
	}
	changed := false
	at := other.way(yes)
	for inChain(*at) {
		same := *at
		if same.test.v != v {
			at = same.way(yes)
			continue
		}
		*at = *same.way(yes)
		*same.way(yes) = other
		if into != nil {
			*into = same
		} else {
			for _, p := range b.from {
				if p.yes == b {
					p.yes = same
				}
				if p.no == b {
					p.no = same
				}
			}
		}
		into = same.way(yes)
		changed = true
	}
	return changed
}
