package gremlin

import "github.com/skein-net/skein/internal/entity"

// direction is which edges of a node a step follows, or which ends of an edge.
type direction uint8

const (
	// dirIn goes to parents: along edges whose child is the node.
	dirIn direction = 1 << iota
	// dirOut goes to children: along edges whose parent is the node.
	dirOut
	dirBoth = dirIn | dirOut
)

// around calls visit for every edge of a node in a direction, with the slots of
// the edge and of the other end. A loop is seen once. In a slice an edge is
// seen once for each revision at its other end, one after the other. It returns false when the
// run, or visit, says stop.
func (x *exec) around(sc *scope, slot int32, dir direction, visit func(edge, other int32) bool) bool {
	if dir&dirOut != 0 {
		for e, child := range x.view.OutSlots(slot) {
			if !x.visit() || (sc == nil || sc.edge(e) && sc.node(child)) && !visit(e, child) {
				return false
			}
		}
	}
	if dir&dirIn != 0 {
		for e, parent := range x.view.InSlots(slot) {
			if dir == dirBoth && parent == slot {
				continue
			}
			if !x.visit() || (sc == nil || sc.edge(e) && sc.node(parent)) && !visit(e, parent) {
				return false
			}
		}
	}
	return true
}

// passes tells whether the edge in a slot passes a filter. Nearly all that edges
// are asked for is one RelationType.
func (x *exec) passes(f *filter, edge int32) bool {
	if f == nil {
		return true
	}
	if t := &f.terms[0]; t.relation && len(f.terms) == 1 && t.pred.op == opEqual && t.pred.sense == someHit {
		return x.view.RelationType(edge) == t.pred.a.Str() && t.pred.a.Kind() == entity.KindString
	}
	return f.edge(x.view, edge)
}

// buildMove makes In, Out, Both (filter on the neighbour) and InE, OutE, BothE
// (filter on the edge).
func buildMove(dir direction, to Kind) func(*compiler, *call, Kind) (op, Kind, error) {
	return func(c *compiler, s *call, _ Kind) (op, Kind, error) {
		c.source = nil
		f, err := c.filter(s, s.args, false)
		if err != nil {
			return nil, 0, err
		}
		return func(x *exec, in flow) flow { return move(x, in, dir, to, f) }, to, nil
	}
}

func move(x *exec, in flow, dir direction, to Kind, f *filter) flow {
	out := flow{kind: to, scope: in.scope}
	var test sieves
	if to == KindNodes {
		test = x.sieves(f)
	}
	out.slots = func(yield func(int32) bool) {
		last := int32(-1) // edge; in a slice it comes again for another end
		follow := func(e, other int32) bool {
			if to == KindEdges {
				if e == last {
					return true
				}
				last = e
				return !x.passes(f, e) || yield(e)
			}
			return !test.pass(x, other) || yield(other)
		}
		for slot := range in.slots {
			last = -1
			if !x.around(in.scope, slot, dir, follow) {
				return
			}
		}
	}
	// Without filter and scope the degrees are the answer; loops would be
	// counted twice by Both, edges of a slice for each end.
	if f == nil && in.scope == nil && dir != dirBoth && !(to == KindEdges && x.view.IsSlice()) {
		out.count = func() int {
			n := 0
			for slot := range in.slots {
				if !x.visit() {
					break
				}
				if dir == dirOut {
					n += x.view.OutDegree(slot)
				} else {
					n += x.view.InDegree(slot)
				}
			}
			return n
		}
	}
	return out
}

// buildEnds makes InV (parent), OutV (child) and BothV, with an optional
// filter on the node.
func buildEnds(dir direction) func(*compiler, *call, Kind) (op, Kind, error) {
	return func(c *compiler, s *call, _ Kind) (op, Kind, error) {
		c.source = nil
		f, err := c.filter(s, s.args, false)
		if err != nil {
			return nil, 0, err
		}
		return func(x *exec, in flow) flow { return ends(x, in, dir, f) }, KindNodes, nil
	}
}

func ends(x *exec, in flow, dir direction, f *filter) flow {
	out := flow{kind: KindNodes, scope: in.scope}
	test := x.sieves(f)
	out.slots = func(yield func(int32) bool) {
		give := func(slot int32) bool { return !test.pass(x, slot) || yield(slot) }
		for slot := range in.slots {
			if !x.visit() {
				return
			}
			if x.view.IsSlice() {
				if !x.revisions(in.scope, slot, dir, give) {
					return
				}
				continue
			}
			for parent, child := range x.view.Ends(slot) {
				if dir&dirIn != 0 && !give(parent) || dir&dirOut != 0 && !give(child) {
					return
				}
			}
		}
	}
	return out
}

// revisions gives each revision that an edge of a slice had at its ends once:
// first the parents, then the children.
func (x *exec) revisions(sc *scope, edge int32, dir direction, give func(slot int32) bool) bool {
	for _, want := range [...]direction{dirIn, dirOut} {
		if dir&want == 0 {
			continue
		}
		var seen map[int32]struct{}
		last := int32(-1)
		for parent, child := range x.view.Ends(edge) {
			slot := parent
			if want == dirOut {
				slot = child
			}
			if _, known := seen[slot]; known || slot == last || !sc.node(parent) || !sc.node(child) {
				continue
			}
			if last >= 0 && seen == nil {
				seen = map[int32]struct{}{last: {}}
			}
			if last = slot; seen != nil {
				seen[slot] = struct{}{}
			}
			if !x.visit() || !give(slot) {
				return false
			}
		}
	}
	return true
}
