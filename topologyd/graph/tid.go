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
func (g *Graph) deriveTID(slot int32, st *state) entity.UUID {
	name, typ := "", ""
	for i := len(st.facets) - 1; i >= 0; i-- {
		a := st.facets[i].attrs
		if v := a.Get(entity.KeyType); !v.IsZero() {
			typ = v.Str()
		}
		key := entity.KeyName
		if st.ref.Type == entity.TypeNetNS {
			key = entity.KeyPath
		}
		if v := a.Get(key); !v.IsZero() {
			name = v.Str()
		}
	}
	if st.ref.Type == entity.TypeHost {
		return entity.HostTID(name)
	}
	var owner *Node
	for e := g.t.heads.at(slot).firstIn; e != 0; {
		rec := g.t.links.at(e - 1)
		if g.t.isOwnership(e-1) && rec.parent != slot {
			p := *g.t.nodes.at(rec.parent)
			if p != nil && !p.tid.IsZero() && (owner == nil || bytes.Compare(p.ID[:], owner.ID[:]) < 0) {
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
	n := *g.t.nodes.at(slot)
	if n == nil || n.Revision == 0 || slot == g.busy {
		return
	}
	st := *g.t.states.at(slot)
	if len(st.facets) > 0 && g.deriveTID(slot, st) != n.tid {
		if g.renewed == nil {
			g.renewed = make(map[int32]int)
		}
		if g.renewed[slot]++; g.renewed[slot] > maxTIDRenewals {
			return
		}
		g.refreshNode(slot, at, len(g.out))
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
