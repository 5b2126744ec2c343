package graph

import (
	"iter"

	"github.com/skein-net/skein/internal/entity"
)

// tables is the state of the graph that a view shares with the writer.
type tables struct {
	nodes     paged[nodeRec]
	edges     paged[edgeRec]
	states    paged[*state]
	nodeIDs   table
	edgeIDs   table
	index     index
	revision  uint64
	relations []string // only grows
	nodeCount int
	edgeCount int
}

// nodeRec is a node and the heads of its two edge lists. A free record has no
// node.
type nodeRec struct {
	node              *Node
	firstOut, firstIn int32 // edge + 1
	outs, ins         int32
}

// edgeRec is an edge and its place in the lists of both ends.
type edgeRec struct {
	edge *Edge
	// parent and child repeat the slots of the edge, so that a traversal does
	// not touch the edges it only passes.
	parent, child int32
	// back is not 0 in slices only, where an edge has a record for each pair of
	// revisions of its ends, one after the other: how far before this the first
	// one is. The edge's Slot is that of the first.
	back int32
	// relation is the number of its RelationType among tables.relations, plus
	// one; 0 when there are too many to have one.
	relation         uint32
	nextOut, prevOut int32 // edge + 1
	nextIn, prevIn   int32 // edge + 1
}

// View is the graph at one revision. It never changes and may be used by any
// number of goroutines. What it keeps alive is small as long as it is held for
// a request or a query; do not hold one for longer.
//
// A view comes from a live graph, or from a [Builder]: then it may be a slice of
// time, in which an ID stands for as many nodes or edges as it has revisions,
// each with a slot of its own.
type View struct {
	t tables
	// version is that of [View.Version].
	version uint64
	// built is nil in a view of a live graph.
	built *built
	// slice tells that some ID recurs.
	slice bool
}

// Revision returns the revision of the graph that the view shows.
func (v *View) Revision() uint64 { return v.t.revision }

// Version tells states of one graph apart, also those between which only
// counters or Stale marks changed, which make no revision: two views of the same
// graph in the same process with the same version show the same. It is 0 for a
// built view.
func (v *View) Version() uint64 { return v.version }

// NodeCount returns the number of nodes.
func (v *View) NodeCount() int { return v.t.nodeCount }

// EdgeCount returns the number of edges.
func (v *View) EdgeCount() int { return v.t.edgeCount }

// NodeSlots returns the bound of node slots: every node's Slot is below it.
func (v *View) NodeSlots() int { return int(v.t.nodes.n) }

// EdgeSlots returns the bound of edge slots.
func (v *View) EdgeSlots() int { return int(v.t.edges.n) }

// NodeAt returns the node in a slot, nil when it is free or out of bounds.
func (v *View) NodeAt(slot int32) *Node {
	if slot < 0 || slot >= v.t.nodes.n {
		return nil
	}
	return v.t.nodes.at(slot).node
}

// EdgeAt returns the edge in a slot, nil when it is free or out of bounds. In a
// slice only the slot that is the edge's own has it.
func (v *View) EdgeAt(slot int32) *Edge {
	if slot < 0 || slot >= v.t.edges.n {
		return nil
	}
	rec := v.t.edges.at(slot)
	if rec.back != 0 {
		return nil
	}
	return rec.edge
}

// IsSlice reports whether the view is a slice of time in which some ID recurs.
func (v *View) IsSlice() bool { return v.slice }

// Ends yields the slots of parent and child of the edge in a slot: one pair,
// but in a slice one for each pair of revisions that the edge stood between.
func (v *View) Ends(edge int32) iter.Seq2[int32, int32] {
	return func(yield func(parent, child int32) bool) {
		for i := edge; i < v.t.edges.n; i++ {
			rec := v.t.edges.at(i)
			if rec.edge == nil || rec.back != i-edge || !yield(rec.parent, rec.child) {
				return
			}
		}
	}
}

// Node returns the node with an ID, nil when there is none; in a slice, its
// newest revision.
func (v *View) Node(id entity.UUID) *Node {
	if v.built != nil {
		return v.NodeAt(v.built.nodeIDs.find(id))
	}
	return v.NodeAt(v.t.findNode(id))
}

// Edge returns the edge with an ID, nil when there is none; in a slice, its
// newest revision.
func (v *View) Edge(id entity.UUID) *Edge {
	if v.built != nil {
		return v.EdgeAt(v.built.findEdge(&v.t, id))
	}
	return v.EdgeAt(v.t.findEdge(id))
}

// Nodes yields all nodes in the order of their slots.
func (v *View) Nodes() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for i := int32(0); i < v.t.nodes.n; i++ {
			if n := v.t.nodes.at(i).node; n != nil && !yield(n) {
				return
			}
		}
	}
}

// Edges yields all edges in the order of their slots.
func (v *View) Edges() iter.Seq[*Edge] {
	return func(yield func(*Edge) bool) {
		for i := int32(0); i < v.t.edges.n; i++ {
			rec := v.t.edges.at(i)
			if rec.edge != nil && rec.back == 0 && !yield(rec.edge) {
				return
			}
		}
	}
}

