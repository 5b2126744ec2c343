package graph

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// Bounds on the renewal of TIDs in one call: how far below a node, and how often
// the same one. Chains of ownership are a few nodes long, and an owner changes
// once; what goes on is a loop that sources report.
const (
	maxTIDDepth    = 32
	maxTIDRenewals = 4
)

// deriveTID computes a node's name-based identifier from its own name and that
// of the node that owns it. Of several owners the one with the smallest ID
// counts. A node that nobody with a TID owns has none, apart from hosts.
func (g *Graph) deriveTID(slot int32, entityType string, list []packedFacet) entity.UUID {
	nameKey := entity.KeyName
	if entityType == entity.TypeNetNS {
		nameKey = entity.KeyPath
	}
	name := valueOf(g.t.dict, list, entityType, nameKey).Str()
	if entityType == entity.TypeHost {
		return entity.HostTID(name)
	}
	var owner *nodeRec
	ownerRank := 0
	hosts := g.t.nodes.at(slot).size&nodeHosts != 0
	for e := g.t.heads.at(slot).firstIn; e != 0; {
		rec := g.t.links.at(e - 1)
		if g.t.isOwnership(e-1) && rec.parent != slot {
			p := g.t.nodes.at(rec.parent)
			rank := 0
			if hosts && !p.tid.IsZero() && !g.owns(e-1, slot) {
				rank = 1
			}
			if !p.tid.IsZero() && (owner == nil || rank < ownerRank || rank == ownerRank && smaller(p.id, owner.id)) {
				owner, ownerRank = p, rank
			}
		}
		e = rec.nextIn
	}
	if owner == nil {
		return entity.UUID{}
	}
	return entity.TID(owner.tid, name, valueOf(g.t.dict, list, entityType, entity.KeyType).Str())
}

// owns tells whether somebody says of a node's own entity that it has this
// owner, rather than of one of its members.
func (g *Graph) owns(e, slot int32) bool {
	id, edge := g.t.nodeID(slot), g.t.edges.at(e).id
	for _, ev := range slices.Clone(g.evidenceOf(e)) {
		switch {
		case ev.emitter == slot:
			return true
		case g.t.nodeOf(ev.emitter) == slot || isJoinSource(g.t.name(ev.source)): // a member; a row, of a member
			continue
		}
		said := false
		g.eachOf(ev.emitter, g.t.name(ev.source), func(a *packedAssertion) {
			x := a.edge()
			l := g.locate(&x, a.both)
			said = said || l.ok() && l.id == edge && x.Child == id
		})
		if said {
			return true
		}
	}
	return false
}

// reviewOwner renews the TID of a node with members when the evidence for an
// edge that leads to it changed.
func (g *Graph) reviewOwner(e int32, at int64) {
	if child := g.t.links.at(e).child; g.t.nodes.at(child).size&nodeHosts != 0 && g.t.isOwnership(e) {
		g.renewTID(child, at)
	}
}

// renewTID recomputes the TID of a node whose owners changed. The node that
// the call under way speaks of, and those that are refreshed later, are left to
// the call's end.
func (g *Graph) renewTID(slot int32, at int64) {
	rec := g.t.nodes.at(slot)
	if !g.t.hasNode(slot) || rec.revision == 0 || slot == g.busy || g.leftForLater(slot) {
		return
	}
	typ, _ := g.t.identity(slot)
	g.owned = g.t.facets(slot, g.owned[:0])
	if tid := g.deriveTID(slot, typ, g.owned); len(g.owned) > 0 && tid != rec.tid {
		if g.renewed == nil {
			g.renewed = make(map[int32]int)
		}
		if g.renewed[slot]++; g.renewed[slot] > maxTIDRenewals {
			return
		}
		g.reviseTID(slot, tid, at)
	}
}

// propagateTID renews the TIDs below a node whose own has changed.
func (g *Graph) propagateTID(slot int32, at int64) {
	if g.depth >= maxTIDDepth {
		return
	}
	g.depth++
	for _, e := range g.incident(slot) {
		if rec := g.t.links.at(e); rec.parent == slot && g.t.isOwnership(e) {
			g.renewTID(rec.child, at)
		}
	}
	g.depth--
}
