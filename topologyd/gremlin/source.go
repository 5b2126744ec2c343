package gremlin

import (
	"cmp"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// source is V or E with the filters that follow it.
type source struct {
	kind    Kind
	filters []*filter
	// limited tells that Limit or Range follows, so that not all elements may be
	// asked for.
	limited bool
}

// buildSource makes V and E: (), (ID) or (key, value …).
func buildSource(c *compiler, s *call, _ Kind) (op, Kind, error) {
	src := &source{kind: KindNodes, limited: limited(c.after)}
	if s.name == "E" {
		src.kind = KindEdges
	}
	if len(s.args) == 1 && !s.args[0].isFn(fnMetadata) {
		byName := "V('Name', ...)"
		if src.kind == KindEdges {
			byName = "E('RelationType', ...)"
		}
		id, err := c.id(&s.args[0], s.name, byName)
		if err != nil {
			return nil, 0, err
		}
		same := predicate{op: opEqual, a: entity.String(id.String())}
		src.filters = append(src.filters, &filter{terms: []term{newTerm(graph.FieldID, same)}})
	} else if len(s.args) > 0 {
		f, err := c.filter(s, s.args, false)
		if err != nil {
			return nil, 0, err
		}
		src.filters = append(src.filters, f)
	}
	c.source = src
	return src.run, src.kind, nil
}

// limited tells whether Limit or Range comes next, after filters.
func limited(after []call) bool {
	for i := range after {
		switch after[i].name {
		case "Limit", "Range":
			return true
		case "Has", "HasEither", "HasKey", "HasNot":
		default:
			return false
		}
	}
	return false
}

func (s *source) run(x *exec, in flow) flow {
	out := flow{kind: s.kind, scope: in.scope}
	v, note := x.view, x.noting()
	if s.kind == KindEdges {
		out.slots = func(yield func(int32) bool) { s.edges(x, in.scope, note, yield) }
		if in.scope == nil && len(s.filters) == 0 {
			out.count = v.EdgeCount
		}
		return out
	}
	out.slots = func(yield func(int32) bool) { s.find(x, in.scope, note, yield) }
	if in.scope != nil {
		return out
	}
	if len(s.filters) == 0 {
		out.count = v.NodeCount
		return out
	}
	if clauses := clausesOf(s.filters); len(clauses) == 1 {
		if c := clauses[0].indexed(v, true); c != nil && c.exact && len(c.lists) <= 1 {
			out.count = func() int {
				note.add("count of the index of %s", clauses[0])
				return c.count
			}
		}
	}
	return out
}

// node looks whether a node passes.
func (s *source) node(v *graph.View, slot int32) bool {
	for _, f := range s.filters {
		if !f.node(v, slot) {
			return false
		}
	}
	return true
}

// way is how a source finds its nodes in one run: it takes the candidates of an
// index, or all nodes, and tests them.
type way struct {
	from *candidates // nil: all nodes
	name clause      // whose candidates they are
	test sieves
}

// few is how many candidates are so few that no index by order is asked, and no
// set made, to make them fewer.
const few = askAfter

// plan chooses the index that leaves the fewest nodes.
func (s *source) plan(v *graph.View) *way {
	clauses := clausesOf(s.filters)
	w := &way{test: make(sieves, len(clauses))}
	best := -1
	ask := func(ranges bool) {
		for i, one := range w.test {
			if one.found != nil {
				continue
			}
			if one.found = one.clause.indexed(v, ranges); one.found == nil {
				continue
			}
			one.limit = one.found.price(v)
			if best < 0 || one.found.count < w.test[best].found.count {
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
	if best < 0 {
		return w
	}
	first := w.test[best]
	if !first.found.exact && first.found.count > v.NodeCount()/2 {
		return w
	}
	w.from, w.name = first.found, first.clause
	if first.found.exact {
		w.test = slices.Delete(w.test, best, best+1)
	} else {
		first.found, first.limit = nil, maxLooks
	}
	// What the index tells to leave the fewest is tested first.
	slices.SortStableFunc(w.test, func(a, b *sieve) int {
		if a.found == nil || b.found == nil {
			return cmp.Compare(missingIndex(a), missingIndex(b))
		}
		return cmp.Compare(a.found.count, b.found.count)
	})
	return w
}

func missingIndex(s *sieve) int {
	if s.found == nil {
		return 1
	}
	return 0
}

// nodes gives the nodes of a scope that pass.
func (s *source) nodes(x *exec, sc *scope, yield func(int32) bool) { s.find(x, sc, nil, yield) }

func (s *source) find(x *exec, sc *scope, note *noted, yield func(int32) bool) {
	w := s.plan(x.view)
	all := x.view.NodeList()
	coming := x.view.NodeCount()
	if sc != nil {
		all, coming = sc.nodes.all(), sc.nodes.count()
	}
	if w.from != nil && w.from.count <= coming {
		coming = w.from.count
		note.add("index %s: %d nodes", w.name, w.from.count)
	} else {
		if w.from != nil {
			w.test = append(w.test, &sieve{clause: w.name, asked: true, found: w.from, limit: w.from.price(x.view)})
			w.from = nil
		}
		note.add("scan of %d nodes", coming)
	}
	if !s.limited {
		for _, one := range w.test {
			one.expect(x, coming)
		}
	}
	note.sieves(w.test)
	if w.from != nil {
		for slot := range w.from.slots(x) {
			if sc.node(slot) && w.test.pass(x, slot) && !yield(slot) {
				return
			}
		}
		return
	}
	for slot := range all {
		if !x.visit() || w.test.pass(x, slot) && !yield(slot) {
			return
		}
	}
}

func (s *source) edges(x *exec, sc *scope, note *noted, yield func(int32) bool) {
	clauses := clausesOf(s.filters)
	pass := func(slot int32) bool {
		for _, c := range clauses {
			if !c.edge(x.view, slot) {
				return false
			}
		}
		return true
	}
	for _, c := range clauses {
		if slots := c.edgesByID(x.view); slots != nil {
			note.add("index %s: %d edges", c, len(slots))
			for _, slot := range slots {
				if !x.visit() || sc.edge(slot) && pass(slot) && !yield(slot) {
					return
				}
			}
			return
		}
	}
	all := x.view.EdgeList()
	if sc != nil {
		all = sc.edges.all()
		note.add("scan of %d edges", sc.edges.count())
	} else {
		note.add("scan of %d edges", x.view.EdgeCount())
	}
	for slot := range all {
		if !x.visit() || pass(slot) && !yield(slot) {
			return
		}
	}
}
