package gremlin

import (
	"iter"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// buildPath makes ShortestPathTo: (METADATA(key, value …) or key, value …
// [, METADATA(edge key, value …)] [, weight]), where weight is the key of a
// number of edges; it may only follow a METADATA.
func buildPath(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "METADATA(key, value, ...) of the node to reach", "its key and value")
	}
	target, edges, weight := s.args, []arg(nil), ""
	if n := len(target); n > 1 && target[n-1].fn == nil && target[n-2].isFn(fnMetadata) {
		var err error
		if weight, err = c.key(&target[n-1]); err != nil {
			return nil, 0, err
		}
		target = target[:n-1]
	}
	if n := len(target); n > 1 && target[n-1].isFn(fnMetadata) && (n%2 == 1 || target[0].isFn(fnMetadata)) {
		target, edges = target[:n-1], target[n-1:]
	}
	if target[0].isFn(fnMetadata) && len(target) > 1 {
		return nil, 0, c.bad(&target[1], "METADATA(key, value, ...) of the edges to follow", "the key of their weight")
	}
	to := &source{kind: KindNodes}
	f, err := c.filter(s, target, false)
	if err != nil {
		return nil, 0, err
	}
	to.filters = append(to.filters, f)
	along, err := c.filter(s, edges, false)
	if err != nil {
		return nil, 0, err
	}
	return func(x *exec, in flow) flow {
		p := &pathfinder{x: x, scope: in.scope, along: along, to: to, weight: weight, note: x.noting()}
		if weight != "" {
			p.weightAt = x.firstOf(KindEdges, weight)
		}
		return flow{kind: KindPaths, scope: in.scope, paths: p.run(in.slots)}
	}, KindPaths, nil
}

// pathfinder finds shortest paths over edges in both directions: by breadth-first
// search, or by the sum of a weight of edges (steps_path_weight.go).
type pathfinder struct {
	x     *exec
	scope *scope
	to    *source
	along *filter
	// weight is the key of a number of edges, "" when hops are counted.
	weight string
	// weightAt gives its value of an edge.
	weightAt func(edge int32) entity.Value
	note     *noted
}

// fewTargets is up to how many targets a search from both sides pays: from more,
// one from the start alone soon comes to one.
const fewTargets = 1024

// run gives one path for each start node that can reach a target, in the order
// of the start nodes. A start node that is a target is a path of one node.
func (p *pathfinder) run(starts iter.Seq[int32]) iter.Seq[[]int32] {
	return func(yield func([]int32) bool) {
		seen := p.x.slotSet(p.x.view.NodeSlots())
		var from []int32
		for slot := range starts {
			if !p.x.visit() {
				return
			}
			if seen.add(slot) {
				from = append(from, slot)
			}
		}
		if p.x.err != nil || len(from) == 0 {
			return
		}
		w := p.to.plan(p.x, p.scope)
		known := w.from != nil && w.from.count <= fewTargets // and found without looking at all nodes
		if len(from) == 1 && !known {
			p.note.add("search from the start until a target")
			if path := p.forward(from[0]); path != nil {
				yield(path)
			}
			return
		}
		var targets []int32
		w.nodes(p.x, p.scope, nil, func(slot int32) bool {
			targets = append(targets, slot)
			return p.x.take(slotBytes)
		})
		if p.x.err != nil || len(targets) == 0 {
			return
		}
		if len(from) == 1 {
			p.note.add("search from the start and %s at once", howMany(len(targets), "target"))
			if path := p.between(from[0], targets); path != nil {
				yield(path)
			}
			return
		}
		p.note.add("search from %s until %s are reached", howMany(len(targets), "target"), howMany(len(from), "start"))
		walk := p.flood(targets, from)
		for _, slot := range from {
			if p.x.err != nil {
				return
			}
			if path := walk(slot); path != nil && (p.x.err != nil || !yield(path)) {
				return
			}
		}
	}
}

// isTarget looks whether a node is one.
func (p *pathfinder) isTarget(slot int32) bool {
	for _, f := range p.to.filters {
		if f.weight > 0 && !p.x.work(f.weight) || !f.node(p.x.view, slot) {
			return false
		}
	}
	return true
}

// forward searches from a start node alone until it comes to a target.
func (p *pathfinder) forward(start int32) []int32 {
	if p.isTarget(start) {
		return []int32{start}
	}
	if p.weight != "" {
		return p.forwardByWeight(start)
	}
	const none = -1
	target := int32(none)
	s := p.newSearch([]int32{start})
	for target == none && p.x.err == nil && len(s.level) > 0 {
		p.expand(s, func(slot int32) bool {
			if p.isTarget(slot) {
				target = slot
			}
			return target == none
		})
	}
	if target == none {
		return nil
	}
	path := s.walk(target, p.x)
	slices.Reverse(path)
	return path
}

