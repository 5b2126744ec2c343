package graph

import "github.com/skein-net/skein/internal/entity"

// edgeHeader returns what an edge has in common with nodes.
func (t *tables) edgeHeader(slot int32) header {
	rec := t.edges.at(slot)
	return header{
		id: rec.id, host: t.name(rec.host), origin: t.name(rec.origin),
		createdAt: rec.createdAt, updatedAt: rec.updatedAt, revision: rec.revision, stale: rec.stale,
	}
}

// edge makes an edge of its record.
func (t *tables) edge(slot int32) *Edge {
	rec, link := t.edges.at(slot), t.links.at(slot)
	x := t.extraOf(slot)
	relation := x.relation
	if link.relation >= firstRelation {
		relation = t.relations[link.relation-firstRelation]
	}
	return &Edge{
		ID: rec.id, Slot: slot, ParentSlot: link.parent, ChildSlot: link.child, Stale: rec.stale,
		Parent: t.nodeID(link.parent), Child: t.nodeID(link.child), RelationType: relation,
		Host: t.name(rec.host), Origin: t.name(rec.origin), Attrs: t.dict.Attrs(x.attrs),
		CreatedAt: rec.createdAt, UpdatedAt: rec.updatedAt, Revision: rec.revision,
	}
}

// isOwnership reports whether an edge is one of ownership.
func (t *tables) isOwnership(slot int32) bool {
	if n := t.links.at(slot).relation; n >= firstRelation {
		return t.relations[n-firstRelation] == entity.Ownership
	}
	return t.extraOf(slot).relation == entity.Ownership
}
