package graph

import (
	"github.com/skein-net/skein/internal/entity"
)

// builtEpoch is the epoch of the tables of a built view. Nobody writes to them
// once the view is there.
const builtEpoch = 1

// Builder fills a view that no live graph stands behind: the state at a past
// time, or all revisions of a slice of time. It is for one goroutine.
//
// A built view answers as one of a live graph does, apart from
// [View.NodeState] and [View.NodeStates], which need the facets that only the
// live graph has. Its index is made when it is asked for the first time.
type Builder struct {
	v *View
	// relations finds the number of a RelationType.
	relations map[string]uint32
}

// NewBuilder returns a builder for about so many nodes and edges.
func NewBuilder(nodes, edges int) *Builder {
	nodes, edges = max(nodes, 0), max(edges, 0)
	b := &Builder{v: &View{built: &built{}}, relations: make(map[string]uint32)}
	b.v.t.heads.reserve(nodes, builtEpoch)
	b.v.t.links.reserve(edges, builtEpoch)
	b.v.built.nodes, b.v.built.edges = make([]*Node, 0, nodes), make([]*Edge, 0, edges)
	b.v.built.index.keys = make(map[string]*keyIndex)
	b.v.built.nodeIDs.ids = make([]entity.UUID, 0, nodes)
	b.v.built.nodeIDs.size(nodes)
	b.v.built.room = edges
	return b
}

// AddNode adds a node, or in a slice a revision of one, and returns its slot.
// It takes n over and sets its Slot. IDs may recur: the revision that is valid
// from the latest time, of several the one that was added last, is then the one
// that is found by ID.
func (b *Builder) AddNode(n *Node) int32 {
	t := &b.v.t
	slot := t.heads.push(builtEpoch)
	n.Slot = slot
	b.v.built.nodes = append(b.v.built.nodes, n)
	t.nodeCount++
	ids := &b.v.built.nodeIDs
	ids.ids = append(ids.ids, n.ID)
	if ids.enter(slot, func(old int32) bool { return b.v.built.nodes[old].UpdatedAt <= n.UpdatedAt }) {
		b.v.slice = true
	}
	return slot
}

// AddEdge adds an edge between the nodes that are its Parent and Child by ID.
// It takes e over and sets its slots. It does nothing and returns false when
// one of the two was not added before. An edge must not be added twice.
func (b *Builder) AddEdge(e *Edge) bool {
	ids := &b.v.built.nodeIDs
	parent, child := ids.find(e.Parent), ids.find(e.Child)
	if parent < 0 || child < 0 {
		return false
	}
	b.addRecord(e, parent, child, 0)
	b.connect(e.Slot)
	b.v.t.edgeCount++
	return true
}

// AddEdgeBetween adds one revision of an edge that stood between several pairs
// of revisions of its ends: their slots, parent first. It takes e over and sets
// its slots to the first pair. Without pairs it adds nothing.
func (b *Builder) AddEdgeBetween(e *Edge, ends [][2]int32) {
	if len(ends) == 0 {
		return
	}
	for i, pair := range ends {
		b.addRecord(e, pair[0], pair[1], int32(i))
	}
	e.ParentSlot, e.ChildSlot = ends[0][0], ends[0][1]
	// Each is entered at the head of the lists: backwards, they come in order.
	for i := range ends {
		b.connect(e.Slot + int32(len(ends)-1-i))
	}
	b.v.t.edgeCount++
	if b.v.built.enterEdges(&b.v.t) {
		b.v.slice = true
	}
}

// View returns what was added, as the graph at a revision. The builder must
// not be used any more.
func (b *Builder) View(revision uint64) *View {
	v := b.v
	v.t.revision = revision
	b.v = nil
	return v
}

// addRecord adds the record of one pair of ends, the back-th of its edge.
func (b *Builder) addRecord(e *Edge, parent, child, back int32) {
	slot := b.v.t.links.push(builtEpoch)
	b.v.built.edges = append(b.v.built.edges, e)
	if back == 0 {
		e.Slot, e.ParentSlot, e.ChildSlot = slot, parent, child
	}
	*b.v.t.links.at(slot) = edgeLink{parent: parent, child: child, back: back, relation: b.relation(e.RelationType)}
}

// connect enters a record at the head of the lists of both ends.
func (b *Builder) connect(slot int32) {
	t := &b.v.t
	rec := t.links.at(slot)
	p := t.heads.at(rec.parent)
	rec.nextOut, p.firstOut = p.firstOut, slot+1
	p.outs++
	c := t.heads.at(rec.child)
	rec.nextIn, c.firstIn = c.firstIn, slot+1
	c.ins++
}

// relation returns the number of a relation type for a link.
func (b *Builder) relation(name string) uint32 {
	t := &b.v.t
	if n, ok := b.relations[name]; ok {
		return n
	}
	if len(t.relations) == maxRelations {
		return noRelation
	}
	t.relations = append(t.relations, name)
	n := uint32(len(t.relations) - 1 + firstRelation)
	b.relations[name] = n
	return n
}
