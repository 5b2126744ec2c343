package graph

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// sweepSize is how many nodes one call of Sweep looks at, so that it does not
// hold up others for long.
const sweepSize = 4096

// Sweep looks at a part of the nodes, starting at the slot from, for facets
// whose reports stopped. It marks those that are overdue, which is appended to
// out, and returns a delete event for each that has expired; the caller logs
// and applies them like any other. next is where the next call should start, 0
// when all nodes were seen.
func (g *Graph) Sweep(from int32, now time.Time, out []Change) (expired []entity.Event, next int32, changes []Change) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begin(out)
	n := now.UnixNano()
	if from == 0 {
		g.heard.clean(n)
		g.tombs.clean(g.logged)
	}
	slot := from
	for ; slot < g.t.nodes.n && slot < from+sweepSize; slot++ {
		marked := false
		facets := g.live.of(slot)
		for i := range facets {
			l := &facets[i]
			if l.interval == 0 {
				continue
			}
			silent := float64(n-l.seen) / float64(l.keep())
			if silent >= g.cfg.ExpireAfter {
				expired = append(expired, entity.Event{
					Kind: entity.Delete, Ref: g.t.ref(slot), Source: g.t.sourceOf(slot, i),
					Time: time.Unix(0, l.time), Reason: entity.ReasonExpired,
				})
			} else if silent >= g.cfg.StaleAfter && !l.stale {
				l.stale, marked = true, true
				g.stats.Stale++
			}
		}
		if marked {
			g.refreshStale(slot)
		}
	}
	if slot < g.t.nodes.n {
		next = slot
	}
	return expired, next, g.end()
}

// refreshStale brings the Stale marks of a node, and of the edges that its
// facets assert, in line with its facets: stale is what only stale facets
// speak of.
func (g *Graph) refreshStale(slot int32) {
	node := g.t.nodeOf(slot)
	if node < 0 {
		return
	}
	stale, some := g.staleFacets(node)
	for _, m := range g.joins.members[node] {
		all, any := g.staleFacets(m)
		stale, some = stale && all, some || any
	}
	marked := (g.t.nodes.at(node).size&nodeStale != 0) != stale
	if marked {
		n := g.t.node(node)
		marked := *n
		marked.Stale = stale
		g.t.nodes.edit(node, g.epoch).size ^= nodeStale
		g.view = nil
		g.emit(Change{Op: NodeUpdated, At: n.UpdatedAt, Node: &marked, OldNode: n, mark: true})
	}
	if !some && g.staleEdges == 0 {
		return
	}
	if g.joins.edges > 0 { // what rows make of it is as stale as it is
		g.refreshStaleEdges(node)
	}
	emitter := g.t.nodeID(slot)
	var f packedFacet
	var a packedAssertion
	for r := g.t.facetsOf(slot); r.next(&f); {
		for p := 0; p < len(f.edges); {
			p = g.t.readAssertion(f.edges, p, emitter, &a)
			x := a.edge()
			if len(g.joins.hooks) > 0 {
				l := g.locate(&x, a.both)
				x.ID = l.id
			}
			if e := g.t.findEdge(x.ID); e >= 0 {
				g.refreshStaleEdge(e)
			}
		}
	}
}

// staleFacets tells whether all facets of an entity are stale, and whether some
// are.
func (g *Graph) staleFacets(slot int32) (stale, some bool) {
	facets := g.live.of(slot)
	stale = len(facets) > 0
	for i := range facets {
		stale = stale && facets[i].stale
		some = some || facets[i].stale
	}
	return stale, some
}

// refreshStaleEdges is refreshStale for the edges of a node, whoever asserts them,
// when there may be something stale.
func (g *Graph) refreshStaleEdges(slot int32) {
	if g.stats.Stale == 0 && g.staleEdges == 0 || !g.t.hasNode(slot) {
		return
	}
	for _, e := range g.incident(slot) {
		g.refreshStaleEdge(e)
	}
}

func (g *Graph) refreshStaleEdge(e int32) {
	stale := true
	for _, ev := range g.evidenceOf(e) {
		stale = stale && g.isStale(e, ev)
	}
	if g.t.edges.at(e).stale == stale {
		return
	}
	edge := g.t.edge(e)
	marked := *edge
	marked.Stale = stale
	g.t.edges.edit(e, g.epoch).stale = stale
	if stale {
		g.staleEdges++
	} else {
		g.staleEdges--
	}
	g.view = nil
	g.emit(Change{Op: EdgeUpdated, At: edge.UpdatedAt, Edge: &marked, OldEdge: edge, mark: true})
}

// isStale tells whether evidence for an edge is stale: a stale facet's is, and a
// row's when it is of no pair of entities of which both are spoken of.
func (g *Graph) isStale(e int32, ev evidence) bool {
	source := g.t.name(ev.source)
	if isJoinSource(source) {
		r := g.joins.rows[source[len(entity.SourceJoinPrefix):]]
		for from, to := range g.reasons(r, e, ev.emitter) {
			a, _ := g.staleFacets(from)
			if b, _ := g.staleFacets(to); !a && !b {
				return false
			}
		}
		return true
	}
	i, _ := g.t.findFacet(ev.emitter, source)
	return i >= 0 && g.live.of(ev.emitter)[i].stale
}
