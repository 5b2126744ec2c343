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
	o := func(x *exec, in flow) flow {
		out := flow{kind: in.kind, scope: in.scope}
		switch in.kind {
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
		n := 0
		switch {
		case in.count != nil:
			n = in.count()
		case in.slots != nil:
			n = length(in.slots)
		case in.values != nil:
			n = length(in.values)
		default:
			n = length(in.paths)
		}
		return flow{kind: KindNumber, number: entity.Int(int64(n))}
	}, KindNumber, c.atMost(s, 0)
}

func length[T any](in iter.Seq[T]) int {
	n := 0
	for range in {
		n++
	}
	return n
}

// buildDedup makes Dedup: ([key …]). Without keys elements are the same when
// their IDs are, values when they are equal; with keys, when they have the same
// values for all of them. What has none of the keys stays. Of paths it gives
// their nodes.
func buildDedup(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	keys, err := c.keys(s)
	if err != nil {
		return nil, 0, err
	}
	out := in
	if in == KindPaths {
		out = KindNodes
	}
	return func(x *exec, in flow) flow { return dedup(x, in, keys) }, out, nil
}

func dedup(x *exec, in flow, keys []string) flow {
	out := flow{kind: in.kind, scope: in.scope}
	if in.kind == KindPaths {
		out.kind = KindNodes
		in.slots = func(yield func(int32) bool) {
			for path := range in.paths {
				for _, slot := range path {
					if !yield(slot) {
						return
					}
				}
			}
		}
	}
	switch {
	case out.kind == KindValues || out.kind == KindMaps:
		out.values = func(yield func(entity.Value) bool) {
			seen := unique{}
			for v := range keep(x, in.values, func(v entity.Value) bool { return seen.add(x, valueLookup(v), keys, v) }) {
				if !yield(v) {
					return
				}
			}
		}
	case len(keys) > 0:
		out.slots = func(yield func(int32) bool) {
			seen := unique{}
			for slot := range keep(x, in.slots, func(slot int32) bool {
				return seen.add(x, x.lookup(out.kind, slot), keys, entity.Value{})
			}) {
				if !yield(slot) {
					return
				}
			}
		}
	default:
		slots := x.view.NodeSlots()
		if out.kind == KindEdges {
			slots = x.view.EdgeSlots()
		}
		out.slots = func(yield func(int32) bool) {
			seen := x.bitset(slots)
			if seen == nil {
				return
			}
			for slot := range keep(x, in.slots, seen.add) {
				if !yield(slot) {
					return
				}
			}
		}
	}
	return out
}

// lookupFunc gives the values that a path names in one element.
type lookupFunc func(path string, yield func(entity.Value) bool)

// lookup is how keys are looked up in a node or edge.
func (x *exec) lookup(k Kind, slot int32) lookupFunc {
	if k == KindEdges {
		return x.view.EdgeAt(slot).Lookup
	}
	return x.view.NodeAt(slot).Lookup
}

func valueLookup(v entity.Value) lookupFunc { return v.Map().Lookup }

// unique is the set of what Dedup has seen, in an unambiguous encoding.
type unique map[string]struct{}

// add reports whether the values of the keys (the value itself when there are
// none) were not seen before.
func (u unique) add(x *exec, at lookupFunc, keys []string, self entity.Value) bool {
	var arr [128]byte
	b := arr[:0]
	some := len(keys) == 0
	if some {
		b = appendCanonical(b, self)
	}
	for _, k := range keys {
		at(k, func(v entity.Value) bool {
			some = true
			b = append(appendCanonical(b, v), ',')
			return true
		})
		b = append(b, ';')
	}
	if !some {
		return true
	}
	if _, ok := u[string(b)]; ok {
		return false
	}
	u[string(b)] = struct{}{}
	return x.take(len(b) + mapBytes)
}

// appendCanonical encodes a value so that equal values, and only they, have
// equal encodings; 1 and 1.0 are equal.
func appendCanonical(b []byte, v entity.Value) []byte {
	switch v.Kind() {
	case entity.KindFloat:
		if f := v.Float(); f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63 {
			return entity.Int(int64(f)).AppendJSON(b)
		}
	case entity.KindList:
		b = append(b, '[')
		for _, e := range v.List() {
			b = append(appendCanonical(b, e), ',')
		}
		return append(b, ']')
	case entity.KindMap:
		b = append(b, '{')
		for _, a := range v.Map() {
			b = append(entity.AppendJSONString(b, a.Key), ':')
			b = append(appendCanonical(b, a.Value), ',')
		}
		return append(b, '}')
	}
	return v.AppendJSON(b)
}

// buildSort makes Sort: ([ASC or DESC] [, key]). Elements are ordered by
// @CreatedAt when there is no key, values by themselves. What lacks the key
// comes last either way.
func buildSort(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	rest, descending := s.args, false
	if len(rest) > 0 && (rest[0].isFn(fnAsc) || rest[0].isFn(fnDesc)) {
		descending = rest[0].isFn(fnDesc)
		rest = rest[1:]
	}
	key := ""
	if onElements.has(in) {
		key = graph.FieldCreatedAt
	}
	if len(rest) > 0 {
		if rest[0].fn != nil {
			return nil, 0, c.bad(&rest[0], "ASC or DESC first, then a key in quotes")
		}
		var err error
		if key, err = c.key(&rest[0]); err != nil {
			return nil, 0, err
		}
		if len(rest) > 1 {
			return nil, 0, c.bad(&rest[1], "the end of the arguments of Sort")
		}
	}
	// Skydive's names for the two times an element has.
	if onElements.has(in) && (key == "CreatedAt" || key == "UpdatedAt") {
		key = "@" + key
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
