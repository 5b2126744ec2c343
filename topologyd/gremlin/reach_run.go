package gremlin

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// stageOp is what a stage does.
type stageOp uint8

const (
	stageFilter stageOp = iota
	stageTest
	stageMove // from nodes
	stageEnds // from edges
	stageTree
	stageDedup
	// stageDistinct leaves one of each combination of values, stageShared those that
	// have a value in common with another one.
	stageDistinct
	stageShared
)

// testHow is how many sub-traversals of a test have to give something.
type testHow uint8

const (
	testAny testHow = iota
	testAll
	testNone
)

// stage is a step of a query whose result is decided near its start, made to be
// run from few elements at a time: it costs nothing that grows with the graph.
type stage struct {
	op stageOp
	// filter is for elements, for the target of a move, for the edges of a tree.
	filter *filter
	dir    direction
	to     Kind
	depth  int
	how    testHow
	tests  []subTest
	keys   []string
}

// subTest is one sub-traversal: it gives something, or, with count, as many as
// that accepts.
type subTest struct {
	stages []stage
	count  *predicate
}

// stageRun runs stages.
type stageRun struct {
	v      *graph.View
	visits *int
	// sets leaves out what recurs after each move, which nobody counts.
	sets bool
}

func (w *stageRun) visit() bool {
	*w.visits--
	return *w.visits >= 0
}

// run gives what the stages make of the elements in, and its kind. It may change
// in.
func (w *stageRun) run(list []stage, kind Kind, in []int32) ([]int32, Kind) {
	for i := range list {
		s := &list[i]
		switch s.op {
		case stageFilter:
			in = w.keep(in, func(slot int32) bool { return w.passes(s.filter, kind, slot) })
		case stageTest:
			in = w.keep(in, func(slot int32) bool { return w.test(s, kind, slot) })
		case stageMove:
			in = w.move(s, in)
			kind = s.to
		case stageEnds:
			in = w.ends(s, in)
			kind = KindNodes
		case stageTree:
			in = w.tree(s, in)
		case stageDedup:
			in = compact(in)
		case stageDistinct:
			seen := unique{}
			at := viewSharing(w.v, kind, nil, nil).at
			in = w.keep(in, func(slot int32) bool { return seen.fresh(at(slot), s.keys, entity.Value{}) != 0 })
		case stageShared:
			in = viewSharing(w.v, kind, s.keys, w.visit).of(in)
		}
		if w.sets {
			in = compact(in)
		}
		if *w.visits < 0 || len(in) == 0 {
			return nil, kind
		}
	}
	return in, kind
}

func (w *stageRun) passes(f *filter, kind Kind, slot int32) bool {
	if kind == KindEdges {
		return f.edge(w.v, slot)
	}
	return f.node(w.v, slot)
}

func (w *stageRun) keep(in []int32, pass func(int32) bool) []int32 {
	out := in[:0]
	for _, slot := range in {
		if !w.visit() {
			return nil
		}
		if pass(slot) {
			out = append(out, slot)
		}
	}
	return out
}

func (w *stageRun) test(s *stage, kind Kind, slot int32) bool {
	for i := range s.tests {
		t := &s.tests[i]
		sub := stageRun{v: w.v, visits: w.visits, sets: t.count == nil}
		found, _ := sub.run(t.stages, kind, []int32{slot})
		holds := len(found) > 0
		if t.count != nil {
			holds = t.count.accepts(entity.Int(int64(len(found))))
		}
		if holds != (s.how == testAll) {
			return s.how == testAny
		}
	}
	return s.how != testAny
}

// around calls visit for every edge of a node, as exec.around does.
func (w *stageRun) around(slot int32, dir direction, visit func(edge, other int32)) {
	if dir&dirOut != 0 {
		for e, child := range w.v.OutSlots(slot) {
			if !w.visit() {
				return
			}
			visit(e, child)
		}
	}
	if dir&dirIn != 0 {
		for e, parent := range w.v.InSlots(slot) {
			if dir == dirBoth && parent == slot {
				continue
			}
			if !w.visit() {
				return
			}
			visit(e, parent)
		}
	}
}

func (w *stageRun) move(s *stage, in []int32) []int32 {
	var out []int32
	for _, slot := range in {
		w.around(slot, s.dir, func(edge, other int32) {
			switch {
			case s.to == KindEdges && s.filter.edge(w.v, edge):
				out = append(out, edge)
			case s.to == KindNodes && s.filter.node(w.v, other):
				out = append(out, other)
			}
		})
	}
	return out
}

func (w *stageRun) ends(s *stage, in []int32) []int32 {
	var out []int32
	give := func(slot int32) {
		if s.filter.node(w.v, slot) {
			out = append(out, slot)
		}
	}
	for _, slot := range in {
		for parent, child := range w.v.Ends(slot) {
			if !w.visit() {
				return nil
			}
			if s.dir&dirIn != 0 {
				give(parent)
			}
			if s.dir&dirOut != 0 {
				give(child)
			}
		}
	}
	return out
}

func (w *stageRun) tree(s *stage, in []int32) []int32 {
	seen := make(map[int32]struct{}, len(in))
	var out []int32
	add := func(slot int32) {
		if _, ok := seen[slot]; !ok {
			seen[slot] = struct{}{}
			out = append(out, slot)
		}
	}
	for _, slot := range in {
		add(slot)
	}
	for d, from := 0, 0; d < s.depth && from < len(out); d++ {
		level := out[from:]
		from = len(out)
		for _, slot := range level {
			w.around(slot, s.dir, func(edge, other int32) {
				if s.filter.edge(w.v, edge) {
					add(other)
				}
			})
		}
	}
	return out
}
