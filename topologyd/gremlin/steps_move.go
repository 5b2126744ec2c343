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
	if f != nil && f.weight > 0 && !x.work(f.weight) {
		return false
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
		p := pipe{to: to, bind: func(x *exec, sc *scope, next func(int32) bool) func(int32) bool {
			return x.moving(to, next, func(next func(int32) bool) func(int32) bool {
				if to == KindEdges {
					return x.edgesOf(sc, dir, f, next)
				}
				return x.nodesAround(sc, dir, f, next)
			})
		}}
		if f == nil && dir != dirBoth {
			p.count = func(x *exec, in flow) func(int) int { return x.degrees(in, dir, to) }
		}
		return c.piped(p), to, nil
	}
}

// nodesAround gives the nodes at the other ends of the edges of a node.
func (x *exec) nodesAround(sc *scope, dir direction, f *filter, next func(int32) bool) func(int32) bool {
	test := x.sieves(f)
	follow := func(_, other int32) bool { return !test.pass(x, other) || next(other) }
	if f == nil {
		follow = func(_, other int32) bool { return next(other) }
	}
	return func(slot int32) bool { return x.around(sc, slot, dir, follow) }
}

// edgesOf gives the edges of a node.
func (x *exec) edgesOf(sc *scope, dir direction, f *filter, next func(int32) bool) func(int32) bool {
	last := int32(-1) // in a slice an edge comes again for another end
	follow := func(e, _ int32) bool {
		if e == last {
			return true
		}
		last = e
		return !x.passes(f, e) || next(e)
	}
	return func(slot int32) bool {
		last = -1
		return x.around(sc, slot, dir, follow)
	}
}

// degrees counts the edges in one direction. Without filter and scope the
// degrees are the answer; loops would be counted twice by Both, edges of a slice
// for each end.
func (x *exec) degrees(in flow, dir direction, to Kind) func(most int) int {
	if in.scope != nil || to == KindEdges && x.view.IsSlice() {
		return nil
	}
	n, enough := 0, 0
	add := func(slot int32) bool {
		if dir == dirOut {
			n += x.view.OutDegree(slot)
		} else {
			n += x.view.InDegree(slot)
		}
		return x.visit() && n < enough
	}
	return func(most int) int {
		n, enough = 0, most
		in.slots(add)
		return n
	}
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
		p := pipe{to: KindNodes, bind: func(x *exec, sc *scope, next func(int32) bool) func(int32) bool {
			return x.moving(KindNodes, next, func(next func(int32) bool) func(int32) bool {
				return x.endsOf(sc, dir, f, next)
			})
		}}
		return c.piped(p), KindNodes, nil
	}
}

// endsOf gives the nodes at the ends of an edge.
func (x *exec) endsOf(sc *scope, dir direction, f *filter, next func(int32) bool) func(int32) bool {
	test := x.sieves(f)
	give := func(slot int32) bool { return !test.pass(x, slot) || next(slot) }
	return func(slot int32) bool {
		if !x.visit() {
			return false
		}
		if x.view.IsSlice() {
			return x.revisions(sc, slot, dir, give)
		}
		for parent, child := range x.view.Ends(slot) {
			if !sc.node(parent) || !sc.node(child) { // selected from before a SubGraph
				continue
			}
			if dir&dirIn != 0 && !give(parent) || dir&dirOut != 0 && !give(child) {
				return false
			}
		}
		return true
	}
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
