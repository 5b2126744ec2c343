package gremlin

import (
	"iter"
	"slices"
)

// buildPath makes ShortestPathTo: (METADATA(key, value …) or key, value …
// [, METADATA(edge key, value …)]).
func buildPath(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "METADATA(key, value, ...) of the node to reach", "its key and value")
	}
	target, edges := s.args, []arg(nil)
	if n := len(s.args); n > 1 && s.args[n-1].isFn(fnMetadata) && (n%2 == 1 || s.args[0].isFn(fnMetadata)) {
		target, edges = s.args[:n-1], s.args[n-1:]
	}
	if target[0].isFn(fnMetadata) && len(target) > 1 {
		return nil, 0, c.bad(&target[1], "METADATA(key, value, ...) of the edges to follow")
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
		p := &pathfinder{x: x, scope: in.scope, along: along}
		return flow{kind: KindPaths, scope: in.scope, paths: p.run(in.slots, to)}
	}, KindPaths, nil
}

// pathfinder finds shortest paths by breadth-first search over edges in both
// directions.
type pathfinder struct {
	x     *exec
	scope *scope
	along *filter
}

// search is one breadth-first search.
type search struct {
	// from is for each slot the one it was reached from, plus one; 0 where the
	// search has not been. A root was reached from itself.
	from []int32
	// level is the outermost level.
	level []int32
	// spare is the level before, to be written over.
	spare []int32
}

// newSearch takes the memory of a search; nil means stop.
func (p *pathfinder) newSearch(roots []int32) *search {
	slots := p.x.view.NodeSlots()
	if !p.x.take(slots * slotBytes) {
		return nil
	}
	s := &search{from: make([]int32, slots), level: slices.Clone(roots)}
	for _, r := range roots {
		s.from[r] = r + 1
	}
	return s
}

// reached tells whether the search has come to a slot.
func (s *search) reached(slot int32) bool { return s.from[slot] != 0 }

// run gives one path for each start node that can reach a target, in the order
// of the start nodes. A start node that is a target is a path of one node.
func (p *pathfinder) run(starts iter.Seq[int32], to *source) iter.Seq[[]int32] {
	return func(yield func([]int32) bool) {
		seen := p.x.bitset(p.x.view.NodeSlots())
		if seen == nil {
			return
		}
		var from []int32
		for slot := range starts {
			if !p.x.visit() {
				return
			}
			if seen.add(slot) {
				from = append(from, slot)
			}
		}
		if len(from) == 0 {
			return
		}
		var targets []int32
		to.nodes(p.x, p.scope, func(slot int32) bool {
			targets = append(targets, slot)
			return true
		})
		if p.x.err != nil || len(targets) == 0 {
			return
		}
		if len(from) == 1 {
			if path := p.between(from, targets); path != nil {
				yield(path)
			}
			return
		}
		back := p.flood(targets, from)
		for _, slot := range from {
			if p.x.err != nil || back.reached(slot) && !yield(back.walk(slot, p.x)) {
				return
			}
		}
	}
}

// walk follows the predecessors from a slot to a root.
func (s *search) walk(slot int32, x *exec) []int32 {
	path := []int32{slot}
	for s.from[slot] != slot+1 && x.visit() && x.take(slotBytes) {
		slot = s.from[slot] - 1
		path = append(path, slot)
	}
	return path
}

// flood searches from all targets at once until all start nodes are reached,
// so that many start nodes cost no more than one.
func (p *pathfinder) flood(targets, starts []int32) *search {
	s := p.newSearch(targets)
	wanted := p.x.bitset(p.x.view.NodeSlots())
	if s == nil || wanted == nil {
		return nil
	}
	left := 0
	for _, slot := range starts {
		if !s.reached(slot) {
			wanted.set(slot)
			left++
		}
	}
	for left > 0 && len(s.level) > 0 {
		ok := p.expand(s, func(slot int32) bool {
			if wanted.has(slot) {
				left--
			}
			return left > 0
		})
		if !ok {
			break
		}
	}
	return s
}

// between searches from both sides, the smaller level first, until they meet:
// whole levels are taken in turn, so the first meeting is on a shortest path.
func (p *pathfinder) between(starts, targets []int32) []int32 {
	a, b := p.newSearch(starts), p.newSearch(targets)
	if a == nil || b == nil {
		return nil
	}
	const none = -1
	meeting := int32(none)
	if b.reached(starts[0]) {
		meeting = starts[0]
	}
	for meeting == none && len(a.level) > 0 && len(b.level) > 0 {
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
		if p.x.err != nil {
			return nil
		}
	}
	if meeting == none {
		return nil
	}
	path := a.walk(meeting, p.x)
	slices.Reverse(path)
	return append(path, b.walk(meeting, p.x)[1:]...)
}

// expand goes one level further and calls reach for each node that is new,
// until it returns false.
func (p *pathfinder) expand(s *search, reach func(slot int32) bool) bool {
	next := s.spare[:0]
	ok := true
	for _, slot := range s.level {
		ok = p.x.around(p.scope, slot, dirBoth, func(e, other int32) bool {
			if s.reached(other) || !p.x.passes(p.along, e) {
				return true
			}
			s.from[other] = slot + 1
			next = append(next, other)
			return reach(other)
		})
		if !ok {
			break
		}
	}
	s.level, s.spare = next, s.level
	return ok
}
