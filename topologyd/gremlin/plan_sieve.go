package gremlin

import "github.com/skein-net/skein/topologyd/graph"

// sieve tests nodes for one clause: by looking at them, until so many were
// looked at that a set of the nodes for which the clause holds costs no more.
// So neither few nodes pay for a set, nor many for being looked at.
type sieve struct {
	clause clause
	looked int
	// limit is how many to look at before the next step: asking the index, then
	// making a set.
	limit int
	// weight is how much work looking at one is.
	weight int
	asked  bool
	// found is what the index gave, nil when it does not help; set its nodes once
	// they are made a set, ready that it is one already. tested counts the nodes
	// that were tested by it.
	found  *candidates
	set    bitset
	ready  bool
	tested int
	// not are sets of the index: a node that is in none of them passes. found is
	// nil then.
	not []graph.Slots
}

// askAfter is how many nodes are looked at before an index is asked at all.
const askAfter = 64

func newSieve(c clause) *sieve { return &sieve{clause: c, limit: askAfter, weight: c.weight()} }

// weight is how much work looking at an element is, beside visiting it.
func (c clause) weight() int {
	n := len(c) / 4
	for i := range c {
		if c[i].pred.op == opRegex {
			n += 4
		}
	}
	return n
}

// look looks whether the clause holds for a node.
func (s *sieve) look(x *exec, slot int32) bool {
	return (s.weight == 0 || x.work(s.weight)) && s.clause.node(x.view, slot)
}

// pass tells whether the clause holds for a node.
func (s *sieve) pass(x *exec, slot int32) bool {
	if s.not != nil {
		s.tested++
		for i := range s.not {
			if s.not[i].Has(slot) {
				return false
			}
		}
		return true
	}
	if s.ready {
		s.tested++
		if s.set != nil && !s.set.has(slot) || s.set == nil && !s.found.set.Has(slot) {
			return false
		}
		return s.found.exact || s.look(x, slot)
	}
	if s.looked++; s.looked > s.limit {
		s.further(x)
	}
	return s.look(x, slot)
}

// further decides how to go on.
func (s *sieve) further(x *exec) {
	if !s.asked {
		s.asked, s.limit = true, maxLooks
		s.ask(x.view, true)
		return
	}
	s.limit = maxLooks
	if s.found != nil {
		s.set = s.found.gather(x)
		s.ready = s.set != nil
	}
}

// ask asks the indexes for the clause.
func (s *sieve) ask(v *graph.View, ranges bool) {
	if len(s.clause) == 1 && s.clause[0].pred.sense == noneHit {
		s.not = s.clause[0].excluded(v)
		return
	}
	s.use(v, s.clause.indexed(v, ranges))
}

// maxExcluded is in how many sets a node is looked for.
const maxExcluded = 16

// excluded are the sets of nodes for which a term that must not be hit is, nil
// when no index can tell.
func (t *term) excluded(v *graph.View) []graph.Slots {
	var set graph.Slots
	ok := false
	switch p := &t.pred; p.op {
	case opExists:
		set, ok = v.NodesHaving(t.key)
	case opEqual:
		set, ok = v.NodeSet(t.key, p.a)
	case opWithin:
		if len(p.list) > maxExcluded {
			return nil
		}
		out := make([]graph.Slots, 0, len(p.list))
		for _, value := range p.list {
			if set, ok = v.NodeSet(t.key, value); !ok {
				return nil
			}
			out = append(out, set)
		}
		return out
	}
	if !ok {
		return nil
	}
	return []graph.Slots{set}
}

// use takes what the index gave.
func (s *sieve) use(v *graph.View, found *candidates) {
	if s.found = found; found != nil {
		s.limit, s.ready = found.price(v), found.set != nil
	}
}

// maxLooks is more than any run looks at.
const maxLooks = int(^uint(0) >> 1)

// expect tells a sieve whose index was asked how many nodes will come.
func (s *sieve) expect(x *exec, nodes int) {
	if s.found != nil && !s.ready && nodes > s.limit {
		s.further(x)
	}
}

// sieves tests nodes for several clauses.
type sieves []*sieve

// sieves makes the test of a filter for the nodes that come to a step of a run;
// nil lets everything pass.
func (x *exec) sieves(f *filter) sieves {
	if f == nil {
		return nil
	}
	clauses := clausesOf([]*filter{f})
	out := make(sieves, len(clauses))
	for i, c := range clauses {
		out[i] = newSieve(c)
	}
	x.noting().sieves(out)
	return out
}

// pass tells whether all clauses hold for a node.
func (s sieves) pass(x *exec, slot int32) bool {
	for _, one := range s {
		if !one.pass(x, slot) {
			return false
		}
	}
	return true
}
