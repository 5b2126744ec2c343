package gremlin

import (
	"strconv"

	"github.com/skein-net/skein/topologyd/graph"
)

// Shape is the moves of queries without what they are filtered by: a tree of
// positions, the first of which is the start. It tells from which start elements
// something that changed can be reached. Queries of the same shape share it, see
// [Shape.Merge].
type Shape struct{ at []position }

// position is where an element can stand on the way from the start.
type position struct {
	kind Kind
	// from is the position before it, hop how one comes here from there.
	from  int
	hop   hop
	depth int
	// keys are the attributes of an element here that decide.
	keys keySet
}

// hop is one move: from nodes to nodes or edges, or from edges to nodes.
type hop struct {
	dir direction
	to  Kind
	// edgeKeys are the attributes of the edge that decide, when the move goes over
	// it.
	edgeKeys keySet
}

// String is the same for shapes that can share.
func (s *Shape) String() string {
	var b []byte
	for i := range s.at {
		p := &s.at[i]
		b = append(b, "  >ve"[min(int(p.kind), 4)])
		b = strconv.AppendInt(append(b, "_<>="[p.hop.dir]), int64(p.from), 10)
	}
	return string(b)
}

// Merge returns a shape that also does for queries with the shape o, which has
// the same String.
func (s *Shape) Merge(o *Shape) *Shape {
	out := &Shape{at: append([]position(nil), s.at...)}
	for i := range out.at {
		p := &out.at[i]
		keys, edgeKeys := keySet{}, keySet{}
		keys.merge(p.keys)
		keys.merge(o.at[i].keys)
		edgeKeys.merge(p.hop.edgeKeys)
		edgeKeys.merge(o.at[i].hop.edgeKeys)
		p.keys, p.hop.edgeKeys = keys, edgeKeys
	}
	return out
}

// Touched is an element that changed.
type Touched struct {
	// Slot is where it is in the view, -1 when it is gone.
	Slot int32
	// Whole tells that it came or went, or may have done both; otherwise only
	// attributes with the Keys, and fields of the element, have changed.
	Whole bool
	Keys  []string
}

func (t *Touched) matters(k *keySet) bool {
	if k.empty() {
		return false
	}
	if t.Whole || k.all {
		return true
	}
	for _, key := range t.Keys {
		if k.has(key) {
			return true
		}
	}
	return false
}

// Starts tells whether a change of a start element alone may alter what it gives.
func (s *Shape) Starts(t *Touched) bool { return t.Whole || t.matters(&s.at[0].keys) }

// Back finds the start elements from which what changed is, or was, on the way.
// It is for one shape and one set of changes, and for one goroutine.
type Back struct {
	shape *Shape
	v     *graph.View
	seen  map[uint64]struct{}
	// Visits is how many nodes and edges may still be looked at; below 0 starts are
	// missing.
	Visits int
	yield  func(start int32)
}

// Back begins to look for start elements other than what changed itself, which
// are given to yield by their slots in v, each once.
func (s *Shape) Back(v *graph.View, visits int, yield func(start int32)) *Back {
	return &Back{shape: s, v: v, seen: make(map[uint64]struct{}), Visits: visits, yield: yield}
}

// Node takes a node that changed.
func (b *Back) Node(t *Touched) {
	if t.Slot < 0 {
		return // its edges are gone too, and are taken by themselves
	}
	for i := 1; i < len(b.shape.at); i++ {
		if p := &b.shape.at[i]; p.kind == KindNodes && t.matters(&p.keys) {
			b.from(i, t.Slot)
		}
	}
}

// Edge takes an edge that changed, with the slots of its ends in the view, -1
// for those that are gone. What changed on a way that was is, as far as it is
// unchanged from its start on, still there in the view.
func (b *Back) Edge(t *Touched, parent, child int32) {
	for i := 1; i < len(b.shape.at); i++ {
		p := &b.shape.at[i]
		if b.shape.at[p.from].kind != KindNodes {
			continue // an edge leads to the same ends for ever
		}
		if !t.Whole && !t.matters(&p.hop.edgeKeys) && !(p.kind == KindEdges && t.matters(&p.keys)) {
			continue
		}
		if p.hop.dir&dirOut != 0 && parent >= 0 {
			b.from(p.from, parent)
		}
		if p.hop.dir&dirIn != 0 && child >= 0 {
			b.from(p.from, child)
		}
	}
}

// from goes back from an element at a position.
func (b *Back) from(at int, slot int32) {
	if b.Visits--; b.Visits < 0 {
		return
	}
	key := uint64(at)<<32 | uint64(uint32(slot))
	if _, ok := b.seen[key]; ok {
		return
	}
	b.seen[key] = struct{}{}
	if at == 0 {
		b.yield(slot)
		return
	}
	p := &b.shape.at[at]
	dir := p.hop.dir
	switch p.kind {
	case KindEdges:
		for parent, child := range b.v.Ends(slot) {
			if dir&dirOut != 0 {
				b.from(p.from, parent)
			}
			if dir&dirIn != 0 {
				b.from(p.from, child)
			}
		}
	default:
		edges := b.shape.at[p.from].kind == KindEdges
		pick := func(edge, other int32) {
			if edges {
				other = edge
			}
			b.from(p.from, other)
		}
		if dir&dirOut != 0 {
			for e, parent := range b.v.InSlots(slot) {
				if pick(e, parent); b.Visits < 0 {
					return
				}
			}
		}
		if dir&dirIn != 0 {
			for e, child := range b.v.OutSlots(slot) {
				if pick(e, child); b.Visits < 0 {
					return
				}
			}
		}
	}
}
