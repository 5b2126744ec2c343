package gremlin

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// buildRange makes Limit(n), and Range(from, to) from the element from (0 is
// the first) to that before to.
func buildRange(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	want := 1
	if s.name == "Range" {
		want = 2
	}
	var bounds [2]int
	for i := range want {
		if i >= len(s.args) {
			return nil, 0, c.missing(s, "a whole number of 0 or more")
		}
		n, err := c.count(&s.args[i])
		if err != nil {
			return nil, 0, err
		}
		bounds[i] = n
	}
	if want == 1 {
		bounds[0], bounds[1] = 0, bounds[0]
	} else if bounds[1] < bounds[0] {
		return nil, 0, c.refuse(&s.args[1], "Range ends before it starts")
	}
	if c.flows != nil && in == KindFlows {
		c.flows.limit = bounds[1]
	}
	o := func(x *exec, in flow) flow {
		out := flow{kind: in.kind, scope: in.scope}
		switch in.kind {
		case KindFlows:
			out.flows = part(in.flows, bounds)
		case KindGroups, KindMetrics:
			out.groups = part(in.groups, bounds)
		case KindNodes, KindEdges:
			out.slots = part(in.slots, bounds)
		case KindPaths:
			out.paths = part(in.paths, bounds)
		case KindPackets:
			out.packets = part(in.packets, bounds)
		default:
			out.values = part(in.values, bounds)
		}
		if in.count != nil {
			out.count = func(int) int {
				if bounds[0] == bounds[1] {
					return 0
				}
				return max(0, min(in.count(bounds[1]), bounds[1])-bounds[0])
			}
		}
		return out
	}
	return o, in, c.atMost(s, want)
}

func part[T any](in iter.Seq[T], bounds [2]int) iter.Seq[T] {
	return func(yield func(T) bool) {
		if bounds[0] == bounds[1] {
			return
		}
		i := 0
		for e := range in {
			if i >= bounds[0] && !yield(e) {
				return
			}
			if i++; i == bounds[1] {
				return
			}
		}
	}
}

// buildCount makes Count.
func buildCount(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	return func(x *exec, in flow) flow {
		count := in.count
		switch {
		case count != nil:
		case in.slots != nil:
			count = lengthOf(in.slots)
		case in.values != nil:
			count = lengthOf(in.values)
		case in.flows != nil:
			count = lengthOf(in.flows)
		case in.groups != nil:
			count = lengthOf(in.groups)
		case in.packets != nil:
			count = lengthOf(in.packets)
		default:
			count = lengthOf(in.paths)
		}
		return flow{kind: KindNumber, scope: in.scope, number: func() entity.Value { return entity.Int(int64(count(math.MaxInt))) }}
	}, KindNumber, c.atMost(s, 0)
}

// lengthOf counts the first of a stream, any number of times.
func lengthOf[T any](in iter.Seq[T]) func(most int) int {
	n, enough := 0, 0
	one := func(T) bool {
		n++
		return n < enough
	}
	return func(most int) int {
		n, enough = 0, most
		in(one)
		return n
	}
}

// buildSort makes Sort: ([ASC or DESC] [, key]). Elements are ordered by
// @CreatedAt when there is no key, flows by Last, values by themselves. What lacks the key
// comes last either way. When a Limit or Range follows, no more is remembered than
// that lets pass.
func buildSort(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	rest, descending := s.args, false
	if len(rest) > 0 && (rest[0].isFn(fnAsc) || rest[0].isFn(fnDesc)) {
		descending = rest[0].isFn(fnDesc)
		rest = rest[1:]
	}
	key := ""
	if in == KindFlows {
		key = "Last"
	}
	if len(rest) > 0 {
		if rest[0].fn != nil {
			return nil, 0, c.bad(&rest[0], "ASC or DESC first, then a key in quotes")
		}
		var err error
		if key, err = c.sortKey(in, &rest[0]); err != nil {
			return nil, 0, err
		}
		if len(rest) > 1 {
			return nil, 0, c.bad(&rest[1], "the end of the arguments of Sort")
		}
	}
	if in == KindFlows {
		return c.sortFlows(key, descending), in, nil
	}
	return orderOp([]sorting{{key: key, descending: descending}}, c.top()), in, nil
}

// sortKey takes an argument that is a key to sort by. The times of an element
// also have Skydive's names.
func (c *compiler) sortKey(in Kind, a *arg) (string, error) {
	key, err := c.keyOn(in, a)
	if onElements.has(in) && slices.Contains([]string{"CreatedAt", "UpdatedAt", "DeletedAt"}, key) {
		key = "@" + key
	}
	return key, err
}

// sorting is what elements or values are sorted by: a key, or what a
// sub-traversal gives first. With neither these are when they were created and
// the values themselves.
type sorting struct {
	key        string
	by         *traversal
	descending bool
}

func orderOp(by []sorting, top int) op {
	return func(x *exec, in flow) flow {
		out := flow{kind: in.kind, scope: in.scope, count: in.count}
		if top < math.MaxInt {
			x.noting().add("keep the first %d", top)
		}
		if !onElements.has(in.kind) {
			var orders []order[entity.Value]
			for _, b := range by {
				key := func(v entity.Value) entity.Value { return v }
				if b.key != "" {
					key = func(v entity.Value) entity.Value { return first(valueLookup(v), b.key) }
				}
				orders = append(orders, order[entity.Value]{key, b.descending})
			}
			out.values = sorted(x, in.values, orders, top)
			return out
		}
		var orders []order[int32]
		for _, b := range by {
			key := x.firstOf(in.kind, cmp.Or(b.key, graph.FieldCreatedAt))
			if b.by != nil {
				w := b.by.bind(x, in.scope)
				key = func(slot int32) entity.Value { return w.at(slot).first() }
			}
			orders = append(orders, order[int32]{key, b.descending})
		}
		out.slots = sorted(x, in.slots, orders, top)
		return out
	}
}

// first is the first value that a path names, none if there is none.
func first(at lookupFunc, path string) entity.Value {
	var out entity.Value
	at(path, func(v entity.Value) bool {
		out = v
		return false
	})
	return out
}
