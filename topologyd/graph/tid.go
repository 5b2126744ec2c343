package graph

import (
	"bytes"

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
	name, typ := "", ""
	nameKey := entity.KeyName
	if entityType == entity.TypeNetNS {
		nameKey = entity.KeyPath
	}
	for i := len(list) - 1; i >= 0; i-- {
		if v := g.t.dict.Get(list[i].attrs, entity.KeyType); !v.IsZero() {
			typ = v.Str()
		}
		if v := g.t.dict.Get(list[i].attrs, nameKey); !v.IsZero() {
			name = v.Str()
		}
	}
	if entityType == entity.TypeHost {
		return entity.HostTID(name)
	}
	var owner *nodeRec
	for e := g.t.heads.at(slot).firstIn; e != 0; {
		rec := g.t.links.at(e - 1)
		if g.t.isOwnership(e-1) && rec.parent != slot {
			p := g.t.nodes.at(rec.parent)
			if !p.tid.IsZero() && (owner == nil || bytes.Compare(p.id[:], owner.id[:]) < 0) {
				owner = p
			}
		}
		e = rec.nextIn
	}
	if owner == nil {
		return entity.UUID{}
	}
	return entity.TID(owner.tid, name, typ)
}

// renewTID recomputes the TID of a node whose owners changed. The node that
// the call under way speaks of is left to the call's end.
func (g *Graph) renewTID(slot int32, at int64) {
	rec := g.t.nodes.at(slot)
	if !g.t.hasNode(slot) || rec.revision == 0 || slot == g.busy {
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