// Out yields the edges whose parent is the node in a slot, each once.
func (v *View) Out(slot int32) iter.Seq[*Edge] {
	return func(yield func(*Edge) bool) {
		last := int32(-1)
		for e := v.t.nodes.at(slot).firstOut; e != 0; {
			rec := v.t.edges.at(e - 1)
			if first := e - 1 - rec.back; first != last {
				if last = first; !yield(rec.edge) {
					return
				}
			}
			e = rec.nextOut
		}
	}
}

// In yields the edges whose child is the node in a slot, each once.
func (v *View) In(slot int32) iter.Seq[*Edge] {
	return func(yield func(*Edge) bool) {
		last := int32(-1)
		for e := v.t.nodes.at(slot).firstIn; e != 0; {
			rec := v.t.edges.at(e - 1)
			if first := e - 1 - rec.back; first != last {
				if last = first; !yield(rec.edge) {
					return
				}
			}
			e = rec.nextIn
		}
	}
}

// OutSlots yields, for each edge whose parent is the node in a slot, the slots
// of the edge and of its child, in the order of Out. In a slice an edge comes
// once for each revision of its child that it led to, one after the other.
func (v *View) OutSlots(slot int32) iter.Seq2[int32, int32] {
	return func(yield func(edge, child int32) bool) {
		for e := v.t.nodes.at(slot).firstOut; e != 0; {
			rec := v.t.edges.at(e - 1)
			if !yield(e-1-rec.back, rec.child) {
				return
			}
			e = rec.nextOut
		}
	}
}

// InSlots yields, for each edge whose child is the node in a slot, the slots of
// the edge and of its parent, in the order of In; in a slice as OutSlots does.
func (v *View) InSlots(slot int32) iter.Seq2[int32, int32] {
	return func(yield func(edge, parent int32) bool) {
		for e := v.t.nodes.at(slot).firstIn; e != 0; {
			rec := v.t.edges.at(e - 1)
			if !yield(e-1-rec.back, rec.parent) {
				return
			}
			e = rec.nextIn
		}
	}
}

// RelationType returns the RelationType of the edge in a slot that is in use.
func (v *View) RelationType(edge int32) string {
	rec := v.t.edges.at(edge)
	if rec.relation != 0 {
		return v.t.relations[rec.relation-1]
	}
	return rec.edge.RelationType
}

// OutDegree returns the number of edges whose parent is the node in a slot, in
// a slice of what OutSlots yields.
func (v *View) OutDegree(slot int32) int { return int(v.t.nodes.at(slot).outs) }

// InDegree returns the number of edges whose child is the node in a slot, in a
// slice of what InSlots yields.
func (v *View) InDegree(slot int32) int { return int(v.t.nodes.at(slot).ins) }

// NodesWith yields the nodes for which a key holds the scalar value, or a list
// that holds it, and tells how many there are. Integers and floats of the same
// numeric value are the same. It is served by an index: a count of 0
// means that there is no such node. A count of -1 means that the index cannot
// tell and the caller has to look at all nodes: a string over 256 bytes is
// involved, or the key is a dotted path that leads into a map of some node, or
// the key is a field of the element (@ID) or a counter.
func (v *View) NodesWith(key string, value entity.Value) (nodes iter.Seq[*Node], count int) {
	slots, count := v.SlotsWith(key, value)
	return func(yield func(*Node) bool) {
		for slot := range slots {
			if !yield(v.t.nodes.at(slot).node) {
				return
			}
		}
	}, count
}

// SlotsWith is [View.NodesWith] for the slots of the nodes.
func (v *View) SlotsWith(key string, value entity.Value) (slots iter.Seq[int32], count int) {
	if v.built != nil {
		return v.built.index.slotsWith(v, key, value)
	}
	x := &v.t.index
	if !indexable(value) || !x.covers(key) {
		return func(func(int32) bool) {}, -1
	}
	p := x.find(x.hash(key, value), value)
	if p < 0 {
		return func(func(int32) bool) {}, 0
	}
	nodes := x.postings.at(p).nodes
	return nodes.all, int(nodes.len())
}

func (t *tables) findNode(id entity.UUID) int32 {
	return t.nodeIDs.find(idHash(id), func(i int32) bool { return t.nodes.at(i).node.ID == id })
}

func (t *tables) findEdge(id entity.UUID) int32 {
	return t.edgeIDs.find(idHash(id), func(i int32) bool { return t.edges.at(i).edge.ID == id })
}

// idHash takes 64 of the random bits of a UUIDv5. Names are chosen by those
// who report, so a hostile source could search for collisions; it would only
// make its own look-ups slow.
func idHash(id entity.UUID) uint64 {
	var h uint64
	for _, b := range id[8:16] {
		h = h<<8 | uint64(b)
	}
	for i, b := range id[:6] {
		h ^= uint64(b) << (8 * i)
	}
	return h
}
