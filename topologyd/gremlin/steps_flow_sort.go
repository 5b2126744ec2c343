package gremlin

import (
	"bytes"
	"cmp"
	"container/heap"
	"math"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// sortFlows makes Sort on flows. Flows that are equal stand in the order of
// their UUIDs, so that a Limit gives the same ones each time. When a Limit or
// Range follows, no more than it lets pass is remembered, and a store may be
// asked for just those.
func (c *compiler) sortFlows(key string, descending bool) op {
	top := math.MaxInt
	if len(c.after) > 0 {
		if n := bound(&c.after[0]); n >= 0 {
			top = n
		}
	}
	if f := c.flowFields().Query(key); c.flows != nil && top < math.MaxInt && sortable(f, descending) {
		c.flows.sort, c.flows.descending, c.flows.limit = f.Query, descending, top
	}
	return func(x *exec, in flow) flow {
		out := flow{kind: in.kind, scope: in.scope}
		out.flows = func(yield func(*flowrecord.Record) bool) {
			s := flowSorter{x: x, key: key, field: x.fields.Query(key), descending: descending}
			for _, e := range s.first(in, top) {
				if !yield(e.flow) {
					return
				}
			}
		}
		return out
	}
}

// bound is how many elements a Limit or Range lets pass at most from the
// beginning, -1 for other steps. Wrong arguments are left to the step itself.
func bound(s *call) int {
	if s.name != "Limit" && s.name != "Range" || len(s.args) == 0 {
		return -1
	}
	last := &s.args[len(s.args)-1]
	if !last.isInt() || last.val.Int() < 0 {
		return -1
	}
	return int(last.val.Int())
}

// flowSorter orders flows; as a heap the last of them is on top.
type flowSorter struct {
	x          *exec
	key        string
	field      *flowrecord.Field // nil: the key leads deeper
	descending bool
	list       []sortedFlow
}

type sortedFlow struct {
	key  entity.Value
	flow *flowrecord.Record
}

// first gives the first n flows in order.
func (s *flowSorter) first(in flow, n int) []sortedFlow {
	if n == 0 {
		return nil
	}
	for r := range in.flows {
		if !s.x.visit() {
			return nil
		}
		e := sortedFlow{s.value(r), r}
		if len(s.list) < n {
			if e.flow = s.x.keepFlow(r); e.flow == nil {
				return nil
			}
			if s.list = append(s.list, e); len(s.list) == n {
				heap.Init(s)
			}
			continue
		}
		if s.compare(e, s.list[0]) < 0 {
			e.flow = s.list[0].flow // which is no longer among the first
			copyFlow(e.flow, r)
			s.list[0] = e
			heap.Fix(s, 0)
		}
	}
	if s.x.err != nil {
		return nil
	}
	slices.SortFunc(s.list, s.compare)
	return s.list
}

// value is what a flow is ordered by.
func (s *flowSorter) value(r *flowrecord.Record) entity.Value {
	if s.field != nil && s.field.Time {
		return s.field.Value(r)
	}
	return first(flowLookup(s.x.fields, r), s.key)
}

func (s *flowSorter) compare(a, b sortedFlow) int {
	c := cmp.Compare(missing(a.key), missing(b.key))
	if c == 0 && !a.key.IsZero() {
		if c = entity.Compare(a.key, b.key); s.descending {
			c = -c
		}
	}
	if c == 0 {
		c = bytes.Compare(a.flow.ID[:], b.flow.ID[:])
	}
	return c
}

// Len implements [heap.Interface].
func (s *flowSorter) Len() int { return len(s.list) }

// Less implements [heap.Interface].
func (s *flowSorter) Less(i, j int) bool { return s.compare(s.list[i], s.list[j]) > 0 }

// Swap implements [heap.Interface].
func (s *flowSorter) Swap(i, j int) { s.list[i], s.list[j] = s.list[j], s.list[i] }

// Push implements [heap.Interface]; it is not used.
func (s *flowSorter) Push(any) {}

// Pop implements [heap.Interface]; it is not used.
func (s *flowSorter) Pop() any { return nil }
