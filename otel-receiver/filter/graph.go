package filter

// block is a test with the blocks that follow when it holds and when it does
// not. A block without a test stores and goes on to yes. The two ends of a
// program are blocks too.
type block struct {
	stores  []store
	tests   bool
	test    test
	yes, no *block
	end     endKind

	// The rest is scratch of the passes.
	mark  int
	preds int
	facts *fact
	// over is the immediate dominator, depth its distance from the root, from the
	// predecessors.
	over  *block
	depth int
	from  []*block
	// below is a block that is known to dominate this one.
	below *block
}

type endKind uint8

const (
	noEnd endKind = iota
	accept
	reject
)

// maxBlocks bounds the tests of a filter before any are taken out.
const maxBlocks = 1 << 16

// size counts the tests and stores of a condition.
func (c *cond) size() int {
	n := 0
	for {
		switch c.kind {
		case condAnd, condOr:
			n += c.b.size()
			c = c.a
		case condNot:
			c = c.a
		case condTest, condEffect:
			return n + 1
		default:
			return n
		}
	}
}

// build makes the graph of a condition.
func build(c *cond, yes, no *block) *block {
	switch c.kind {
	case condTrue:
		return yes
	case condFalse:
		return no
	case condNot:
		return build(c.a, no, yes)
	case condAnd:
		return build(c.a, build(c.b, yes, no), no)
	case condOr:
		return build(c.a, yes, build(c.b, yes, no))
	case condEffect:
		return &block{stores: c.stores, yes: yes, no: yes}
	default:
		return &block{tests: true, test: c.test, yes: yes, no: no}
	}
}

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

// implies tells the outcome of another test of the same values.
func (f *fact) implies(t test) (holds, known bool) {
	was := f.test
	if t == was {
		return f.holds, true
	}
	if t.x != nil {
		return false, false
	}
	switch {
	case was.op == testEqual && f.holds:
		return t.holds(was.k), true
	case was.op == testGreater && f.holds: // v > was.k
		return atLeast(t, uint64(was.k)+1)
	case was.op == testAtLeast && f.holds:
		return atLeast(t, uint64(was.k))
	case was.op == testGreater:
		return atMost(t, int64(was.k))
	case was.op == testAtLeast:
		return atMost(t, int64(was.k)-1)
	}
	return false, false
}

// atLeast tells the outcome of t for values of least and more.
func atLeast(t test, least uint64) (holds, known bool) {
	k := uint64(t.k)
	switch {
	case t.op == testEqual && k < least:
		return false, true
	case t.op == testGreater && k < least, t.op == testAtLeast && k <= least:
		return true, true
	}
	return false, false
}

// atMost tells the outcome of t for values of most and less.
func atMost(t test, most int64) (holds, known bool) {
	k := int64(t.k)
	switch {
	case t.op == testEqual && k > most, t.op == testGreater && k >= most, t.op == testAtLeast && k > most:
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

// graph is a program on its way to instructions.
type graph struct {
	root           *block
	accept, reject *block
	mark           int
}

func newGraph(c *cond) *graph {
	g := &graph{accept: &block{end: accept}, reject: &block{end: reject}}
	g.root = build(c, g.accept, g.reject)
	return g
}

// ordered gives the blocks with every block before those that follow it, the
// ends last.
func (g *graph) ordered() []*block {
	g.mark++
	var post []*block
	type visit struct {
		b    *block
		step int
	}
	stack := []visit{{g.root, 0}}
	for len(stack) > 0 {
		v := &stack[len(stack)-1]
		if v.step == 0 {
			if v.b.mark == g.mark {
				stack = stack[:len(stack)-1]
				continue
			}
			v.b.mark = g.mark
		}
		v.step++
		var next *block
		switch {
		case v.b.end != noEnd || v.step > 2:
			post = append(post, v.b)
			stack = stack[:len(stack)-1]
			continue
		case v.step == 1:
			next = v.b.no
		default:
			next = v.b.yes
		}
		if next.mark != g.mark {
			stack = append(stack, visit{next, 0})
		}
	}
	for i, j := 0, len(post)-1; i < j; i, j = i+1, j-1 {
		post[i], post[j] = post[j], post[i]
	}
	return post
}

// rounds bounds the passes of optimize; most programs need three.
const rounds = 30

// optimize takes out tests whose outcome is known, brings those of the same
// value together, and merges equal blocks. Merging comes last: what is known on
// one way only would be lost where ways meet.
func (g *graph) optimize() {
	for range 3 {
		for range rounds {
			changed := g.thread()
			changed = g.pullUp() || changed
			if !changed {
				break
			}
		}
		if !g.merge() {
			return
		}
	}
}

// thread leads every way past the tests whose outcome is known on it.
func (g *graph) thread() bool {
	changed := false
	blocks := g.ordered()
	for _, b := range blocks {
		b.preds, b.facts = 0, nil
	}
	for _, b := range blocks {
		if b.end != noEnd || b.preds == 0 && b != g.root {
			continue // an end, or out of reach by now
		}
		facts := b.facts
		if len(b.stores) > 0 {
			var changes uint16
			for _, s := range b.stores {
				changes |= 1 << s.r
			}
			facts = facts.change(changes)
		}
		if !b.tests {
			changed = g.follow(&b.yes, facts) || changed
			b.no = b.yes
			continue
		}
		changed = g.follow(&b.yes, facts.learn(b.test, true)) || changed
		changed = g.follow(&b.no, facts.learn(b.test, false)) || changed
	}
	return changed
}

// follow moves the target of a way as far as known outcomes lead, and notes the
// facts that hold on the way at the target.
func (g *graph) follow(target **block, facts *fact) bool {
	changed := false
	for {
		t := *target
		if t.end != noEnd || len(t.stores) > 0 || !t.tests {
			break
		}
		if t.yes == t.no {
			*target, changed = t.yes, true
			continue
		}
		holds, known := facts.outcome(t.test)
		if !known {
			break
		}
		changed = true
		*target = t.no
		if holds {
			*target = t.yes
		}
	}
	t := *target
	if t.end != noEnd {
		return changed
	}
	if t.preds == 0 {
		t.facts = facts
	} else {
		t.facts = common(t.facts, facts)
	}
	t.preds++
	return changed
}

// shape is what makes blocks without stores equal.
type shape struct {
	test    test
	yes, no *block
}

// merge replaces blocks by equal ones, and the root by what follows it when its
// test does not matter.
func (g *graph) merge() bool {
	changed := false
	blocks := g.ordered()
	same := make(map[shape]*block, len(blocks))
	instead := make(map[*block]*block)
	moved := func(b **block) {
		if to, ok := instead[*b]; ok {
			*b, changed = to, true
		}
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		b := blocks[i]
		if b.end != noEnd {
			continue
		}
		moved(&b.yes)
		moved(&b.no)
		if len(b.stores) > 0 || !b.tests {
			continue
		}
		if b.yes == b.no {
			instead[b] = b.yes
			continue
		}
		s := shape{b.test, b.yes, b.no}
		if to, ok := same[s]; ok {
			instead[b] = to
		} else {
			same[s] = b
		}
	}
	moved(&g.root)
	return changed
}
