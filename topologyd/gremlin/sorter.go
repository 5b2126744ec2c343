package gremlin

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// order is one thing that elements are ordered by.
type order[T any] struct {
	// key gives what an element is ordered by, none if it lacks that.
	key        func(T) entity.Value
	descending bool
}

// sorted streams elements in order: of several orders the first that tells them
// apart. What lacks a key comes after what has it, either way; equal elements
// stay as they were. No more than the first top are remembered, and the stream
// ends after them.
func sorted[T any](x *exec, in iter.Seq[T], by []order[T], top int) iter.Seq[T] {
	return func(yield func(T) bool) {
		s := sorter[T]{x: x, by: by}
		for i := range s.first(in, top) {
			if !yield(s.elems[i]) {
				return
			}
		}
	}
}

// sorter orders elements. Those that it holds have a row each, and rank is the
// numbers of the rows: as a heap, with the last element on top, once there are
// as many as are wanted.
type sorter[T any] struct {
	x     *exec
	by    []order[T]
	keys  []entity.Value // len(by) for each row
	elems []T
	seq   []int // how many elements came before
	rank  []int32
	// compared is how often two were compared.
	compared int
}

// first reads all elements and yields the rows of the first n in order.
func (s *sorter[T]) first(in iter.Seq[T], n int) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		if n == 0 {
			return
		}
		// spare is the row after the last, for the element that is looked at.
		spare, seq := 0, 0
		for e := range in {
			if !s.x.visit() {
				return
			}
			if spare == len(s.elems) {
				if !s.x.take(slotBytes + len(s.by)*sortBytes) {
					return
				}
				s.elems, s.seq, s.keys = append(s.elems, e), append(s.seq, seq), append(s.keys, make([]entity.Value, len(s.by))...)
			}
			s.elems[spare], s.seq[spare] = e, seq
			for i := range s.by {
				s.keys[spare*len(s.by)+i] = s.by[i].key(e)
			}
			seq++
			if len(s.rank) < n {
				s.rank = append(s.rank, int32(spare))
				spare++
				if len(s.rank) == n {
					s.heapify()
				}
				continue
			}
			if last := s.rank[0]; s.compare(int32(spare), last) < 0 {
				s.rank[0] = int32(spare)
				spare = int(last)
				s.down(0)
			}
			// The rows of a heap have a hole, which the next element takes.
		}
		if s.x.err != nil {
			return
		}
		slices.SortFunc(s.rank, s.compare)
		for _, row := range s.rank {
			if s.x.err != nil || !yield(row) {
				return
			}
		}
	}
}

// compare compares two rows. That is not looking at elements again, but takes
// time, so that it is asked now and then whether to stop.
func (s *sorter[T]) compare(a, b int32) int {
	if s.compared++; s.compared%checkEvery == 0 && !s.x.check() || s.x.err != nil {
		return 0
	}
	n := int32(len(s.by))
	for i := range n {
		k, l := s.keys[a*n+i], s.keys[b*n+i]
		var c int
		if k.IsZero() || l.IsZero() {
			c = cmp.Compare(missing(k), missing(l))
		} else if c = entity.Compare(k, l); s.by[i].descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(s.seq[a], s.seq[b])
}

func (s *sorter[T]) heapify() {
	for i := len(s.rank)/2 - 1; i >= 0; i-- {
		s.down(i)
	}
}

// down moves what is at i to its place below.
func (s *sorter[T]) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(s.rank) {
			return
		}
		if c+1 < len(s.rank) && s.compare(s.rank[c+1], s.rank[c]) > 0 {
			c++
		}
		if s.compare(s.rank[c], s.rank[i]) <= 0 {
			return
		}
		s.rank[c], s.rank[i] = s.rank[i], s.rank[c]
		i = c
	}
}

// missing orders what lacks a key after what has it.
func missing(v entity.Value) int {
	if v.IsZero() {
		return 1
	}
	return 0
}

// top is how many elements of what a step gives the steps after it take at most:
// those up to a Limit or Range, as long as nothing before that may leave some out.
func (c *compiler) top() int {
	for i := range c.after {
		if c.after[i].name == stepBy {
			continue
		}
		if n := bound(&c.after[i]); n >= 0 {
			return n
		}
		break
	}
	return math.MaxInt
}

// plainKey tells whether a key names a top-level attribute and nothing else.
func plainKey(key string) bool { return newTerm(key, predicate{}).plain }

// firstOf gives the first value that a key names in a node or edge, none if
// there is none. What it returns belongs to one run.
func (x *exec) firstOf(k Kind, key string) func(slot int32) entity.Value {
	v := x.view
	switch {
	case k == KindNodes && plainKey(key):
		return func(slot int32) entity.Value { return v.NodeAttr(slot, key) }
	case k == KindEdges && plainKey(key):
		return func(slot int32) entity.Value { return v.EdgeAttr(slot, key) }
	}
	var out entity.Value
	take := func(v entity.Value) bool {
		out = v
		return false
	}
	look := v.LookupNode
	if k == KindEdges {
		look = v.LookupEdge
	}
	return func(slot int32) entity.Value {
		out = entity.Value{}
		look(slot, key, take)
		return out
	}
}
