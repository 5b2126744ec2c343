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
// the edge and of the other end. A loop is seen once. It returns false when the
// run, or visit, says stop.
func (x *exec) around(sc *scope, slot int32, dir direction, visit func(edge, other int32) bool) bool {
	if dir&dirOut != 0 {
		for e, child := range x.view.OutSlots(slot) {
			if !x.visit() || (sc == nil || sc.edge(e)) && !visit(e, child) {
				return false
			}
		}
	}
	if dir&dirIn != 0 {
		for e, parent := range x.view.InSlots(slot) {
			if dir == dirBoth && parent == slot {
				continue
			}
			if !x.visit() || (sc == nil || sc.edge(e)) && !visit(e, parent) {
				return false
			}
		}
	}
	return true
}

// passes tells whether the edge in a slot passes a filter; without one the edge
// is not looked at.
func (x *exec) passes(f *filter, edge int32) bool {
	switch {
	case f == nil:
		return true
	case len(f.terms) == 1 && f.terms[0].relation:
		return f.terms[0].pred.accepts(entity.String(x.view.RelationType(edge)))
	default:
		return f.edge(x.view.EdgeAt(edge))
	}
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
	out.slots = func(yield func(int32) bool) {
		follow := func(e, other int32) bool {
			if to == KindEdges {
				return !x.passes(f, e) || yield(e)
			}
			return f != nil && !f.node(x.view.NodeAt(other)) || yield(other)
		}
		for slot := range in.slots {
			if !x.around(in.scope, slot, dir, follow) {
				return
			}
		}
	}
	// Without filter and scope the degrees are the answer; loops would be
	// counted twice by Both.
	if f == nil && in.scope == nil && dir != dirBoth {
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
	out.slots = func(yield func(int32) bool) {
		give := func(slot int32) bool { return f != nil && !f.node(x.view.NodeAt(slot)) || yield(slot) }
		for slot := range in.slots {
			if !x.visit() {
				return
			}
			e := x.view.EdgeAt(slot)
			if dir&dirIn != 0 && !give(e.ParentSlot) || dir&dirOut != 0 && !give(e.ChildSlot) {
				return
			}
		}
	}
	return out
}
