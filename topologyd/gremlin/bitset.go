package gremlin

import (
	"iter"
	"math/bits"
)

// bitset is a set of slots.
type bitset []uint64

func newBitset(slots int) bitset { return make(bitset, (slots+63)/64) }

func (b bitset) has(i int32) bool { return b[i>>6]>>(i&63)&1 != 0 }

func (b bitset) set(i int32) { b[i>>6] |= 1 << (i & 63) }

// add sets i and reports whether it was not set before.
func (b bitset) add(i int32) bool {
	w, m := &b[i>>6], uint64(1)<<(i&63)
	fresh := *w&m == 0
	*w |= m
	return fresh
}

func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// all yields the slots of the set in ascending order.
func (b bitset) all() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(int32(i<<6 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// scope is a part of the graph that SubGraph cut out: nodes, and edges with
// both ends among them. A nil scope is the whole graph.
type scope struct{ nodes, edges bitset }

func (s *scope) node(slot int32) bool { return s == nil || s.nodes.has(slot) }

func (s *scope) edge(slot int32) bool { return s == nil || s.edges.has(slot) }
