package gremlin

import (
	"cmp"
	"iter"
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
		default:
			out.values = part(in.values, bounds)
		}
		if in.count != nil {
			out.count = func() int { return max(0, min(in.count(), bounds[1])-bounds[0]) }
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
		default:
			count = lengthOf(in.paths)
		}
		return flow{kind: KindNumber, scope: in.scope, number: func() entity.Value { return entity.Int(int64(count())) }}
	}, KindNumber, c.atMost(s, 0)
}

// lengthOf counts a stream, any number of times.
func lengthOf[T any](in iter.Seq[T]) func() int {
	n := 0
	one := func(T) bool {
		n++
		return true
	}
	return func() int {
		n = 0
		in(one)
		return n
	}
}

// buildSort makes Sort: ([ASC or DESC] [, key]). Elements are ordered by
// @CreatedAt when there is no key, flows by Last, values by themselves. What lacks the key
// comes last either way.
func buildSort(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	rest, descending := s.args, false
	if len(rest) > 0 && (rest[0].isFn(fnAsc) || rest[0].isFn(fnDesc)) {
		descending = rest[0].isFn(fnDesc)
		rest = rest[1:]
	}
	key := ""
	switch {
	case onElements.has(in):
		key = graph.FieldCreatedAt
	case in == KindFlows:
		key = "Last"
	}
	if len(rest) > 0 {
		if rest[0].fn != nil {
			return nil, 0, c.bad(&rest[0], "ASC or DESC first, then a key in quotes")
		}
		var err error
		if key, err = c.keyOn(in, &rest[0]); err != nil {
			return nil, 0, err
		}
		if len(rest) > 1 {
			return nil, 0, c.bad(&rest[1], "the end of the arguments of Sort")
		}
	}
	// Skydive's names for the times an element has.
	if onElements.has(in) && (slices.Contains([]string{"CreatedAt", "UpdatedAt", "DeletedAt"}, key)) {
		key = "@" + key
	}
	if in == KindFlows {
		return c.sortFlows(key, descending), in, nil
	}
	return func(x *exec, in flow) flow {
		out := flow{kind: in.kind, scope: in.scope, count: in.count}
		if in.kind == KindNodes || in.kind == KindEdges {
			out.slots = func(yield func(int32) bool) {
				sorted(x, in.slots, func(slot int32) entity.Value { return first(x.lookup(in.kind, slot), key) }, descending, yield)
			}
			return out
		}
		out.values = func(yield func(entity.Value) bool) {
			sorted(x, in.values, func(v entity.Value) entity.Value {
				if key == "" {
					return v
				}
				return first(valueLookup(v), key)
			}, descending, yield)
		}
		return out
	}, in, nil
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

// sorted orders a stream; equal elements stay in their order.
func sorted[T any](x *exec, in iter.Seq[T], key func(T) entity.Value, descending bool, yield func(T) bool) {
	type keyed struct {
		key  entity.Value
		elem T
	}
	var list []keyed
	for e := range in {
		if !x.visit() || !x.take(sortBytes) {
			return
		}
		list = append(list, keyed{key(e), e})
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		if x.err != nil || !x.visit() {
			return 0
		}
		if a.key.IsZero() || b.key.IsZero() {
			return cmp.Compare(missing(a.key), missing(b.key))
		}
		c := entity.Compare(a.key, b.key)
		if descending {
			return -c
		}
		return c
	})
	if x.err != nil {
		return
	}
	for i := range list {
		if !yield(list[i].elem) {
			return
		}
	}
}

func missing(v entity.Value) int {
	if v.IsZero() {
		return 1
	}
	return 0
}
