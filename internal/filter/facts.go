package filter

// fact is something known at a block: the outcome of a test on every way that
// leads there, or that registers changed. Facts form a tree along the
// dominators of the graph.
type fact struct {
	up      *fact
	depth   int
	test    test
	holds   bool
	changed uint16
	// last are the last facts up to this one on the values of each bucket; a
	// change of registers is in every bucket.
	last [buckets]*fact
}

const (
	buckets = 16
	// lookback bounds how many facts are asked for one outcome.
	lookback = 100
)

func (v *value) bucket() int { return int(v.id % buckets) }

// outcome tells the outcome of t where f holds, if it is known.
func (f *fact) outcome(t test) (holds, known bool) {
	in := t.v.bucket()
	before := func(f *fact) *fact {
		if f == nil {
			return nil
		}
		return f.last[in]
	}
	f = before(f)
	for n := 0; f != nil && n < lookback; f, n = before(f.up), n+1 {
		if f.changed != 0 {
			deps := t.v.deps
			if t.x != nil {
				deps |= t.x.deps
			}
			if deps&f.changed != 0 {
				return false, false
			}
			continue
		}
		if f.test.v != t.v || f.test.x != t.x {
			continue
		}
		if holds, known = f.implies(t); known {
			return holds, true
		}
	}
	return false, false
}

// implies tells the outcome of another test of the same values. More could be
// concluded from comparisons; it is not, because then tests go that libpcap
// keeps, and with them the loads that reject frames that were cut off.
func (f *fact) implies(t test) (holds, known bool) {
	switch {
	case t == f.test:
		return f.holds, true
	case t.x == nil && t.op == testEqual && f.test.op == testEqual && f.holds:
		return false, true
	}
	return false, false
}

// common gives the facts that two places share, and what changed since then on
// the ways to either.
func common(a, b *fact) *fact {
	var changed uint16
	up := func(f *fact) *fact {
		changed |= f.changed
		return f.up
	}
	for a != b {
		switch {
		case b == nil || a != nil && a.depth > b.depth:
			a = up(a)
		case a == nil || b.depth > a.depth:
			b = up(b)
		default:
			a, b = up(a), up(b)
		}
	}
	if changed == 0 {
		return a
	}
	return a.change(changed)
}

// change is f after a change of registers.
func (f *fact) change(registers uint16) *fact {
	c := &fact{up: f, depth: 1, changed: registers}
	if f != nil {
		c.depth = f.depth + 1
	}
	for i := range c.last {
		c.last[i] = c
	}
	return c
}

// learn is f with the outcome of a test.
func (f *fact) learn(t test, holds bool) *fact {
	c := &fact{up: f, depth: 1, test: t, holds: holds}
	if f != nil {
		c.depth, c.last = f.depth+1, f.last
	}
	c.last[t.v.bucket()] = c
	return c
}