// between searches from both sides.
func (p *pathfinder) between(start int32, targets []int32) []int32 {
	if p.weight != "" {
		return p.betweenByWeight(start, targets)
	}
	return p.betweenByHops(start, targets)
}

// flood searches from all targets at once until all start nodes are reached, so
// that many start nodes cost no more than one. It returns the path of a start
// node, nil when there is none.
func (p *pathfinder) flood(targets, starts []int32) func(start int32) []int32 {
	if p.weight != "" {
		return p.floodByWeight(targets, starts)
	}
	return p.floodByHops(targets, starts)
}

// follows tells whether an edge is one to follow, to the node at its other end.
func (p *pathfinder) follows(edge, other int32) bool {
	return (p.scope == nil || p.scope.edge(edge) && p.scope.node(other)) && (p.along == nil || p.x.passes(p.along, edge))
}

// search is one breadth-first search.
type search struct {
	// from is for each slot the one it was reached from, plus one; 0 where the
	// search has not been. A root was reached from itself.
	from *slotMap
	// level is the outermost level.
	level []int32
	// spare is the level before, to be written over.
	spare []int32
}

// newSearch starts at roots; it may stop the run.
func (p *pathfinder) newSearch(roots []int32) *search {
	s := &search{from: p.x.slotMap(p.x.view.NodeSlots()), level: slices.Clone(roots)}
	for _, r := range roots {
		if !s.from.put(r, r+1) {
			break
		}
	}
	return s
}

// reached tells whether the search has come to a slot.
func (s *search) reached(slot int32) bool { return s.from.get(slot) != 0 }

// walk follows the predecessors from a slot to a root.
func (s *search) walk(slot int32, x *exec) []int32 {
	path := []int32{slot}
	for before := s.from.get(slot) - 1; before != slot && x.visit() && x.take(slotBytes); before = s.from.get(slot) - 1 {
		slot = before
		path = append(path, slot)
	}
	return path
}

func (p *pathfinder) floodByHops(targets, starts []int32) func(start int32) []int32 {
	s := p.newSearch(targets)
	wanted := p.x.slotSet(p.x.view.NodeSlots())
	left := 0
	for _, slot := range starts {
		if !s.reached(slot) && wanted.add(slot) {
			left++
		}
	}
	for left > 0 && p.x.err == nil && len(s.level) > 0 {
		p.expand(s, func(slot int32) bool {
			if wanted.has(slot) {
				left--
			}
			return left > 0
		})
	}
	return func(start int32) []int32 {
		if !s.reached(start) {
			return nil
		}
		return s.walk(start, p.x)
	}
}

// betweenByHops takes whole levels in turn, the smaller one first, until the
// searches meet: the first meeting is on a shortest path.
func (p *pathfinder) betweenByHops(start int32, targets []int32) []int32 {
	a, b := p.newSearch([]int32{start}), p.newSearch(targets)
	const none = -1
	meeting := int32(none)
	if b.reached(start) {
		meeting = start
	}
	for meeting == none && p.x.err == nil && len(a.level) > 0 && len(b.level) > 0 {
		s, other := a, b
		if len(b.level) < len(a.level) {
			s, other = b, a
		}
		p.expand(s, func(slot int32) bool {
			if other.reached(slot) {
				meeting = slot
			}
			return meeting == none
		})
	}
	if meeting == none || p.x.err != nil {
		return nil
	}
	path := a.walk(meeting, p.x)
	slices.Reverse(path)
	return append(path, b.walk(meeting, p.x)[1:]...)
}

// expand goes one level further and calls reach for each node that is new,
// until it returns false.
func (p *pathfinder) expand(s *search, reach func(slot int32) bool) {
	x, from := p.x, s.from
	next, all := s.spare[:0], p.scope == nil && p.along == nil
	// arrive comes to a node that is new, if the edge may be followed.
	arrive := func(slot, edge, other int32) bool {
		if !all && !p.follows(edge, other) {
			return true
		}
		if !from.put(other, slot+1) {
			return false
		}
		next = append(next, other)
		return reach(other)
	}
nodes:
	for _, slot := range s.level {
		for edge, other := range x.view.OutSlots(slot) {
			if !x.visit() || from.get(other) == 0 && !arrive(slot, edge, other) {
				break nodes
			}
		}
		for edge, other := range x.view.InSlots(slot) {
			if !x.visit() || from.get(other) == 0 && !arrive(slot, edge, other) {
				break nodes
			}
		}
	}
	x.take(len(next) * slotBytes)
	s.level, s.spare = next, s.level
}
