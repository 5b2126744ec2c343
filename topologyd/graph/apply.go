package graph

import (
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// begin starts a call that changes the graph; the changes are appended to out.
func (g *Graph) begin(out []Change) {
	g.out, g.first, g.busy, g.renewed = out, len(out), noSlot, nil
}

// end numbers the changes of the call and returns them.
func (g *Graph) end() []Change {
	out := g.out
	g.out = nil
	for i := g.first; i < len(out); i++ {
		if !out[i].mark {
			g.t.revision++
		}
		out[i].Revision = g.t.revision
	}
	return out
}

func (g *Graph) emit(c Change) { g.out = append(g.out, c) }

// noSlot is no node.
const noSlot = -1

// Apply changes the graph as an event that was just logged says and appends
// what changed to out.
func (g *Graph) Apply(p *Prepared, now time.Time, out []Change) ([]Change, Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.apply(p, now, now, out)
}

// ApplyLogged changes the graph as events say that were logged at a time, the
// log's, and reached this replica at the time now. Log times must not go back.
// What it does depends on what was applied before and on nothing else. An event
// that is outdated or says what is known changes nothing, so applying a log
// twice, or a log from before a snapshot, does no harm. outcomes runs in
// parallel to the events; what changed is appended to out.
func (g *Graph) ApplyLogged(ps []*Prepared, outcomes []Outcome, logged, now time.Time, out []Change) []Change {
	for i := 0; i < len(ps); i += lockFor {
		g.mu.Lock()
		for j := i; j < min(i+lockFor, len(ps)); j++ {
			out, outcomes[j] = g.apply(ps[j], logged, now, out)
		}
		g.mu.Unlock()
	}
	return out
}

func (g *Graph) apply(p *Prepared, logged, now time.Time, out []Change) ([]Change, Outcome) {
	g.begin(out)
	g.logged = max(g.logged, logged.UnixNano())
	slot := g.t.findNode(p.id)
	outcome, facet := g.decide(p, slot, g.logged)
	at := milliseconds(min(p.facet.time, g.logged))
	switch {
	case outcome != Changed:
		g.settle(p, outcome, slot, facet, now.UnixNano(), &g.tombs, g.logged)
	case p.Event.Kind == entity.Delete:
		g.stats.Changed++
		if p.Event.Reason == entity.ReasonExpired {
			// Its time is that of the last report; nobody knows better when it ended
			// than that it was still shown until now.
			g.stats.Expired++
			at = milliseconds(g.logged)
		}
		g.view = nil
		g.bury(&g.tombs, p, g.live.of(slot)[facet].keep(), g.logged)
		g.removeFacet(slot, facet, at)
	default:
		g.stats.Changed++
		g.view = nil
		g.tombs.forget(facetKey{p.id, p.facet.source})
		g.heard.forget(facetKey{p.id, p.facet.source})
		g.setFacet(slot, p, at, now.UnixNano())
	}
	return g.end(), outcome
}

// bury remembers a deletion. interval is that of the deleted facet, if known.
func (g *Graph) bury(t *tombs, p *Prepared, interval, now int64) {
	keep := max(int64(g.cfg.MinTombstone), 3*interval, 3*p.facet.interval)
	if !t.bury(facetKey{p.id, p.facet.source}, p.facet.time, now, keep) {
		g.stats.TombstonesRefused++
	}
}

// setFacet puts the facet of an event in place, in a new node if need be.
func (g *Graph) setFacet(slot int32, p *Prepared, at, now int64) {
	f := p.facet
	for i := range f.attrs {
		f.attrs[i].Key = g.intern(f.attrs[i].Key)
	}
	f.source = g.intern(f.source)
	isNew := slot < 0
	if isNew {
		slot = g.newNode(p.id, p.Event.Ref)
	}
	g.busy = slot
	old := *g.t.states.at(slot)
	next := old.with(f)
	*g.t.states.edit(slot, g.epoch) = next
	i, _ := next.find(f.source)
	var before []assertion
	if j, ok := old.find(f.source); ok {
		before = old.facets[j].edges
	} else {
		g.live.insert(slot, i)
		g.stats.Facets++
	}
	l := &g.live.of(slot)[i]
	if l.stale {
		l.stale = false
		g.stats.Stale--
	}
	l.time, l.seen, l.hash, l.interval = f.time, now, p.hash, seconds(f.interval)
	g.live.setLine(slot, i, p.Line)

	added := len(g.out)
	g.reassert(slot, f.source, before, f.edges, at)
	if isNew {
		g.resolve(p.id, at)
	}
	g.refreshNode(slot, at, added)
	g.refreshStale(slot)
}

// removeFacet takes a facet away, and the node when nothing but guests is left.
func (g *Graph) removeFacet(slot int32, i int, at int64) {
	g.busy = slot
	g.dropFacet(slot, i, at)
	if rest := *g.t.states.at(slot); rest.onlyGuests() {
		for n := len(rest.facets); n > 0; n-- {
			g.dropFacet(slot, n-1, at)
		}
		g.deleteNode(slot, at)
		return
	}
	g.refreshNode(slot, at, len(g.out))
	g.refreshStale(slot)
}

// dropFacet takes a facet away, with what it asserts.
func (g *Graph) dropFacet(slot int32, i int, at int64) {
	old := *g.t.states.at(slot)
	f := &old.facets[i]
	g.live.setLine(slot, i, 0)
	if g.live.of(slot)[i].stale {
		g.stats.Stale--
	}
	g.stats.Facets--
	*g.t.states.edit(slot, g.epoch) = old.without(i)
	g.live.remove(slot, i)
	g.reassert(slot, f.source, f.edges, nil, at)
}

// newNode takes a slot for a node that has no content yet.
func (g *Graph) newNode(id entity.UUID, ref entity.Ref) int32 {
	slot := take(&g.freeNodes, &g.t.nodes, g.epoch)
	g.t.states.resize(g.t.nodes.n, g.epoch)
	g.t.heads.resize(g.t.nodes.n, g.epoch)
	g.live.one.resize(g.t.nodes.n, unshared)
	*g.t.nodes.edit(slot, g.epoch) = &Node{ID: id, Slot: slot}
	*g.t.states.edit(slot, g.epoch) = &state{ref: ref}
	g.t.nodeIDs.insert(idHash(id), slot, g.epoch)
	g.t.nodeCount++
	return slot
}

// deleteNode takes a node without facets away, with its edges.
func (g *Graph) deleteNode(slot int32, at int64) {
	g.isolate(slot, at)
	node := *g.t.nodes.at(slot)
	g.reindex(slot, node.Attrs, nil)
	g.t.nodeIDs.remove(idHash(node.ID), slot, g.epoch)
	*g.t.nodes.edit(slot, g.epoch) = nil
	*g.t.states.edit(slot, g.epoch) = nil
	g.freeNodes = append(g.freeNodes, slot)
	g.t.nodeCount--
	last := *node
	last.UpdatedAt = max(at, last.UpdatedAt)
	g.emit(Change{Op: NodeDeleted, At: last.UpdatedAt, Node: &last, OldNode: node})
}

// refreshNode makes a node's next revision when what its facets say, or its
// TID, differs from what it shows. The change is entered at the position pos of
// the list of changes, so that a node is seen before its first edges.
func (g *Graph) refreshNode(slot int32, at int64, pos int) {
	st := *g.t.states.at(slot)
	old := *g.t.nodes.at(slot)
	tid := g.deriveTID(slot, st)
	attrs := st.merged(tid)
	if old.Revision > 0 && tid == old.tid && old.Attrs.Equal(attrs) && old.Origin == st.origin() {
		return
	}
	before := old.tid
	n, was := old, (*Node)(nil)
	if old.Revision > 0 {
		c := *old
		n, was = &c, old
	}
	n.Attrs = g.reindex(slot, old.Attrs, attrs)
	n.tid, n.Origin, n.Host = tid, g.intern(st.origin()), g.intern(st.ref.ID.Get(entity.IDHost))
	n.UpdatedAt = max(at, n.UpdatedAt)
	n.Revision++
	op := NodeUpdated
	if n.Revision == 1 {
		n.CreatedAt, op = at, NodeAdded
	}
	if len(st.facets) == 1 { // keep the content once
		if slot != g.busy {
			st = st.with(st.facets[0]) // a view may show the state
			*g.t.states.edit(slot, g.epoch) = st
		}
		st.facets[0].attrs = n.Attrs
	}
	*g.t.nodes.edit(slot, g.epoch) = n
	g.out = slices.Insert(g.out, pos, Change{Op: op, At: n.UpdatedAt, Node: n, OldNode: was})
	if n.tid != before {
		g.propagateTID(slot, at)
	}
}

// intern returns the one copy of a string that recurs.
func (g *Graph) intern(s string) string {
	if have, ok := g.keys[s]; ok {
		return have
	}
	if len(g.keys) >= maxInterned {
		return s
	}
	g.keys[s] = s
	return s
}

// maxInterned bounds the strings that are kept once: keys, sources and hosts.
const maxInterned = 1 << 16

func milliseconds(ns int64) int64 { return ns / int64(time.Millisecond) }
