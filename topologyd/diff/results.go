package diff

import (
	"context"
	"fmt"
	"iter"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Results compares the results of one query, ra and rb, run at two times. Nodes
// and edges are compared as sets, values, maps and paths by how often the result
// holds them; the order does not matter. Of a slice of time the newest state of
// each element counts. The errors are those of [Views].
//
// An element is removed when the second result no longer holds it, though it
// may still be there and match no longer.
func Results(ctx context.Context, ra, rb *gremlin.Result, opt Options) (*Diff, error) {
	if ra.Kind() != rb.Kind() {
		return nil, fmt.Errorf("compare %s with %s", ra.Kind(), rb.Kind())
	}
	a, b := ra.View(), rb.View()
	c := &comparison{ctx: ctx, opt: opt, a: a, b: b, out: &Diff{}}
	switch ra.Kind() {
	case gremlin.KindNumber:
		c.out.Number = &Number{ra.Number(), rb.Number()}
		return c.out, nil
	case gremlin.KindValues, gremlin.KindMaps:
		c.values(ra.Values(), rb.Values())
	default:
		sets(ra.NodeSlots(), rb.NodeSlots(), states{a.NodeID, a.NodeTimes}, states{b.NodeID, b.NodeTimes}, c.nodeSlots)
	}
	switch ra.Kind() {
	case gremlin.KindPaths:
		c.values(paths(ra.Paths()), paths(rb.Paths()))
	case gremlin.KindEdges, gremlin.KindGraph:
		sets(ra.EdgeSlots(), rb.EdgeSlots(), states{a.EdgeID, a.EdgeTimes}, states{b.EdgeID, b.EdgeTimes}, c.edgeSlots)
	}
	if c.err != nil {
		return nil, c.err
	}
	c.out.sort()
	return c.out, nil
}

// states are the elements of one kind of a view.
type states struct {
	id    func(slot int32) entity.UUID
	times func(slot int32) (created, updated int64)
}

// newest finds the newest state of each element of a result.
func (s *states) newest(slots iter.Seq[int32]) map[entity.UUID]int32 {
	out := make(map[entity.UUID]int32)
	for slot := range slots {
		id := s.id(slot)
		if other, ok := out[id]; ok {
			_, best := s.times(other)
			if _, updated := s.times(slot); updated < best {
				continue
			}
		}
		out[id] = slot
	}
	return out
}

// sets calls compare with both states of everything that one of two sets holds,
// until it returns false.
func sets(a, b iter.Seq[int32], inA, inB states, compare func(old, now int32) bool) {
	old, now := inA.newest(a), inB.newest(b)
	for id, slot := range old {
		other, ok := now[id]
		if !ok {
			other = missing
		}
		if !compare(slot, other) {
			return
		}
	}
	for id, slot := range now {
		if _, ok := old[id]; !ok && !compare(missing, slot) {
			return
		}
	}
}

// values compares two lists of values without their order.
func (c *comparison) values(a, b iter.Seq[entity.Value]) {
	type tally struct {
		value entity.Value
		n     int // in b less those in a
	}
	tallies := make(map[string]*tally)
	var key []byte
	add := func(s iter.Seq[entity.Value], n int) {
		for v := range s {
			if !c.count() {
				return
			}
			key = v.AppendJSON(key[:0])
			t := tallies[string(key)]
			if t == nil {
				t = &tally{value: v}
				tallies[string(key)] = t
			}
			t.n += n
		}
	}
	add(a, -1)
	add(b, +1)
	for _, t := range tallies {
		if t.n == 0 {
			continue
		}
		if !c.room() {
			return
		}
		v := Value{Added, t.value, t.n}
		if t.n < 0 {
			v.Op, v.Count = Removed, -t.n
		}
		c.out.Values = append(c.out.Values, v)
	}
}

// paths gives each path as a list of the IDs of its nodes.
func paths(s iter.Seq[[]*graph.Node]) iter.Seq[entity.Value] {
	return func(yield func(entity.Value) bool) {
		for path := range s {
			ids := make([]string, len(path))
			for i, n := range path {
				ids[i] = n.ID.String()
			}
			if !yield(entity.Strings(ids...)) {
				return
			}
		}
	}
}
