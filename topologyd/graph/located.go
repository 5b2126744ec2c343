package graph

import (
	"github.com/skein-net/skein/internal/entity"
)

// This file is what becomes of assertions while entities are members of the nodes
// of others. An assertion speaks of entities; its edge is between the nodes that
// show them. Several assertions of one facet may then be of one edge, which takes
// its attributes from the first of them; and one may be of a node and itself,
// which makes no edge: it waits for a member to become a node again.

// located is the edge between nodes that an assertion is of.
type located struct {
	id            entity.UUID
	parent, child int32 // nodes, -1 when not known
	self          bool  // both ends are entities of one node
}

// ok tells whether there is such an edge.
func (l *located) ok() bool { return l.parent >= 0 && l.child >= 0 && !l.self }

// locate finds the edge between nodes of an assertion between entities. both
// tells that it has no direction.
func (g *Graph) locate(e *entity.Edge, both bool) located {
	l := located{id: e.ID, parent: g.t.findNode(e.Parent), child: g.t.findNode(e.Child)}
	if l.parent < 0 || l.child < 0 || len(g.joins.hooks) == 0 {
		return l
	}
	l.self = l.parent == l.child && e.Parent != e.Child
	p, c := g.t.nodeID(l.parent), g.t.nodeID(l.child)
	if p == e.Parent && c == e.Child {
		return l
	}
	if both && smaller(c, p) {
		p, c = c, p
		l.parent, l.child = l.child, l.parent
	}
	l.id = entity.EdgeID(p, c, e.RelationType)
	return l
}

// assertJoined is assert for a graph with members.
func (g *Graph) assertJoined(a *assertion, emitter int32, source string, at int64) {
	l := g.locate(&a.Edge, a.both)
	if !l.ok() {
		g.wait(a, &l, emitter, source)
		return
	}
	g.dropDangling(a.Parent, a.ID, emitter, source)
	g.dropDangling(a.Child, a.ID, emitter, source)
	attrs, found := a.attrs, false
	g.eachOf(emitter, source, func(o *packedAssertion) {
		if found {
			return
		}
		e := o.edge()
		if other := g.locate(&e, o.both); other.ok() && other.id == l.id {
			attrs, found = g.t.dict.Attrs(o.attrs), true
		}
	})
	g.support(l, a.RelationType, attrs, emitter, source, at)
}

// wait has an assertion wait for the entity that it misses, or for one of those
// that are of one node to become a node of its own.
func (g *Graph) wait(a *assertion, l *located, emitter int32, source string) {
	switch {
	case l.self:
		for _, end := range [...]entity.UUID{a.Parent, a.Child} {
			if !g.t.hasNode(g.t.findEntity(end)) {
				g.leaveDangling(end, a.ID, emitter, source)
			}
		}
	case l.parent >= 0:
		g.leaveDangling(a.Child, a.ID, emitter, source)
	default:
		g.leaveDangling(a.Parent, a.ID, emitter, source)
	}
}

// reassertJoined is reassert for a graph with members.
func (g *Graph) reassertJoined(slot int32, source string, before []packedAssertion, after []assertion, at int64) {
	news := make([]located, len(after))
	first := make(map[entity.UUID]struct{}, len(after))
	said := make(map[entity.UUID]struct{}, len(after))
	for i := range after {
		news[i] = g.locate(&after[i].Edge, after[i].both)
		said[after[i].ID] = struct{}{}
		if news[i].ok() {
			first[news[i].id] = struct{}{}
		}
	}
	for i := range before {
		e := before[i].edge()
		if l := g.locate(&e, before[i].both); l.ok() {
			if _, still := first[l.id]; !still {
				g.removeEvidence(l.id, slot, source, at)
			}
		} else if _, still := said[e.ID]; !still {
			g.dropDangling(e.Parent, e.ID, slot, source)
			g.dropDangling(e.Child, e.ID, slot, source)
		}
	}
	for i := range after {
		if !news[i].ok() {
			g.wait(&after[i], &news[i], slot, source)
		} else if _, ok := first[news[i].id]; ok {
			delete(first, news[i].id)
			g.support(news[i], after[i].RelationType, after[i].attrs, slot, source, at)
		}
	}
}

// isolateJoined has what others assert of an entity whose node goes wait for it.
func (g *Graph) isolateJoined(id, edge entity.UUID, emitter int32, source string) {
	g.eachOf(emitter, source, func(a *packedAssertion) {
		e := a.edge()
		if l := g.locate(&e, a.both); l.ok() && l.id == edge {
			g.leaveDangling(id, e.ID, emitter, source)
		}
	})
}
