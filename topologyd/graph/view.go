package graph

import (
	"iter"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph/pack"
)

// tables is the state of the graph that a view shares with the writer.
type tables struct {
	// heads and links are what traversals read, of live and of built graphs.
	heads paged[nodeHead]
	links paged[edgeLink]
	// The others are those of a live graph.
	nodes  paged[nodeRec]
	data   paged[nodeData]
	edges  paged[edgeRec]
	extras paged[edgeExtra]
	names  paged[string]
	dict   *pack.Dict

	nodeIDs   table
	edgeIDs   table
	index     index
	revision  uint64
	relations []string    // only grows
	joins     []JoinState // by name; replaced, never changed
	nodeCount int
	edgeCount int
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
func (v *View) NodeSlots() int { return int(v.t.heads.n) }

// EdgeSlots returns the bound of edge slots.
func (v *View) EdgeSlots() int { return int(v.t.links.n) }

// NodeAt returns the node in a slot, nil when it is free or out of bounds.
func (v *View) NodeAt(slot int32) *Node {
	if !v.HasNode(slot) {
		return nil
	}
	if v.built != nil {
		return v.built.nodes[slot]
	}
	return v.t.node(slot)
}

// EdgeAt returns the edge in a slot, nil when it is free or out of bounds. In a
// slice only the slot that is the edge's own has it.
func (v *View) EdgeAt(slot int32) *Edge {
	if !v.HasEdge(slot) {
		return nil
	}
	return v.edge(slot)
}

// edge is EdgeAt for a slot that is known to be an edge's.
func (v *View) edge(slot int32) *Edge {
	if v.built != nil {
		return v.built.edges[slot]
	}
	return v.t.edge(slot)
}

// IsSlice reports whether the view is a slice of time in which some ID recurs.
func (v *View) IsSlice() bool { return v.slice }

// Ends yields the slots of parent and child of the edge in a slot: one pair,
// but in a slice one for each pair of revisions that the edge stood between.
func (v *View) Ends(edge int32) iter.Seq2[int32, int32] {
	return func(yield func(parent, child int32) bool) {
		for i := edge; i < v.t.links.n; i++ {
			rec := v.t.links.at(i)
			if rec.relation == 0 || rec.back != i-edge || !yield(rec.parent, rec.child) {
				return
			}
		}
	}
}

// Node returns the node with an ID, nil when there is none; in a slice, its
// newest revision. The ID is the node's own, see [View.NodeSlot].
func (v *View) Node(id entity.UUID) *Node {
	if v.built != nil {
		return v.NodeAt(v.built.nodeIDs.find(id))
	}
	return v.NodeAt(v.NodeSlot(id))
}

// NodeByID returns the node that shows an entity, see [View.SlotByID]; nil when
// there is none.
func (v *View) NodeByID(id entity.UUID) *Node { return v.NodeAt(v.SlotByID(id)) }

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
		for i := range v.t.heads.n {
			if n := v.NodeAt(i); n != nil && !yield(n) {
				return
			}
		}
	}
}

// Edges yields all edges in the order of their slots.
func (v *View) Edges() iter.Seq[*Edge] {
	return func(yield func(*Edge) bool) {
		for i := range v.t.links.n {
			if v.HasEdge(i) && !yield(v.edge(i)) {
				return
			}
		}
	}
}

// Out yields the edges whose parent is the node in a slot, each once.
func (v *View) Out(slot int32) iter.Seq[*Edge] {
	return func(yield func(*Edge) bool) {
		last := int32(-1)
		for e := v.t.heads.at(slot).firstOut; e != 0; {
			rec := v.t.links.at(e - 1)
			if first := e - 1 - rec.back; first != last {
				if last = first; !yield(v.edge(first)) {
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
		for e := v.t.heads.at(slot).firstIn; e != 0; {
			rec := v.t.links.at(e - 1)
			if first := e - 1 - rec.back; first != last {
				if last = first; !yield(v.edge(first)) {
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
		for e := v.t.heads.at(slot).firstOut; e != 0; {
			rec := v.t.links.at(e - 1)
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
		for e := v.t.heads.at(slot).firstIn; e != 0; {
			rec := v.t.links.at(e - 1)
			if !yield(e-1-rec.back, rec.parent) {
				return
			}
			e = rec.nextIn
		}
	}
}

// RelationType returns the RelationType of the edge in a slot that is in use.
func (v *View) RelationType(edge int32) string {
	if n := v.t.links.at(edge).relation; n >= firstRelation {
		return v.t.relations[n-firstRelation]
	}
	if v.built != nil {
		return v.built.edges[edge].RelationType
	}
	return v.t.extraOf(edge).relation
}

// OutDegree returns the number of edges whose parent is the node in a slot, in
// a slice of what OutSlots yields.
func (v *View) OutDegree(slot int32) int { return int(v.t.heads.at(slot).outs) }

// InDegree returns the number of edges whose child is the node in a slot, in a
// slice of what InSlots yields.
func (v *View) InDegree(slot int32) int { return int(v.t.heads.at(slot).ins) }

// NodesWith yields the nodes for which a key holds the scalar value, or a list
// that holds it, and tells how many there are. Integers and floats of the same
// numeric value are the same. It is served by an index: a count of 0
// means that there is no such node. A count of -1 means that the index cannot
// tell and the caller has to look at all nodes: a string over 256 bytes is
// involved, or the key is a dotted path that leads into a map of some node and
// has no ordered index yet, or the key is a field of the element (@ID) or a
// counter.
func (v *View) NodesWith(key string, value entity.Value) (nodes iter.Seq[*Node], count int) {
	slots, count := v.SlotsWith(key, value)
	return func(yield func(*Node) bool) {
		for slot := range slots {
			if !yield(v.NodeAt(slot)) {
				return
			}
		}
	}, count
}

// SlotsWith is [View.NodesWith] for the slots of the nodes, which come in
// ascending order.
func (v *View) SlotsWith(key string, value entity.Value) (slots iter.Seq[int32], count int) {
	set, ok := v.NodeSet(key, value)
	if !ok {
		return set.All(), -1
	}
	return set.All(), set.Count()
}

// findNode returns the slot of the node that shows an entity, -1 when there is
// none.
func (t *tables) findNode(id entity.UUID) int32 {
	slot := t.findEntity(id)
	if slot < 0 {
		return noSlot
	}
	return t.nodeOf(slot)
}

// findEntity returns the slot of an entity, whether it is a node or not; -1 when
// it is not known.
func (t *tables) findEntity(id entity.UUID) int32 {
	return t.nodeIDs.find(idHash(id), func(i int32) bool { return t.nodeID(i) == id })
}

func (t *tables) findEdge(id entity.UUID) int32 {
	return t.edgeIDs.find(idHash(id), func(i int32) bool { return t.edges.at(i).id == id })
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
