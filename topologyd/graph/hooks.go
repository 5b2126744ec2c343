package graph

import (
	"bytes"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// This file is how entities join the nodes of others and leave them again.

// setHook notes that an entity joined a node, or with a node of noSlot that it
// left the one that it had joined. What the node shows is left to refreshLater.
func (g *Graph) setHook(slot int32, h hook) {
	j := &g.joins
	old, was := j.hooks[slot]
	if was {
		list := j.members[old.node]
		list = slices.Delete(list, slices.Index(list, slot), slices.Index(list, slot)+1)
		if len(list) == 0 {
			delete(j.members, old.node)
		} else {
			j.members[old.node] = list
		}
		delete(j.hooks, slot)
		if r := j.rows[old.row]; r != nil {
			r.pairs--
		}
		g.stats.Joined--
	}
	if h.node >= 0 {
		list := j.members[h.node]
		i, _ := slices.BinarySearchFunc(list, slot, g.compareEmitters)
		j.members[h.node] = slices.Insert(list, i, slot)
		j.hooks[slot] = h
		if r := j.rows[h.row]; r != nil {
			r.pairs++
		}
		g.stats.Joined++
	}
	g.reflag(slot)
	if was {
		g.reflag(old.node)
		g.refreshLater(old.node)
	}
	if h.node >= 0 {
		g.reflag(h.node)
		g.refreshLater(h.node)
	}
}

// reflag writes flags and content of an entity anew after its hook or its members
// changed.
func (g *Graph) reflag(slot int32) {
	list := g.t.facets(slot, nil)
	rec := g.t.nodes.edit(slot, g.epoch)
	if rec.size &^= nodeJoined; g.isHooked(slot) {
		rec.size |= nodeJoined
	}
	if len(g.joins.members[slot]) > 0 {
		rec.size |= nodeHosts // setContent takes it away: the content is still that of a host
	}
	hosts := rec.size&nodeHosts != 0
	_, end := g.t.identityPart(slot)
	b := append(g.body[:0], g.t.data.at(slot).content[:end]...)
	b = g.appendJoinPart(b, slot, hosts)
	b = g.appendFacets(b, list, hosts)
	g.body = b
	g.t.data.edit(slot, g.epoch).content = string(b)
}

func (g *Graph) isHooked(slot int32) bool {
	_, ok := g.joins.hooks[slot]
	return ok
}

// entities appends the entities that a node shows, its own first.
func (g *Graph) entities(node int32, list []int32) []int32 {
	return append(append(list, node), g.joins.members[node]...)
}

// refreshLater has a node show what its facets say before the call ends.
func (g *Graph) refreshLater(slot int32) {
	if g.leftForLater(slot) {
		return
	}
	if g.late = append(g.late, slot); len(g.late) == maxLateFew {
		g.isLate = make(map[int32]struct{}, 2*maxLateFew)
		for _, s := range g.late {
			g.isLate[s] = struct{}{}
		}
	} else if g.isLate != nil {
		g.isLate[slot] = struct{}{}
	}
}

// maxLateFew is up to how many nodes left for later are looked for one by one.
const maxLateFew = 32

// leftForLater tells whether a node is refreshed before the call ends.
func (g *Graph) leftForLater(slot int32) bool {
	if g.isLate != nil {
		_, late := g.isLate[slot]
		return late
	}
	return slices.Contains(g.late, slot)
}

// refreshNow brings the nodes that were left for later up to date, in the order
// of their IDs.
func (g *Graph) refreshNow(at int64) {
	for len(g.late) > 0 {
		list := g.late
		slices.SortFunc(list, g.compareEmitters)
		g.late, g.isLate = nil, nil
		for _, slot := range list {
			if g.t.hasNode(slot) && slot != g.joins.gone {
				g.setContent(slot, g.t.facets(slot, nil), nil, at, len(g.out))
				g.refreshStale(slot)
			}
		}
	}
}

// unhook takes a member away from its node, with its edges and what others
// assert of it, which dangles from then on. It is no node yet.
func (g *Graph) unhook(slot int32, at int64) {
	id, node := g.t.nodeID(slot), g.t.nodeOf(slot)
	g.joins.leaving = slot
	g.renewPairs(slot, at)
	g.joins.leaving = noSlot
	g.eachAssertion(slot, func(source string, a *packedAssertion) {
		e := a.edge()
		if l := g.locate(&e, a.both); l.ok() {
			g.removeEvidence(l.id, slot, source, at)
		} else {
			g.dropDangling(e.Parent, e.ID, slot, source)
			g.dropDangling(e.Child, e.ID, slot, source)
		}
	})
	for _, e := range g.incident(node) {
		edge := g.t.edges.at(e).id
		for _, ev := range slices.Clone(g.evidenceOf(e)) {
			source := g.t.name(ev.source)
			if ev.emitter == slot || isJoinSource(source) {
				continue
			}
			g.dangleFor(id, edge, ev.emitter, source, at)
		}
	}
	g.setHook(slot, hook{node: noSlot})
}

// dangleFor has what a facet asserts of an entity wait for it, as far as it
// became the edge given.
func (g *Graph) dangleFor(id, edge entity.UUID, emitter int32, source string, at int64) {
	var rest *assertion
	var at0 located
	moved := false
	g.eachOf(emitter, source, func(a *packedAssertion) {
		e := a.edge()
		l := g.locate(&e, a.both)
		switch {
		case !l.ok() || l.id != edge:
		case e.Parent == id || e.Child == id:
			moved = true
			g.leaveDangling(id, e.ID, emitter, source)
		case rest == nil:
			x := a.unpack(&g.t)
			rest, at0 = &x, l
		}
	})
	switch {
	case !moved:
	case rest == nil:
		g.removeEvidence(edge, emitter, source, at)
	default:
		g.support(at0, rest.RelationType, rest.attrs, emitter, source, at)
	}
}

// hookTo has an entity join a node.
func (g *Graph) hookTo(slot int32, h hook, at int64) {
	if g.t.hasNode(slot) {
		g.unshow(slot, at)
	}
	if g.t.nodes.at(slot).size&nodeHosts != 0 { // its members left just now
		g.setContent(slot, g.t.facets(slot, nil), nil, at, 0)
	}
	g.setHook(slot, h)
	g.assertAll(slot, at)
	g.resolve(g.t.nodeID(slot), at)
	g.renewPairs(slot, at)
	g.refreshStaleEdges(h.node)
}

// show makes a node of an entity that is none.
func (g *Graph) show(slot int32, at int64) {
	busy := g.busy
	g.busy = slot
	g.t.nodes.edit(slot, g.epoch).size |= nodeUsed
	g.t.nodeCount++
	added := len(g.out)
	g.assertAll(slot, at)
	g.resolve(g.t.nodeID(slot), at)
	g.renewPairs(slot, at)
	g.setContent(slot, g.t.facets(slot, nil), nil, at, added)
	g.busy = busy
	g.refreshStale(slot)
	g.refreshStaleEdges(slot)
}

// unshow takes the node of an entity away, with its edges; the entity stays.
func (g *Graph) unshow(slot int32, at int64) {
	g.isolate(slot, at)
	node := g.t.node(slot)
	g.reindex(slot, node.Attrs, nil)
	rec := g.t.nodes.edit(slot, g.epoch)
	g.drop(rec.origin)
	rec.origin, rec.tid, rec.revision, rec.createdAt, rec.updatedAt = 0, entity.UUID{}, 0, 0, 0
	rec.size &^= nodeUsed | nodeStale
	g.t.nodeCount--
	last := *node
	last.UpdatedAt = max(at, last.UpdatedAt)
	g.emit(Change{Op: NodeDeleted, At: last.UpdatedAt, Node: &last, OldNode: node})
}

// free forgets an entity that is no node.
func (g *Graph) free(slot int32) {
	g.t.nodeIDs.remove(idHash(g.t.nodeID(slot)), slot, g.epoch)
	*g.t.nodes.edit(slot, g.epoch) = nodeRec{}
	*g.t.data.edit(slot, g.epoch) = nodeData{}
	g.freeNodes = append(g.freeNodes, slot)
}

// assertAll asserts all that the facets of an entity assert.
func (g *Graph) assertAll(slot int32, at int64) {
	g.eachAssertion(slot, func(source string, a *packedAssertion) {
		x := a.unpack(&g.t)
		g.assert(&x, slot, source, at)
	})
}

// eachAssertion calls yield for each assertion of an entity's facets.
func (g *Graph) eachAssertion(slot int32, yield func(source string, a *packedAssertion)) {
	id := g.t.nodeID(slot)
	for _, f := range g.t.facets(slot, nil) {
		for _, a := range g.t.assertions(f.edges, id, nil) {
			yield(f.source, &a)
		}
	}
}

// eachOf calls yield for each assertion of one facet of an entity.
func (g *Graph) eachOf(slot int32, source string, yield func(a *packedAssertion)) {
	id := g.t.nodeID(slot)
	var f packedFacet
	for r := g.t.facetsOf(slot); r.next(&f); {
		if f.source != source {
			continue
		}
		var a packedAssertion
		for p := 0; p < len(f.edges); {
			p = g.t.readAssertion(f.edges, p, id, &a)
			yield(&a)
		}
		return
	}
}

// smaller orders IDs.
func smaller(a, b entity.UUID) bool { return bytes.Compare(a[:], b[:]) < 0 }
