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
	if len(g.joins.hooks) > 0 {
		g.assertJoined(a, emitter, source, at)
		return
	}
	if e := g.t.findEdge(a.ID); e >= 0 {
		g.addEvidence(e, a.attrs, emitter, source, at)
		return
	}
	l := located{id: a.ID, parent: g.t.findNode(a.Parent), child: g.t.findNode(a.Child)}
	if !l.ok() {
		g.wait(a, &l, emitter, source)
		return
	}
	g.makeEdge(l, a.RelationType, a.attrs, emitter, source, at)
}

// support has a facet be evidence for the edge between two nodes, which is made
// if need be.
func (g *Graph) support(l located, relation string, attrs entity.Attrs, emitter int32, source string, at int64) {
	if e := g.t.findEdge(l.id); e >= 0 {
		g.addEvidence(e, attrs, emitter, source, at)
		return
	}
	g.makeEdge(l, relation, attrs, emitter, source, at)
}

// addEvidence adds a facet's evidence to an edge, or gives it other attributes.
func (g *Graph) addEvidence(e int32, attrs entity.Attrs, emitter int32, source string, at int64) {
	list := g.evidenceOf(e)
	i, found := g.findEvidence(list, emitter, source)
	if found && g.t.dict.Equal(list[i].attrs, attrs) {
		return // said before
	}
	list = slices.Clone(list)
	if found {
		list[i].attrs = g.packSet(attrs)
	} else {
		list = slices.Insert(list, i, evidence{g.packSet(attrs), emitter, g.hold(source)})
		g.countPair(source, 1)
	}
	g.refreshEdge(e, list, at)
	g.reviewOwner(e, at)
}

// makeEdge makes the edge between two nodes.
func (g *Graph) makeEdge(l located, relationType string, attrs entity.Attrs, emitter int32, source string, at int64) {
	e := take(&g.freeEdges, &g.t.edges, g.epoch)
	g.t.links.resize(g.t.edges.n, g.epoch)
	*g.t.edges.edit(e, g.epoch) = edgeRec{id: l.id}
	relation := g.relation(relationType)
	if relation == noRelation {
		g.setExtra(e, edgeExtra{relation: relationType})
	}
	g.t.edgeIDs.insert(idHash(l.id), e, g.epoch)
	g.t.edgeCount++
	g.link(e, relation, l.parent, l.child)
	g.one = [1]evidence{{g.packSet(attrs), emitter, g.hold(source)}}
	g.countPair(source, 1)
	g.refreshEdge(e, g.one[:], at)
	if relationType == entity.Ownership {
		g.renewTID(l.child, at)
	}
}

// withdraw takes a facet's evidence for an edge away, and the edge with the
// last of it. No entity is a member of the node of another.
func (g *Graph) withdraw(a *entity.Edge, emitter int32, source string, at int64) {
	if g.t.findEdge(a.ID) < 0 {
		for _, end := range [...]entity.UUID{a.Parent, a.Child} {
			g.dropDangling(end, a.ID, emitter, source)
		}
		return
	}
	g.removeEvidence(a.ID, emitter, source, at)
}

// removeEvidence takes a facet's evidence for an edge between nodes away, and
// the edge with the last of it.
func (g *Graph) removeEvidence(id entity.UUID, emitter int32, source string, at int64) {
	e := g.t.findEdge(id)
	if e < 0 {
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
	g.countPair(source, -1)
	g.refreshEdge(e, slices.Delete(slices.Clone(list), i, i+1), at)
	g.drop(dropped)
	g.reviewOwner(e, at)
}

// refreshEdge gives an edge a list of evidence, which it takes over unless it
// is a single one, and makes the edge's next revision when it says something
// else than the edge shows.
func (g *Graph) refreshEdge(e int32, list []evidence, at int64) {
	attrs, origin := g.mergeEvidence(list)
	have, x := g.t.edges.at(e), g.t.extraOf(e)
	host := g.t.host(list[0].emitter)
	same := have.revision > 0 && g.t.name(have.origin) == origin && g.t.name(have.host) == host &&
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
	rec.host = g.hold(host)
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
// dangles from then on; what rows of the table of joins made of it is made again
// when it comes back.
func (g *Graph) isolate(slot int32, at int64) {
	id := g.t.nodeID(slot)
	for _, e := range g.incident(slot) {
		edge := g.t.edges.at(e).id
		for _, ev := range slices.Clone(g.evidenceOf(e)) {
			source := g.t.name(ev.source)
			switch {
			case ev.emitter == slot || isJoinSource(source):
			case len(g.joins.hooks) > 0:
				g.isolateJoined(id, edge, ev.emitter, source)
			default:
				g.leaveDangling(id, edge, ev.emitter, source)
			}
		}
		g.deleteEdge(e, at)
	}
}
