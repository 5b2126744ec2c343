package graph

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// evidence is one facet that asserts an edge. A list of it is sorted by source
// and emitter, so that the edge looks the same whatever came first.
type evidence struct {
	emitter entity.UUID
	source  string
	attrs   entity.Attrs
}

// dangler is an assertion whose other end is not known yet.
type dangler struct {
	emitter, edge entity.UUID
	source        string
}

func (a evidence) compare(b evidence) int {
	return cmp.Or(strings.Compare(a.source, b.source), bytes.Compare(a.emitter[:], b.emitter[:]))
}

// reassert replaces the edges that a facet asserts.
func (g *Graph) reassert(slot int32, source string, before, after []assertion, at int64) {
	emitter := g.t.nodes.at(slot).node.ID
	for i := range before {
		if !slices.ContainsFunc(after, func(a assertion) bool { return a.ID == before[i].ID }) {
			g.withdraw(&before[i], emitter, source, at)
		}
	}
	for i := range after {
		g.assert(&after[i], emitter, source, at)
	}
}

// assert adds a facet's evidence for an edge and makes the edge if both its
// ends are known; otherwise it is remembered until the missing end appears.
func (g *Graph) assert(a *assertion, emitter entity.UUID, source string, at int64) {
	ev := evidence{emitter, source, a.attrs}
	if e := g.t.findEdge(a.ID); e >= 0 {
		list := g.evidence[e]
		i, found := slices.BinarySearchFunc(list, ev, evidence.compare)
		if found && list[i].attrs.Equal(ev.attrs) {
			return // said before
		}
		if found {
			list[i] = ev
		} else {
			g.evidence[e] = slices.Insert(list, i, ev)
		}
		g.refreshEdge(e, at)
		return
	}
	parent, child := g.t.findNode(a.Parent), g.t.findNode(a.Child)
	if parent < 0 || child < 0 {
		missing := a.Parent
		if parent >= 0 {
			missing = a.Child
		}
		g.leaveDangling(missing, dangler{emitter, a.ID, source})
		return
	}
	e := take(&g.freeEdges, &g.t.edges, g.epoch)
	for len(g.evidence) < int(g.t.edges.n) {
		g.evidence = append(g.evidence, nil)
	}
	g.evidence[e] = []evidence{ev}
	rec := g.t.edges.edit(e, g.epoch)
	rec.edge = &Edge{
		ID: a.ID, Slot: e, Parent: a.Parent, Child: a.Child, ParentSlot: parent, ChildSlot: child,
		RelationType: g.intern(a.RelationType),
	}
	g.t.edgeIDs.insert(idHash(a.ID), e, g.epoch)
	g.t.edgeCount++
	g.link(e, rec, parent, child)
	g.refreshEdge(e, at)
	if a.RelationType == entity.Ownership {
		g.renewTID(child, at)
	}
}

// withdraw takes a facet's evidence for an edge away, and the edge with the
// last of it.
func (g *Graph) withdraw(a *assertion, emitter entity.UUID, source string, at int64) {
	e := g.t.findEdge(a.ID)
	if e < 0 {
		for _, end := range [...]entity.UUID{a.Parent, a.Child} {
			g.dropDangling(end, dangler{emitter, a.ID, source})
		}
		return
	}
	i, found := slices.BinarySearchFunc(g.evidence[e], evidence{emitter: emitter, source: source}, evidence.compare)
	if !found {
		return
	}
	g.evidence[e] = slices.Delete(g.evidence[e], i, i+1)
	if len(g.evidence[e]) == 0 {
		g.deleteEdge(e, at)
		return
	}
	g.refreshEdge(e, at)
}

func (g *Graph) leaveDangling(missing entity.UUID, d dangler) {
	set := g.dangling[missing]
	if set == nil {
		set = make(map[dangler]struct{})
		g.dangling[missing] = set
	}
	if _, ok := set[d]; !ok {
		set[d] = struct{}{}
		g.stats.Dangling++
	}
}

func (g *Graph) dropDangling(missing entity.UUID, d dangler) {
	set := g.dangling[missing]
	if _, ok := set[d]; !ok {
		return
	}
	g.stats.Dangling--
	if delete(set, d); len(set) == 0 {
		delete(g.dangling, missing)
	}
}

// resolve makes the edges that waited for a node. They are taken in the order
// of their IDs, so that replicas make the same revisions.
func (g *Graph) resolve(id entity.UUID, at int64) {
	set := g.dangling[id]
	if set == nil {
		return
	}
	delete(g.dangling, id)
	g.stats.Dangling -= len(set)
	list := make([]dangler, 0, len(set))
	for d := range set {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b dangler) int {
		return cmp.Or(bytes.Compare(a.edge[:], b.edge[:]), bytes.Compare(a.emitter[:], b.emitter[:]), strings.Compare(a.source, b.source))
	})
	for _, d := range list {
		slot := g.t.findNode(d.emitter)
		if slot < 0 {
			continue
		}
		st := *g.t.states.at(slot)
		i, ok := st.find(d.source)
		if !ok {
			continue
		}
		for j := range st.facets[i].edges {
			if a := &st.facets[i].edges[j]; a.ID == d.edge {
				g.assert(a, d.emitter, d.source, at)
			}
		}
	}
}

