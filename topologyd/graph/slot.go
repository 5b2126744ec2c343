package graph

import (
	"iter"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// This file is how queries read elements by their slots, one attribute at a
// time, without having a [Node] or [Edge] made.

// HasNode reports whether there is a node in a slot.
func (v *View) HasNode(slot int32) bool {
	return slot >= 0 && slot < v.t.heads.n && (v.built != nil || v.t.hasNode(slot))
}

// HasEdge reports whether there is an edge in a slot that is its own.
func (v *View) HasEdge(slot int32) bool {
	if slot < 0 || slot >= v.t.links.n {
		return false
	}
	rec := v.t.links.at(slot)
	return rec.relation != 0 && rec.back == 0
}

// NodeList yields the slots of all nodes in ascending order.
func (v *View) NodeList() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := int32(0); i < v.t.heads.n; i++ {
			if v.HasNode(i) && !yield(i) {
				return
			}
		}
	}
}

// EdgeList yields the slots of all edges in ascending order.
func (v *View) EdgeList() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := int32(0); i < v.t.links.n; i++ {
			if v.HasEdge(i) && !yield(i) {
				return
			}
		}
	}
}

// NodeID returns the ID of the node in a slot, which must not be free.
func (v *View) NodeID(slot int32) entity.UUID {
	if v.built != nil {
		return v.built.nodes[slot].ID
	}
	return v.t.nodeID(slot)
}

// EdgeID returns the ID of the edge in a slot, which must not be free.
func (v *View) EdgeID(slot int32) entity.UUID {
	if v.built != nil {
		return v.built.edges[slot].ID
	}
	return v.t.edges.at(slot).id
}

// NodeAttr returns the value of a top-level attribute of the node in a slot,
// which must not be free; the zero Value when there is none.
func (v *View) NodeAttr(slot int32, key string) entity.Value {
	if v.built != nil {
		return v.built.nodes[slot].Attrs.Get(key)
	}
	return v.t.attr(slot, key)
}

// EdgeAttr returns the value of a top-level attribute of the edge in a slot,
// which must not be free; the zero Value when there is none. RelationType is not
// among them (see [View.RelationType]).
func (v *View) EdgeAttr(slot int32, key string) entity.Value {
	if v.built != nil {
		return v.built.edges[slot].Attrs.Get(key)
	}
	if rec := v.t.edges.at(slot); rec.extra != 0 {
		return v.t.dict.Get(v.t.extras.at(rec.extra-1).attrs, key)
	}
	return entity.Value{}
}

// LookupNode is [Node.Lookup] for the node in a slot, which must not be free.
func (v *View) LookupNode(slot int32, path string, yield func(entity.Value) bool) {
	if v.built != nil {
		v.built.nodes[slot].Lookup(path, yield)
		return
	}
	v.t.lookupNode(slot, path, yield)
}

// LookupEdge is [Edge.Lookup] for the edge in a slot, which must not be free.
func (v *View) LookupEdge(slot int32, path string, yield func(entity.Value) bool) {
	switch {
	case v.built != nil:
		v.built.edges[slot].Lookup(path, yield)
	case strings.HasPrefix(path, "@"):
		yieldField(path, v.t.edgeHeader(slot), yield)
	case path == entity.KeyRelationType:
		yield(entity.String(v.RelationType(slot)))
	default:
		v.t.dict.Lookup(v.t.extraOf(slot).attrs, path, yield)
	}
}

// AppendNodeJSON is [Node.AppendJSON] for the node in a slot, which must not be
// free.
func (v *View) AppendNodeJSON(b []byte, slot int32) []byte {
	if v.built != nil {
		return v.built.nodes[slot].AppendJSON(b)
	}
	return v.t.appendNodeJSON(b, slot)
}

// AppendEdgeJSON is [Edge.AppendJSON] for the edge in a slot, which must not be
// free.
func (v *View) AppendEdgeJSON(b []byte, slot int32) []byte {
	if v.built != nil {
		return v.built.edges[slot].AppendJSON(b)
	}
	link := v.t.links.at(slot)
	b = appendEdgeStart(b, v.t.edgeHeader(slot), v.t.nodeID(link.parent), v.t.nodeID(link.child))
	if attrs := v.t.extraOf(slot).attrs; attrs != "" {
		return append(v.EdgeMetadata(slot).AppendJSON(b), '}')
	}
	b = append(b, `{"RelationType":`...)
	b = entity.AppendJSONString(b, v.RelationType(slot))
	return append(b, "}}"...)
}

