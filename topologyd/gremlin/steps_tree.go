package gremlin

import (
	"math"

	"github.com/skein-net/skein/internal/entity"
)

// buildTree makes Descendants, Ascendants and Neighbors: ([edge key, value …]
// [, depth]). The depth is 1 when it is left out; 0 means as far as it goes.
func buildTree(dir direction) func(*compiler, *call, Kind) (op, Kind, error) {
	return func(c *compiler, s *call, _ Kind) (op, Kind, error) {
		c.source = nil
		depth, rest := 1, s.args
		if n := len(s.args); n > 0 && (n%2 == 1 || n == 2 && s.args[0].isFn(fnMetadata)) && !s.args[n-1].isFn(fnMetadata) {
			if !s.args[n-1].isInt() {
				if n == 1 {
					return nil, 0, c.bad(&s.args[0], "a depth (a whole number, 0: as far as it goes)", "a key and a value of the edges")
				}
				return nil, 0, c.bad(&s.args[n-1], "a depth (a whole number, 0: as far as it goes)")
			}
			var err error
			if depth, err = c.count(&s.args[n-1]); err != nil {
				return nil, 0, err
			}
			rest = s.args[:n-1]
		}
		f, err := c.filter(s, rest, false)
		if err != nil {
			return nil, 0, err
		}
		if f == nil && dir != dirBoth {
			f = &filter{terms: []term{newTerm(entity.KeyRelationType, predicate{op: opEqual, a: entity.String(entity.Ownership)})}}
		}
		if depth == 0 {
			depth = math.MaxInt
		}
		return func(x *exec, in flow) flow { return tree(x, in, dir, f, depth) }, KindNodes, nil
	}
}

// tree streams the start nodes, then what is one edge away, then two …, each
// node once.
func tree(x *exec, in flow, dir direction, f *filter, depth int) flow {
	t := &treeWalk{x: x, scope: in.scope, dir: dir, along: f, depth: depth, seen: x.slotSet(x.view.NodeSlots()), ways: x.ways}
	start := t.start
	return flow{kind: KindNodes, scope: in.scope, slots: func(yield func(int32) bool) {
		t.seen.reset()
		t.level, t.next, t.levelWays, t.nextWays = t.level[:0], t.next[:0], t.levelWays[:0], t.nextWays[:0]
		t.yield, t.stopped = yield, false
		if in.slots(start); !t.stopped && t.x.err == nil {
			t.run()
		}
	}}
}

// treeWalk is the search of one step, used again for each stream.
type treeWalk struct {
	x     *exec
	scope *scope
	dir   direction
	along *filter
	depth int
	seen  *slotSet
	// level is how far it has come, next what is one edge further.
	level, next []int32
	yield       func(int32) bool
	stopped     bool
	// levelWays and nextWays are the ways to the nodes of level and next when ways
	// are remembered; before is that to the node that is looked at.
	ways                *ways
	levelWays, nextWays []int32
	before              int32
}

// start takes a start node.
func (t *treeWalk) start(slot int32) bool {
	if !t.x.visit() {
		t.stopped = true
		return false
	}
	if !t.seen.add(slot) {
		return true
	}
	t.level = append(t.level, slot)
	if t.ways != nil {
		t.levelWays = append(t.levelWays, t.ways.keep())
	}
	t.stopped = !t.x.take(slotBytes) || !t.yield(slot)
	return !t.stopped
}

func (t *treeWalk) run() {
	for d := 0; d < t.depth && len(t.level) > 0; d++ {
		for i, slot := range t.level {
			if t.ways != nil {
				t.before = t.levelWays[i]
			}
			if t.dir&dirOut != 0 {
				for edge, other := range t.x.view.OutSlots(slot) {
					if !t.x.visit() || !t.seen.has(other) && !t.arrive(edge, other) {
						return
					}
				}
			}
			if t.dir&dirIn != 0 {
				for edge, other := range t.x.view.InSlots(slot) {
					if !t.x.visit() || !t.seen.has(other) && !t.arrive(edge, other) {
						return
					}
				}
			}
		}
		t.level, t.next = t.next, t.level[:0]
		t.levelWays, t.nextWays = t.nextWays, t.levelWays[:0]
	}
}

// arrive comes to a node that is new, if the edge may be followed.
func (t *treeWalk) arrive(edge, other int32) bool {
	if t.scope != nil && !(t.scope.edge(edge) && t.scope.node(other)) || t.along != nil && !t.x.passes(t.along, edge) {
		return true
	}
	if !t.seen.add(other) || !t.x.take(slotBytes) {
		return false
	}
	t.next = append(t.next, other)
	if t.ways == nil {
		return t.yield(other)
	}
	return t.ways.lead(t.before, other, other, func(slot int32) bool {
		t.nextWays = append(t.nextWays, t.ways.keep())
		return t.yield(slot)
	})
}
