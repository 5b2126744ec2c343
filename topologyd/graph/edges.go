package graph

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// edgeRec is one edge. What a traversal reads is apart, see [edgeLink].
type edgeRec struct {
	id                   entity.UUID
	createdAt, updatedAt int64
	revision             uint64
	host, origin         uint32 // names, held
	// emitter and source are the evidence when it is one alone.
	emitter int32
	source  uint32
	extra   int32 // number + 1
	stale   bool
}

// assert adds a facet's evidence for an edge and makes the edge if both its
// ends are known; otherwise it is remembered until the missing end appears.
func (g *Graph) assert(a *assertion, emitter int32, source string, at int64) {
	if e := g.t.findEdge(a.ID); e >= 0 {
		list := g.evidenceOf(e)
		i, found := g.findEvidence(list, emitter, source)
		if found && g.t.dict.Equal(list[i].attrs, a.attrs) {
			return // said before
		}
		list = slices.Clone(list)
		if found {
			list[i].attrs = g.packSet(a.attrs)
		} else {
			list = slices.Insert(list, i, evidence{g.packSet(a.attrs), emitter, g.hold(source)})
		}
		g.refreshEdge(e, list, at)
		return
	}
	parent, child := g.t.findNode(a.Parent), g.t.findNode(a.Child)
	if parent < 0 || child < 0 {
		missing := a.Parent
		if parent >= 0 {
			missing = a.Child
		}
		g.leaveDangling(missing, a.ID, emitter, source)
		return
	}
	e := take(&g.freeEdges, &g.t.edges, g.epoch)
	g.t.links.resize(g.t.edges.n, g.epoch)
	*g.t.edges.edit(e, g.epoch) = edgeRec{id: a.ID}
	relation := g.relation(a.RelationType)
	if relation == noRelation {
		g.setExtra(e, edgeExtra{relation: a.RelationType})
	}
	g.t.edgeIDs.insert(idHash(a.ID), e, g.epoch)
	g.t.edgeCount++
	g.link(e, relation, parent, child)
	g.one = [1]evidence{{g.packSet(a.attrs), emitter, g.hold(source)}}
	g.refreshEdge(e, g.one[:], at)
	if a.RelationType == entity.Ownership {
		g.renewTID(child, at)
	}
}

// withdraw takes a facet's evidence for an edge away, and the edge with the
// last of it.
func (g *Graph) withdraw(a *entity.Edge, emitter int32, source string, at int64) {
	e := g.t.findEdge(a.ID)
	if e < 0 {
		for _, end := range [...]entity.UUID{a.Parent, a.Child} {
			g.dropDangling(end, a.ID, emitter, source)
		}
		return
	}
	list := g.evidenceOf(e)
	i, found := g.findEvidence(list, emitter, source)
	if !found {
		return
	}
	if len(list) == 1 {
		g.deleteEdge(e, at)
		return
	}
	dropped := list[i].source
	g.refreshEdge(e, slices.Delete(slices.Clone(list), i, i+1), at)
	g.drop(dropped)
}

// refreshEdge gives an edge a list of evidence, which it takes over unless it
// is a single one, and makes the edge's next revision when it says something
// else than the edge shows.
func (g *Graph) refreshEdge(e int32, list []evidence, at int64) {
	attrs, origin := g.mergeEvidence(list)
	have, x := g.t.edges.at(e), g.t.extraOf(e)
	same := have.revision > 0 && g.t.name(have.origin) == origin &&
		(x.attrs == attrs || g.t.dict.Equal(x.attrs, g.t.dict.Attrs(attrs)))
	var was *Edge
	if !same && have.revision > 0 {
		was = g.t.edge(e)
	}
	x.attrs, x.more = attrs, nil
	if len(list) > 1 {
		x.more = list
	}
	g.setExtra(e, x)
	rec := g.t.edges.edit(e, g.epoch)
	rec.emitter, rec.source = list[0].emitter, list[0].source
	if same {
		return
	}
	oldHost, oldOrigin := rec.host, rec.origin
	rec.host = g.hold(g.t.host(list[0].emitter))
	if len(list) == 1 {
		rec.origin = g.again(list[0].source)
	} else {
		rec.origin = g.hold(origin)
	}
	g.drop(oldHost)
	g.drop(oldOrigin)
	rec.updatedAt = max(at, rec.updatedAt)
	rec.revision++
	op := EdgeUpdated
	if rec.revision == 1 {
		rec.createdAt, op = at, EdgeAdded
	}
	n := g.t.edge(e)
	g.emit(Change{Op: op, At: n.UpdatedAt, Edge: n, OldEdge: was})
}

// deleteEdge takes an edge away.
func (g *Graph) deleteEdge(e int32, at int64) {
	was := g.t.edge(e)
	rec := *g.t.edges.at(e)
	g.unlink(e)
	g.t.edgeIDs.remove(idHash(rec.id), e, g.epoch)
	g.dropEvidence(e)
	g.drop(rec.host)
	g.drop(rec.origin)
	if rec.stale {
		g.staleEdges--
	}
	*g.t.edges.edit(e, g.epoch) = edgeRec{}
	g.freeEdges = append(g.freeEdges, e)
	g.t.edgeCount--
	last := *was
	last.UpdatedAt = max(at, last.UpdatedAt)
	g.emit(Change{Op: EdgeDeleted, At: last.UpdatedAt, Edge: &last, OldEdge: was})
	if was.RelationType == entity.Ownership {
		g.renewTID(was.ChildSlot, at)
	}
}

// isolate deletes the edges of a node that goes. What others assert of it
// dangles from then on.
func (g *Graph) isolate(slot int32, at int64) {
	id := g.t.nodeID(slot)
	for _, e := range g.incident(slot) {
		edge := g.t.edges.at(e).id
		for _, ev := range g.evidenceOf(e) {
			if ev.emitter != slot {
				g.leaveDangling(id, edge, ev.emitter, g.t.name(ev.source))
			}
		}
		g.deleteEdge(e, at)
	}
}