// NodeMetadata is [Node.Metadata] for the node in a slot, which must not be free.
func (v *View) NodeMetadata(slot int32) entity.Attrs { return v.NodeAt(slot).Metadata() }

// EdgeMetadata is [Edge.Metadata] for the edge in a slot, which must not be free.
func (v *View) EdgeMetadata(slot int32) entity.Attrs {
	if v.built != nil {
		return v.built.edges[slot].Metadata()
	}
	return v.t.dict.Attrs(v.t.extraOf(slot).attrs).With(entity.KeyRelationType, entity.String(v.RelationType(slot)))
}

// NodeHost returns the Host of the node in a slot, which must not be free.
func (v *View) NodeHost(slot int32) string {
	if v.built != nil {
		return v.built.nodes[slot].Host
	}
	return v.t.host(slot)
}

// NodeTimes returns CreatedAt and UpdatedAt of the node in a slot, which must
// not be free.
func (v *View) NodeTimes(slot int32) (created, updated int64) {
	if v.built != nil {
		n := v.built.nodes[slot]
		return n.CreatedAt, n.UpdatedAt
	}
	rec := v.t.nodes.at(slot)
	return rec.createdAt, rec.updatedAt
}

// NodeStale reports whether the node in a slot, which must not be free, is
// stale.
func (v *View) NodeStale(slot int32) bool {
	if v.built != nil {
		return v.built.nodes[slot].Stale
	}
	return v.t.nodes.at(slot).size&nodeStale != 0
}

// NodeGrowth returns LastUpdateMetric of the node in a slot, which must not be
// free; the zero Value when there is none.
func (v *View) NodeGrowth(slot int32) entity.Value {
	if v.built != nil {
		return v.built.nodes[slot].LastUpdateMetric
	}
	if c := v.t.counters(slot); c != nil {
		_, growth := c.values(v.t.dict)
		return growth
	}
	return entity.Value{}
}

// EdgeTimes is as [View.NodeTimes] for the edge in a slot.
func (v *View) EdgeTimes(slot int32) (created, updated int64) {
	if v.built != nil {
		e := v.built.edges[slot]
		return e.CreatedAt, e.UpdatedAt
	}
	rec := v.t.edges.at(slot)
	return rec.createdAt, rec.updatedAt
}

// EdgeStale is as [View.NodeStale] for the edge in a slot.
func (v *View) EdgeStale(slot int32) bool {
	if v.built != nil {
		return v.built.edges[slot].Stale
	}
	return v.t.edges.at(slot).stale
}

// NodeRevision returns the Revision of the node in a slot, which must not be
// free.
func (v *View) NodeRevision(slot int32) uint64 {
	if v.built != nil {
		return v.built.nodes[slot].Revision
	}
	return v.t.nodes.at(slot).revision
}

// EdgeRevision is as [View.NodeRevision] for the edge in a slot.
func (v *View) EdgeRevision(slot int32) uint64 {
	if v.built != nil {
		return v.built.edges[slot].Revision
	}
	return v.t.edges.at(slot).revision
}

// NodeOrigin returns the Origin of the node in a slot, which must not be free.
func (v *View) NodeOrigin(slot int32) string {
	if v.built != nil {
		return v.built.nodes[slot].Origin
	}
	return v.t.name(v.t.nodes.at(slot).origin)
}

// NodeSlot returns the slot of the node with an ID, in a slice of its newest
// revision; -1 when there is none. The ID is the node's own, not that of an
// entity which joined it, see [View.SlotByID].
func (v *View) NodeSlot(id entity.UUID) int32 {
	if v.built != nil {
		return v.built.nodeIDs.find(id)
	}
	if slot := v.t.findEntity(id); slot >= 0 && v.t.hasNode(slot) {
		return slot
	}
	return noSlot
}

// SlotByID returns the slot of the node that shows an entity: the node with its
// ID, or in a view of a live graph the one that it joined; -1 when there is none.
func (v *View) SlotByID(id entity.UUID) int32 {
	if v.built != nil {
		return v.built.nodeIDs.find(id)
	}
	return v.t.findNode(id)
}

// EdgeSlot is as [View.NodeSlot] for edges.
func (v *View) EdgeSlot(id entity.UUID) int32 {
	if v.built != nil {
		return v.built.findEdge(&v.t, id)
	}
	return v.t.findEdge(id)
}
