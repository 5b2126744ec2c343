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
	out := flow{kind: KindNodes, scope: in.scope}
	out.slots = func(yield func(int32) bool) {
		seen := x.slotSet(x.view.NodeSlots())
		var level, next []int32
		for slot := range in.slots {
			if !x.visit() {
				return
			}
			if seen.add(slot) {
				level = append(level, slot)
				if !x.take(slotBytes) || !yield(slot) {
					return
				}
			}
		}
		// arrive comes to a node that is new, if the edge may be followed.
		arrive := func(edge, other int32) bool {
			if in.scope != nil && !(in.scope.edge(edge) && in.scope.node(other)) || f != nil && !x.passes(f, edge) {
				return true
			}
			if !seen.add(other) || !x.take(slotBytes) {
				return false
			}
			next = append(next, other)
			return yield(other)
		}
		for d := 0; d < depth && len(level) > 0; d++ {
			for _, slot := range level {
				if dir&dirOut != 0 {
					for edge, other := range x.view.OutSlots(slot) {
						if !x.visit() || !seen.has(other) && !arrive(edge, other) {
							return
						}
					}
				}
				if dir&dirIn != 0 {
					for edge, other := range x.view.InSlots(slot) {
						if !x.visit() || !seen.has(other) && !arrive(edge, other) {
							return
						}
					}
				}
			}
			level, next = next, level[:0]
		}
	}
	return out
}
