package graph

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// EdgeExplanation says why there is an edge.
type EdgeExplanation struct {
	Edge          *Edge
	Parent, Child *Node
	// Evidence is in the order in which its attributes stand.
	Evidence []EdgeEvidence
}

// EdgeEvidence is a facet, or a row of the table of joins, that asserts an edge.
type EdgeEvidence struct {
	// Source is that of the facet, of the entity that it speaks of; or of the row,
	// of the entity that stands on its side To.
	Source     string
	Entity     entity.Ref
	Attributes entity.Attrs
	// Reported is the time of the event that says so, on its source's clock;
	// Confirmed is when the source was heard of last, on the daemon's. Those of a
	// row are those of the side that was heard of longer ago.
	Reported, Confirmed time.Time
	// Interval is the longest time until the source speaks again, 0: it does not.
	Interval time.Duration
	Stale    bool
	// Join is set when a row asserts it.
	Join *JoinEvidence
}

// JoinEvidence is what a row of the table of joins found.
type JoinEvidence struct {
	Row *join.Row
	// Keys are the texts that both entities have in common.
	Keys                 []string
	From, To             entity.Ref
	FromFacets, ToFacets []FacetInfo
}

// FacetInfo is what one source says of one entity, and since when.
type FacetInfo struct {
	Source              string
	Entity              entity.Ref
	Reported, Confirmed time.Time // as in [EdgeEvidence]
	Interval            time.Duration
	Stale               bool
	// Keys are the attributes that it gives, by name.
	Keys []string
}

// NodeExplanation says what a node is made of.
type NodeExplanation struct {
	Node *Node
	// Entity is the one that the node has its ID from.
	Entity entity.Ref
	// Facets are those of that entity and then those of the ones that joined it.
	Facets []FacetInfo
	Joined []JoinedEntity
}

// JoinedEntity is an entity that joined a node, and by which row.
type JoinedEntity struct {
	Entity entity.Ref
	ID     entity.UUID
	Row    string
}

// JoinStatus is a row of the table of joins and what it does at present.
type JoinStatus struct {
	Row *join.Row
	// Pairs is how many entities joined a node by the row, or how much evidence for
	// edges it is.
	Pairs int
	// Ambiguous is how many keys of a row of kind same both sides have, but not one
	// entity each; TooMany how many keys of a row of kind edge have so many pairs
	// that it makes none of them.
	Ambiguous, TooMany int
}

// Joins returns the rows of the table, those of kind same in the order in which
// they count, then the others by name.
func (g *Graph) Joins() []JoinStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]JoinStatus, 0, len(g.joins.rows))
	for _, r := range g.joins.rows {
		out = append(out, JoinStatus{r.row, r.pairs, r.ambiguous, r.tooMany})
	}
	slices.SortFunc(out, func(a, b JoinStatus) int {
		return cmp.Or(-strings.Compare(a.Row.Kind, b.Row.Kind), cmp.Compare(a.Row.Priority, b.Row.Priority), strings.Compare(a.Row.Name, b.Row.Name))
	})
	return out
}

// ExplainEdge says why there is an edge; false when there is none with the ID.
func (g *Graph) ExplainEdge(id entity.UUID) (EdgeExplanation, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.t.findEdge(id)
	if e < 0 {
		return EdgeExplanation{}, false
	}
	link := *g.t.links.at(e)
	out := EdgeExplanation{Edge: g.t.edge(e), Parent: g.t.node(link.parent), Child: g.t.node(link.child)}
	for _, ev := range slices.Clone(g.evidenceOf(e)) {
		source := g.t.name(ev.source)
		x := EdgeEvidence{Source: source, Entity: g.t.ref(ev.emitter), Attributes: g.t.dict.Attrs(ev.attrs)}
		if isJoinSource(source) {
			g.explainJoin(&x, e, ev.emitter)
		} else if i, _ := g.t.findFacet(ev.emitter, source); i >= 0 {
			f := g.facetInfos(ev.emitter)[i]
			x.Reported, x.Confirmed, x.Interval, x.Stale = f.Reported, f.Confirmed, f.Interval, f.Stale
		}
		out.Evidence = append(out.Evidence, x)
	}
	return out, true
}

// explainJoin fills in what a row found. to is the entity that the evidence is of:
// that of the side To, or of a symmetric row the one with the larger ID.
func (g *Graph) explainJoin(x *EdgeEvidence, e, to int32) {
	r := g.joins.rows[strings.TrimPrefix(x.Source, entity.SourceJoinPrefix)]
	if r == nil {
		return
	}
	x.Stale = g.isStale(e, evidence{source: g.names.numbers[x.Source], emitter: to})
	for a, b := range g.reasons(r, e, to) {
		hash := g.common(r, a, b)
		j := &JoinEvidence{Row: r.row, From: g.t.ref(a), To: g.t.ref(b), FromFacets: g.facetInfos(a), ToFacets: g.facetInfos(b)}
		for _, tuple := range r.to.side.Keys(g.lookAt(b), nil) {
			if g.hashTuple(tuple) == hash {
				j.Keys = tuple
			}
		}
		x.Join = j
		last := newest(j.FromFacets)
		if t := newest(j.ToFacets); t.Confirmed.Before(last.Confirmed) {
			last = t
		}
		x.Reported, x.Confirmed, x.Interval = last.Reported, last.Confirmed, last.Interval
		return
	}
}

// newest returns the facet that was heard of last.
func newest(list []FacetInfo) (out FacetInfo) {
	for _, f := range list {
		if f.Confirmed.After(out.Confirmed) {
			out = f
		}
	}
	return out
}

// facetInfos returns what is known of the facets of an entity, in their order.
func (g *Graph) facetInfos(slot int32) (out []FacetInfo) {
	ref, live := g.t.ref(slot), g.live.of(slot)
	for i, f := range g.t.facets(slot, nil) {
		info := FacetInfo{
			Source: f.source, Entity: ref, Reported: time.Unix(0, f.time), Confirmed: time.Unix(0, live[i].seen),
			Interval: time.Duration(f.interval), Stale: live[i].stale,
		}
		g.t.dict.Each(f.attrs, func(key string, _ entity.Value) bool {
			info.Keys = append(info.Keys, key)
			return true
		})
		out = append(out, info)
	}
	return out
}

// ExplainNode says what the node is made of that shows an entity; false when there
// is none with the ID.
func (g *Graph) ExplainNode(id entity.UUID) (NodeExplanation, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	slot := g.t.findNode(id)
	if slot < 0 {
		return NodeExplanation{}, false
	}
	out := NodeExplanation{Node: g.t.node(slot), Entity: g.t.ref(slot), Facets: g.facetInfos(slot)}
	for _, m := range g.t.members(slot, nil) {
		out.Facets = append(out.Facets, g.facetInfos(m.slot)...)
		out.Joined = append(out.Joined, JoinedEntity{g.t.ref(m.slot), g.t.nodeID(m.slot), m.row})
	}
	return out, true
}
