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
	// ifYes and ifNo are what is known behind the block.
	ifYes, ifNo *fact
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

// graph is a program on its way to instructions.
type graph struct {
	root *block
	// first is the root as it was built.
	first          *block
	accept, reject *block
	mark           int
}

func newGraph(c *cond) *graph {
	g := &graph{accept: &block{end: accept}, reject: &block{end: reject}}
	g.root = build(c, g.accept, g.reject)
	g.first = g.root
	return g
}

// touched gives the block whose values a program must load first although their
// test does not matter: as in libpcap, a frame that ends before the first value
// of a filter is rejected, unless the filter matches everything.
func (g *graph) touched() *block {
	if g.root == g.first || !g.first.plain() || g.root.end != noEnd {
		return nil
	}
	return g.first
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

// thread leads every way past the tests whose outcome is known on it. It does so
// twice: from the ends up, with the facts as they are before ways meet in new
// places, and from the root down, where one pass reaches all that follows.
func (g *graph) thread() bool {
	blocks := g.spread(func(**block, *fact) {})
	changed := false
	for i := len(blocks) - 1; i >= 0; i-- {
		b := blocks[i]
		if b.end != noEnd {
			continue
		}
		changed = skip(&b.yes, b.ifYes) || changed
		changed = skip(&b.no, b.ifNo) || changed
	}
	g.spread(func(way **block, facts *fact) { changed = skip(way, facts) || changed })
	return changed
}

// spread notes for every block what is known where it is left, after each of
// these ways was moved.
func (g *graph) spread(move func(way **block, facts *fact)) []*block {
	blocks := g.ordered()
	for _, b := range blocks {
		b.preds, b.facts = 0, nil
	}
	reach := func(way **block, facts *fact) {
		move(way, facts)
		t := *way
		if t.end != noEnd {
			return
		}
		if t.preds == 0 {
			t.facts = facts
		} else {
			t.facts = common(t.facts, facts)
		}
		t.preds++
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
		b.ifYes, b.ifNo = facts, facts
		if !b.tests {
			reach(&b.yes, facts)
			b.no = b.yes
			continue
		}
		b.ifYes, b.ifNo = facts.learn(b.test, true), facts.learn(b.test, false)
		reach(&b.yes, b.ifYes)
		reach(&b.no, b.ifNo)
	}
	return blocks
}

// skip moves the target of a way as far as known outcomes lead.
func skip(way **block, facts *fact) bool {
	changed := false
	for {
		t := *way
		if !t.plain() {
			return changed
		}
		if t.yes == t.no {
			*way, changed = t.yes, true
			continue
		}
		holds, known := facts.outcome(t.test)
		if !known {
			return changed
		}
		changed = true
		*way = t.no
		if holds {
			*way = t.yes
		}
	}
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
