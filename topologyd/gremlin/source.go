package gremlin

import (
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
		t := newTerm(graph.FieldID, same)
		t.shows = src.kind == KindNodes
		src.filters = append(src.filters, &filter{terms: []term{t}})
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
			out.count = func(int) int { return v.EdgeCount() }
		}
		return out
	}
	w := s.plan(x, in.scope)
	out.slots = func(yield func(int32) bool) { w.nodes(x, in.scope, note, yield) }
	if count := w.counts(); count != nil && in.scope == nil {
		out.count = func(int) int {
			what := w.what()
			for _, s := range w.test {
				what += " and " + s.clause.String()
			}
			note.add("count of %s", what)
			return count()
		}
	}
	return out
}

func (s *source) edges(x *exec, sc *scope, note *noted, yield func(int32) bool) {
	clauses := clausesOf(s.filters)
	weight := 0
	for _, c := range clauses {
		weight += c.weight()
	}
	pass := func(slot int32) bool {
		if weight > 0 && !x.work(weight) {
			return false
		}
		for _, c := range clauses {
			if !c.edge(x.view, slot) {
				return false
			}
		}
		return true
	}
	for _, c := range clauses {
		if slots := c.edgesByID(x.view); slots != nil {
			note.add("index %s: %s", c, howMany(len(slots), "edge"))
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
		note.add("scan of %s", howMany(sc.edges.count(), "edge"))
	} else if i := slices.IndexFunc(clauses, clause.ofRelation); i >= 0 {
		all = x.view.EdgesOf(clauses[i][0].pred.a.Str())
		note.add("scan for %s of %s", clauses[i], howMany(x.view.EdgeCount(), "edge"))
		clauses = slices.Delete(clauses, i, i+1)
	} else {
		note.add("scan of %s", howMany(x.view.EdgeCount(), "edge"))
	}
	for slot := range all {
		if !x.visit() || pass(slot) && !yield(slot) {
			return
		}
	}
}
