package mapping

import (
	"cmp"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// States of neighbours (NUD_*, linux/neighbour.h).
const (
	nudIncomplete = 0x01
	nudFailed     = 0x20
	nudNoARP      = 0x40
)

// IsShown reports whether a neighbour belongs in the graph: all but the
// entries of no state and those that the kernel keeps for multicast and
// point-to-point links (NUD_NONE, NUD_NOARP), as `ip neigh` does. FDB entries
// are all shown.
func IsShown(n *rtnl.Neigh) bool {
	return n.Family == rtnl.FamilyBridge || n.State != 0 && n.State&nudNoARP == 0
}

// IsResolved reports whether the neighbour's MAC is known.
func IsResolved(n *rtnl.Neigh) bool {
	return len(n.MAC) > 0 && n.State&(nudIncomplete|nudFailed) == 0
}

// Neighbors returns the value of the attribute Neighbors, or FDB when the
// records are of family AF_BRIDGE, sorted, and whether it was cut off at limit
// entries. No entries give the zero Value.
func Neighbors(ns []*rtnl.Neigh, limit int) (v entity.Value, truncated bool) {
	if len(ns) == 0 {
		return entity.Value{}, false
	}
	slices.SortFunc(ns, compareNeigh)
	if truncated = len(ns) > limit; truncated {
		ns = ns[:limit]
	}
	out := make([]entity.Value, len(ns))
	for i, n := range ns {
		out[i] = neighValue(n)
	}
	return entity.List(out...), truncated
}

func compareNeigh(a, b *rtnl.Neigh) int {
	return cmp.Or(
		cmp.Compare(a.Family, b.Family),
		a.IP.Compare(b.IP),
		cmp.Compare(a.MAC, b.MAC),
		cmp.Compare(a.Vlan, b.Vlan),
		cmp.Compare(a.VNI.Or(0), b.VNI.Or(0)),
		cmp.Compare(a.SrcVNI.Or(0), b.SrcVNI.Or(0)),
		cmp.Compare(a.Flags, b.Flags),
		cmp.Compare(a.Port, b.Port),
		cmp.Compare(a.Via, b.Via),
		cmp.Compare(a.NexthopID, b.NexthopID),
		cmp.Compare(a.State, b.State),
	)
}

func neighValue(n *rtnl.Neigh) entity.Value {
	a := make(entity.Attrs, 0, 10)
	a = addStrings(a, "Flags", prefixed("NTF_", n.FlagNames()))
	a = append(a, entity.A("IfIndex", entity.Int(int64(n.Index))))
	a = addText(a, "MAC", n.MAC.String())
	a = addStrings(a, "State", prefixed("NUD_", n.StateNames()))
	if n.IP.IsValid() {
		a = append(a, entity.A("IP", entity.String(n.IP.String())))
	}
	a = addUint(a, "Vlan", uint64(n.Vlan))
	a = addOpt(a, "VNI", n.VNI)
	a = addOpt(a, "SrcVNI", n.SrcVNI)
	a = addUint(a, "Port", uint64(n.Port))
	a = addUint(a, "MasterIndex", uint64(max(n.Master, 0)))
	a = addUint(a, "Via", uint64(max(n.Via, 0)))
	a = addUint(a, "NHID", uint64(n.NexthopID))
	return entity.Map(a.Normalize())
}

// NTF_SELF, linux/neighbour.h.
const ntfSelf = 0x02

// IsForwarding reports whether an FDB entry is shown on a link: the entries of
// bridges and those of links that forward by themselves, as VXLAN. What other
// links list are the addresses that their hardware listens to, of which the
// kernel tells no changes.
func IsForwarding(l *rtnl.Link, n *rtnl.Neigh) bool {
	return n.Master > 0 || l.Kind == "vxlan" || n.Flags&ntfSelf == 0
}
