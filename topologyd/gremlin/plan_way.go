package gremlin

import (
	"cmp"
	"slices"

	"github.com/skein-net/skein/topologyd/graph"
)

// way is how a source finds its nodes in one run: it takes the candidates of an
// index, or all nodes, and tests them.
type way struct {
	from *candidates // nil: all nodes
	// and are the clauses that the candidates satisfy, or may satisfy when the
	// index is not exact: then the first of them is also tested.
	and  []clause
	test sieves
	// coming is how many nodes are tested.
	coming int
	// limited tells that they may not all be asked for.
	limited bool
}

// few is how many candidates are so few that no index by order is asked, and no
// set made, to make them fewer.
const few = askAfter

// plan chooses the index that leaves the fewest nodes of a scope.
func (s *source) plan(x *exec, sc *scope) *way {
	v := x.view
	clauses := clausesOf(s.filters)
	w := &way{test: make(sieves, len(clauses)), coming: v.NodeCount(), limited: s.limited}
	if sc != nil {
		w.coming = sc.nodes.count()
	}
	best := -1
	ask := func(ranges bool) {
		for i, one := range w.test {
			if one.found != nil || one.not != nil {
				continue
			}
			one.ask(v, ranges)
			if one.found != nil && (best < 0 || one.found.count < w.test[best].found.count) {
				best = i
			}
		}
	}
	for i, c := range clauses {
		w.test[i] = newSieve(c)
		w.test[i].asked, w.test[i].limit = true, maxLooks
	}
	if ask(false); best < 0 || w.test[best].found.count > few {
		ask(true)
	}
	if best >= 0 {
		w.take(x, best)
	}
	// What the index tells to leave the fewest is tested first.
	slices.SortStableFunc(w.test, func(a, b *sieve) int {
		if a.found == nil || b.found == nil {
			return cmp.Compare(unknown(a), unknown(b))
		}
		return cmp.Compare(a.found.count, b.found.count)
	})
	return w
}

// unknown is after how many others a sieve that has no candidates is tested.
func unknown(s *sieve) int {
	switch {
	case s.found != nil:
		return 0
	case s.not != nil:
		return 1
	}
	return 2
}

// take makes the candidates of one clause those of the way, when that is
// cheaper than looking at all nodes.
func (w *way) take(x *exec, best int) {
	first := w.test[best]
	c := first.found
	if c.count > w.coming || !c.exact && c.count > w.coming/2 {
		return
	}
	w.from, w.and, w.coming = c, []clause{first.clause}, c.count
	if c.exact {
		w.test = slices.Delete(w.test, best, best+1)
	} else {
		first.found, first.limit, first.ready = nil, maxLooks, false
	}
	if !w.limited && c.set != nil && c.count > few {
		w.intersect(x)
	}
}

// intersect makes one set of those that the index has as sets, until there are
// few nodes in it.
func (w *way) intersect(x *exec) {
	set := *w.from.set
	w.test = slices.DeleteFunc(w.test, func(s *sieve) bool {
		if s.found == nil || s.found.set == nil || !s.found.exact || set.Count() <= few {
			return false
		}
		if n := set.Count(); !x.work(1+n/entriesPerLook) || !x.take(min(slotBytes*n, x.view.NodeSlots()/8)) {
			return false
		}
		set, w.and = set.And(*s.found.set), append(w.and, s.clause)
		return true
	})
	w.from = &candidates{exact: true, set: &graph.Slots{}}
	w.from.add(set)
	w.coming = w.from.count
}

// counts works out how many nodes there are without finding them; it is nil when
// that cannot be done.
func (w *way) counts() func() int {
	switch c := w.from; {
	case c != nil && (!c.exact || c.loose || len(c.lists) > 1):
	case len(w.test) == 0:
		return func() int { return w.coming }
	case len(w.test) > 1 || len(w.test[0].not) != 1 || w.limited:
	case c == nil:
		return func() int { return w.coming - w.test[0].not[0].Count() }
	case c.set != nil:
		return func() int { return w.coming - c.set.And(w.test[0].not[0]).Count() }
	}
	return nil
}

// what says what the nodes are taken from.
func (w *way) what() string {
	if w.from == nil {
		return "all nodes"
	}
	name := "index "
	for i, c := range w.and {
		if i > 0 {
			name += " and "
		}
		name += c.String()
	}
	return name
}

// nodes finds the nodes of a scope that pass.
func (w *way) nodes(x *exec, sc *scope, note *noted, yield func(int32) bool) {
	if !w.limited {
		for _, one := range w.test {
			one.expect(x, w.coming)
		}
	}
	note.sieves(w.test)
	if w.from != nil {
		note.add("%s: %s", w.what(), howMany(w.from.count, "node"))
		for slot := range w.from.slots(x) {
			if sc.node(slot) && w.test.pass(x, slot) && !yield(slot) {
				return
			}
		}
		return
	}
	note.add("scan of %s", howMany(w.coming, "node"))
	all := x.view.NodeList()
	if sc != nil {
		all = sc.nodes.all()
	}
	for slot := range all {
		if !x.visit() || w.test.pass(x, slot) && !yield(slot) {
			return
		}
	}
}