// refreshEdge makes an edge's next revision when its evidence says something
// else than it shows.
func (g *Graph) refreshEdge(e int32, at int64) {
	old := g.t.edges.at(e).edge
	var attrs entity.Attrs
	origin, list := "", g.evidence[e]
	for i := len(list) - 1; i >= 0; i-- {
		attrs = append(attrs, list[i].attrs...)
	}
	for i := range list {
		if i == 0 {
			origin = list[i].source
		} else if list[i].source != list[i-1].source {
			origin += "," + list[i].source
		}
	}
	attrs = attrs.Normalize()
	if old.Revision > 0 && old.Origin == origin && old.Attrs.Equal(attrs) {
		return
	}
	n, was := old, (*Edge)(nil)
	if old.Revision > 0 {
		c := *old
		n, was = &c, old
	}
	n.Attrs, n.Origin = attrs, g.intern(origin)
	if slot := g.t.findNode(list[0].emitter); slot >= 0 {
		n.Host = g.intern((*g.t.states.at(slot)).ref.ID.Get(entity.IDHost))
	}
	n.UpdatedAt = max(at, n.UpdatedAt)
	n.Revision++
	op := EdgeUpdated
	if n.Revision == 1 {
		n.CreatedAt, op = at, EdgeAdded
	}
	g.t.edges.edit(e, g.epoch).edge = n
	g.emit(Change{Op: op, At: n.UpdatedAt, Edge: n, OldEdge: was})
}

// deleteEdge takes an edge away.
func (g *Graph) deleteEdge(e int32, at int64) {
	rec := *g.t.edges.at(e)
	g.unlink(e, &rec)
	g.t.edgeIDs.remove(idHash(rec.edge.ID), e, g.epoch)
	*g.t.edges.edit(e, g.epoch) = edgeRec{}
	g.evidence[e] = nil
	g.freeEdges = append(g.freeEdges, e)
	g.t.edgeCount--
	last := *rec.edge
	last.UpdatedAt = max(at, last.UpdatedAt)
	g.emit(Change{Op: EdgeDeleted, At: last.UpdatedAt, Edge: &last, OldEdge: rec.edge})
	if rec.edge.RelationType == entity.Ownership {
		g.renewTID(rec.edge.ChildSlot, at)
	}
}

// incident returns the edges of a node in the order of their IDs: that of the
// lists differs among replicas.
func (g *Graph) incident(slot int32) []*Edge {
	rec := g.t.nodes.at(slot)
	list := make([]*Edge, 0, rec.outs+rec.ins)
	for e := rec.firstOut; e != 0; e = g.t.edges.at(e - 1).nextOut {
		list = append(list, g.t.edges.at(e-1).edge)
	}
	for e := rec.firstIn; e != 0; e = g.t.edges.at(e - 1).nextIn {
		list = append(list, g.t.edges.at(e-1).edge)
	}
	slices.SortFunc(list, func(a, b *Edge) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return list
}

// isolate deletes the edges of a node that goes. What others assert of it
// dangles from then on.
func (g *Graph) isolate(slot int32, id entity.UUID, at int64) {
	for _, edge := range g.incident(slot) {
		e := edge.Slot
		if g.t.edges.at(e).edge != edge {
			continue // a loop is listed twice
		}
		for _, ev := range g.evidence[e] {
			if ev.emitter != id {
				g.leaveDangling(id, dangler{ev.emitter, edge.ID, ev.source})
			}
		}
		g.deleteEdge(e, at)
	}
}

// link enters an edge at the head of the lists of both ends.
func (g *Graph) link(e int32, rec *edgeRec, parent, child int32) {
	p := g.t.nodes.edit(parent, g.epoch)
	rec.parent, rec.child = parent, child
	rec.relation = g.relation(rec.edge.RelationType)
	rec.nextOut, rec.prevOut = p.firstOut, 0
	if p.firstOut != 0 {
		g.t.edges.edit(p.firstOut-1, g.epoch).prevOut = e + 1
	}
	p.firstOut = e + 1
	p.outs++
	c := g.t.nodes.edit(child, g.epoch)
	rec.nextIn, rec.prevIn = c.firstIn, 0
	if c.firstIn != 0 {
		g.t.edges.edit(c.firstIn-1, g.epoch).prevIn = e + 1
	}
	c.firstIn = e + 1
	c.ins++
}

// maxRelations bounds the relation types that have a number.
const maxRelations = 256

// relation returns the number of a relation type, plus one, 0 when it gets
// none.
func (g *Graph) relation(name string) uint32 {
	if i := slices.Index(g.t.relations, name); i >= 0 {
		return uint32(i + 1)
	}
	if len(g.t.relations) == maxRelations {
		return 0
	}
	g.t.relations = append(g.t.relations, name)
	return uint32(len(g.t.relations))
}

// unlink takes an edge out of the lists of both ends.
func (g *Graph) unlink(e int32, rec *edgeRec) {
	p := g.t.nodes.edit(rec.edge.ParentSlot, g.epoch)
	if rec.prevOut != 0 {
		g.t.edges.edit(rec.prevOut-1, g.epoch).nextOut = rec.nextOut
	} else {
		p.firstOut = rec.nextOut
	}
	if rec.nextOut != 0 {
		g.t.edges.edit(rec.nextOut-1, g.epoch).prevOut = rec.prevOut
	}
	p.outs--
	c := g.t.nodes.edit(rec.edge.ChildSlot, g.epoch)
	if rec.prevIn != 0 {
		g.t.edges.edit(rec.prevIn-1, g.epoch).nextIn = rec.nextIn
	} else {
		c.firstIn = rec.nextIn
	}
	if rec.nextIn != 0 {
		g.t.edges.edit(rec.nextIn-1, g.epoch).prevIn = rec.prevIn
	}
	c.ins--
}
