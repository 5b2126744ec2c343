package graph

import (
	"iter"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// NodeState is all that a graph has to know of a node to show it again as it
// was: what each source said, and the node's own history in numbers.
type NodeState struct {
	Ref entity.Ref
	// TID is kept, since in a loop of owners it depends on what came first. When
	// it is not Known it is derived anew.
	TID                  entity.UUID
	Known                bool
	CreatedAt, UpdatedAt int64
	Revision             uint64
	// Facets are what is said of the node's own entity, Members are the entities
	// that joined it, by their IDs.
	Facets  []FacetState
	Members []MemberState
}

// MemberState is an entity that joined the node of another, by which row of the
// table of joins, and what each source says of it.
type MemberState struct {
	Ref    entity.Ref
	Row    string
	Facets []FacetState
}

// FacetState is what one source says of an entity.
type FacetState struct {
	Source     string
	Time       int64 // of the event, Unix nanoseconds
	Interval   time.Duration
	Attributes entity.Attrs
	Assertions []Assertion
}

// Assertion is an edge that a facet asserts.
type Assertion struct {
	entity.Edge
	// Undirected tells that its ends are in the order of their IDs (peer_of).
	Undirected bool
	Attributes entity.Attrs
}

// EdgeState is an edge's own history in numbers.
type EdgeState struct {
	ID                   entity.UUID
	CreatedAt, UpdatedAt int64
	Revision             uint64
}

// NodeStates yields the state of every node.
func (v *View) NodeStates() iter.Seq[NodeState] {
	return func(yield func(NodeState) bool) {
		for slot := range v.NodeList() {
			if !yield(v.NodeStateAt(slot)) {
				return
			}
		}
	}
}

// NodeState returns what each source says of a node of the view.
func (v *View) NodeState(n *Node) NodeState {
	out := NodeState{TID: n.tid, Known: true, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, Revision: n.Revision}
	v.t.state(n.Slot, &out)
	return out
}

// NodeStateAt is NodeState for the node in a slot, which must not be free.
func (v *View) NodeStateAt(slot int32) NodeState {
	rec := v.t.nodes.at(slot)
	out := NodeState{TID: rec.tid, Known: true, CreatedAt: rec.createdAt, UpdatedAt: rec.updatedAt, Revision: rec.revision}
	v.t.state(slot, &out)
	return out
}

// state fills in what the sources say of a node.
func (t *tables) state(slot int32, out *NodeState) {
	out.Ref, out.Facets = t.ref(slot), t.facetStates(slot)
	for _, m := range t.members(slot, nil) {
		out.Members = append(out.Members, MemberState{t.ref(m.slot), m.row, t.facetStates(m.slot)})
	}
}

// facetStates returns what the sources say of an entity.
func (t *tables) facetStates(slot int32) (out []FacetState) {
	emitter := t.nodeID(slot)
	var f packedFacet
	var a packedAssertion
	for r := t.facetsOf(slot); r.next(&f); {
		fs := FacetState{Source: f.source, Time: f.time, Interval: time.Duration(f.interval), Attributes: t.dict.Attrs(f.attrs)}
		for p := 0; p < len(f.edges); {
			p = t.readAssertion(f.edges, p, emitter, &a)
			fs.Assertions = append(fs.Assertions, Assertion{a.edge(), a.both, t.dict.Attrs(a.attrs)})
		}
		out = append(out, fs)
	}
	return out
}

// EdgeStates yields the state of every edge.
func (v *View) EdgeStates() iter.Seq[EdgeState] {
	return func(yield func(EdgeState) bool) {
		for slot := range v.EdgeList() {
			rec := v.t.edges.at(slot)
			if !yield(EdgeState{rec.id, rec.createdAt, rec.updatedAt, rec.revision}) {
				return
			}
		}
	}
}

// RestoreNode puts a node back into a graph that is being filled from a
// snapshot. Its facets count as reported at the time now: their sources get
// the full time to speak again. An entity that is there already is left alone.
// Members join as the table of joins says, which is restored before.
func (g *Graph) RestoreNode(n *NodeState, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begin(nil)
	g.view = nil
	g.restoreEntity(n.Ref, n.Facets, now)
	for i := range n.Members {
		g.restoreEntity(n.Members[i].Ref, n.Members[i].Facets, now)
	}
	g.out = nil
}

func (g *Graph) restoreEntity(ref entity.Ref, facets []FacetState, now time.Time) {
	id := ref.UUID()
	if len(facets) == 0 || g.t.findEntity(id) >= 0 {
		return
	}
	for i := range facets {
		fs := &facets[i]
		p := Prepared{Event: &entity.Event{Ref: ref, Source: fs.Source}, id: id}
		p.facet = facet{source: fs.Source, attrs: fs.Attributes, time: fs.Time, interval: int64(fs.Interval)}
		for _, a := range fs.Assertions {
			odd := a.Parent != id && a.Child != id || a.ID != entity.EdgeID(a.Parent, a.Child, a.RelationType)
			p.facet.edges = append(p.facet.edges, assertion{a.Edge, normal(a.Attributes), odd, a.Undirected})
		}
		p.facet.edges = distinct(p.facet.edges)
		p.hash = p.facet.hash(g.seed)
		g.setFacet(g.t.findEntity(id), &p, milliseconds(fs.Time), now.UnixNano())
	}
}

// RestoreHistory gives the elements the dates and revisions that they had, and
// the graph its revision, once all nodes are restored.
func (g *Graph) RestoreHistory(nodes iter.Seq[NodeState], edges iter.Seq[EdgeState], revision uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.view = nil
	for s := range nodes {
		if i := g.t.findEntity(s.Ref.UUID()); i >= 0 && g.t.hasNode(i) {
			rec := g.t.nodes.edit(i, g.epoch)
			rec.createdAt, rec.updatedAt, rec.revision = s.CreatedAt, s.UpdatedAt, s.Revision
			if s.Known && rec.tid != s.TID {
				old := rec.tid
				rec.tid = s.TID
				g.reindex(i, insertTID(nil, old), insertTID(nil, s.TID))
			}
		}
	}
	for s := range edges {
		if i := g.t.findEdge(s.ID); i >= 0 {
			rec := g.t.edges.edit(i, g.epoch)
			rec.createdAt, rec.updatedAt, rec.revision = s.CreatedAt, s.UpdatedAt, s.Revision
		}
	}
	g.t.revision = max(g.t.revision, revision)
}

// Tombstone is a deletion of the log that is remembered for a while.
type Tombstone struct {
	Node   entity.UUID
	Source string
	// Time is that of the deletion, Until when it is forgotten, on the log's
	// clock; Unix nanoseconds.
	Time, Until int64
}

// Tombstones returns the deletions that are remembered and the newest log time.
// They belong to what a replica has to know to go on from a snapshot.
func (g *Graph) Tombstones() (list []Tombstone, logged time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	list = make([]Tombstone, 0, len(g.tombs.byKey))
	for k, t := range g.tombs.byKey {
		if t.until > g.logged {
			list = append(list, Tombstone{k.node, k.source, t.time, t.until})
		}
	}
	return list, time.Unix(0, g.logged)
}

// RestoreTombstones is the reverse of Tombstones.
func (g *Graph) RestoreTombstones(list []Tombstone, logged time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.logged = max(g.logged, logged.UnixNano())
	for _, t := range list {
		g.tombs.put(facetKey{t.Node, t.Source}, tombstone{t.Time, t.Until})
	}
}

// Advance raises the revision to at least the one given, so that numbers that
// were given out before, by changes that were lost since, are not used again.
func (g *Graph) Advance(revision uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if revision > g.t.revision {
		g.t.revision = revision
		g.view = nil
	}
}

// LogTime returns the time of the newest event of the log that was applied; the
// zero time when there was none.
func (g *Graph) LogTime() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.logged == 0 {
		return time.Time{}
	}
	return time.Unix(0, g.logged)
}
