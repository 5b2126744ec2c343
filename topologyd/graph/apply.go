package graph

import (
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/skein-net/skein/internal/entity"
)

// begin starts a call that changes the graph; the changes are appended to out.
func (g *Graph) begin(out []Change) {
	g.out, g.first, g.busy, g.renewed, g.late, g.isLate = out, len(out), noSlot, nil, nil, nil
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

// insert enters a change at a position of the list.
func (g *Graph) insert(pos int, c Change) {
	if pos == len(g.out) {
		g.emit(c)
		return
	}
	g.out = slices.Insert(g.out, pos, c)
}

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
		runtime.Gosched()
	}
	return out
}

func (g *Graph) apply(p *Prepared, logged, now time.Time, out []Change) ([]Change, Outcome) {
	g.begin(out)
	g.logged = max(g.logged, logged.UnixNano())
	at := milliseconds(min(p.facet.time, g.logged))
	if p.Event.Type == entity.TypeJoin {
		outcome := g.applyRow(p, at, now.UnixNano())
		return g.end(), outcome
	}
	slot := g.t.findEntity(p.id)
	outcome, facet := g.decide(p, slot, g.logged)
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
	f := &p.facet
	isNew, looked := slot < 0, g.joins.looksAt(p.Event.Type)
	if isNew {
		slot = g.newEntity(p.id, p.Event.Ref)
	}
	g.busy = slot
	if h, ok := g.joins.hooks[slot]; ok {
		g.refreshLater(h.node)
	}
	list := g.t.facets(slot, g.facets[:0])
	i, known := slices.BinarySearchFunc(list, f.source, func(have packedFacet, source string) int { return strings.Compare(have.source, source) })
	before := ""
	var had []sideKey
	if looked = looked && (isNew || g.matters(p.Event.Type, list, i, known, f.attrs)); looked && !isNew {
		had = g.keysOf(slot, nil)
	}
	if known {
		before = list[i].edges
	} else {
		list = slices.Insert(list, i, packedFacet{})
		g.live.insert(slot, i)
		g.stats.Facets++
	}
	g.facets = list
	l := &g.live.of(slot)[i]
	if l.stale {
		l.stale = false
		g.stats.Stale--
	}
	l.time, l.seen, l.hash, l.interval = f.time, now, p.hash, seconds(f.interval)
	g.live.setLine(slot, i, p.Line)

	added := len(g.out)
	if !isNew {
		g.reassert(slot, f.source, before, f.edges, at)
	}
	g.edges = g.appendAssertions(g.edges[:0], f.edges, p.id, slot)
	list[i] = packedFacet{source: f.source, time: f.time, interval: f.interval, edges: unsafeString(g.edges)}
	attrs := withoutTID(f.attrs).Normalize()
	if len(list) > 1 || g.t.nodes.at(slot).size&nodeHosts != 0 {
		list[i].attrs = string(g.t.dict.AppendOf(nil, attrs, owner(slot)))
		attrs = nil
	}
	var moves []transfer
	if isNew && looked { // it may be no node
		g.setContent(slot, list, attrs, at, added)
		moves = g.rekey(slot, nil, at)
		g.leave(moves, at)
		added = len(g.out)
	}
	if isNew && !slices.ContainsFunc(moves, func(m transfer) bool { return m.slot == slot }) {
		g.t.nodes.edit(slot, g.epoch).size |= nodeUsed
		g.t.nodeCount++
		g.reassert(slot, f.source, "", f.edges, at)
		g.resolve(p.id, at)
		if looked {
			g.renewPairs(slot, at)
		}
	}
	if !isNew || g.t.hasNode(slot) {
		g.setContent(slot, list, attrs, at, added)
	}
	switch {
	case isNew && looked:
		g.enter(moves, noSlot, at)
	case looked:
		g.rejoin(slot, had, at)
	}
	g.refreshNow(at)
	g.refreshStale(slot)
}

// unsafeString returns bytes as a string, which is valid until they change.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// removeFacet takes a facet away, and the entity when nothing but guests is left.
func (g *Graph) removeFacet(slot int32, i int, at int64) {
	g.busy = slot
	typ, _ := g.t.identity(slot)
	var had []sideKey
	looked := g.joins.looksAt(typ)
	list := g.t.facets(slot, g.facets[:0])
	g.facets = list
	last := onlyGuests(slices.Delete(slices.Clone(list), i, i+1), typ)
	if looked = looked && (last || g.matters(typ, list, i, true, nil)); looked {
		had = g.keysOf(slot, nil)
	}
	if last {
		g.remove(slot, had, at)
		return
	}
	if h, ok := g.joins.hooks[slot]; ok {
		g.refreshLater(h.node)
	}
	list = g.dropFacet(slot, list, i, at)
	g.setContent(slot, list, nil, at, len(g.out))
	if looked {
		g.rejoin(slot, had, at)
	}
	g.refreshNow(at)
	g.refreshStale(slot)
}

// remove takes an entity away with all its facets, and its node if it has one.
// Those that joined it are nodes again, or join another.
func (g *Graph) remove(slot int32, had []sideKey, at int64) {
	g.joins.gone = slot
	moves := g.rekey(slot, had, at)
	g.leave(moves, at)
	list := g.t.facets(slot, g.facets[:0])
	g.facets = list
	for n := len(list); n > 0; n-- {
		list = g.dropFacet(slot, list, n-1, at)
	}
	if g.t.hasNode(slot) {
		g.unshow(slot, at)
	}
	g.free(slot)
	g.joins.gone = noSlot
	g.enter(moves, slot, at)
	g.refreshNow(at)
}

// dropFacet takes a facet away, with what it asserts.
func (g *Graph) dropFacet(slot int32, list []packedFacet, i int, at int64) []packedFacet {
	f := list[i]
	g.live.setLine(slot, i, 0)
	if g.live.of(slot)[i].stale {
		g.stats.Stale--
	}
	g.stats.Facets--
	g.live.remove(slot, i)
	g.reassert(slot, f.source, f.edges, nil, at)
	return slices.Delete(list, i, i+1)
}

// newEntity takes a slot for an entity that is no node yet and has no content but
// its identity.
func (g *Graph) newEntity(id entity.UUID, ref entity.Ref) int32 {
	slot := take(&g.freeNodes, &g.t.nodes, g.epoch)
	g.t.data.resize(g.t.nodes.n, g.epoch)
	g.t.heads.resize(g.t.nodes.n, g.epoch)
	g.live.one.resize(g.t.nodes.n, unshared)
	*g.t.nodes.edit(slot, g.epoch) = nodeRec{id: id}
	g.body = append(g.appendIdentity(g.body[:0], ref, slot), 0)
	*g.t.data.edit(slot, g.epoch) = nodeData{content: string(g.body)}
	g.t.nodeIDs.insert(idHash(id), slot, g.epoch)
	return slot
}

func milliseconds(ns int64) int64 { return ns / int64(time.Millisecond) }
