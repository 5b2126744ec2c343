package mapping

import (
	"net/netip"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/ethtool"
)

// NetNS names the namespace that an interface is in.
type NetNS struct {
	// HostID is the host's identity, Inode and Device those of the nsfs file.
	HostID        string
	Inode, Device uint64
	// Root is set for the namespace whose interfaces are the host's own.
	Root bool
}

// Ref returns the entity that the interfaces of the namespace are part of.
func (n NetNS) Ref() entity.Ref {
	if n.Root {
		return entity.HostRef(n.HostID)
	}
	return entity.NetNSRef(n.HostID, itoa(int64(n.Inode)), itoa(int64(n.Device)))
}

// Interface returns the entity of a link of the namespace.
func (n NetNS) Interface(ifindex int32) entity.Ref {
	return entity.InterfaceRef(n.HostID, itoa(int64(n.Inode)), itoa(int64(ifindex)))
}

// Interface is all that is known of one link: the input of [Interface.Event].
type Interface struct {
	NetNS NetNS
	Link  *rtnl.Link
	// BridgePort is the latest message of family AF_BRIDGE, nil for none.
	BridgePort *rtnl.BridgePort
	// Ethtool is nil while nothing is known.
	Ethtool *ethtool.Facts
	Addrs   []rtnl.Addr
	// Neighbors, FDB and Routes are prepared by [Neighbors] and [Routes]; the
	// zero Value stands for none.
	Neighbors, FDB, Routes entity.Value
	// Truncated names the tables that have more entries than are shown.
	Truncated []string
	// LinkNetNS is the namespace that the link's LinkNSID means, nil while it is
	// not known; LinkNetNSName is its name.
	LinkNetNS     *NetNS
	LinkNetNSName string
	// PF is the physical function of a virtual one, VfID its number there.
	PF   *entity.Ref
	VfID int
}

// Event returns the entity event without its time and interval.
func (in *Interface) Event() entity.Event {
	a := LinkAttrs(in.Link)
	a = append(a, BridgePortAttrs(in.Link, in.BridgePort)...)
	a = addAddrs(a, in.Addrs)
	if in.Ethtool != nil {
		a = append(a, in.Ethtool.Attrs()...)
	}
	a = append(a,
		entity.A("Neighbors", in.Neighbors),
		entity.A("FDB", in.FDB),
		entity.A("RoutingTables", in.Routes))
	a = addText(a, "LinkNetNsName", in.LinkNetNSName)
	a = addStrings(a, "Truncated", in.Truncated)
	if in.PF != nil {
		a = append(a, entity.A("VfID", entity.Int(int64(in.VfID))))
	}
	return entity.Event{
		Ref:           in.NetNS.Interface(in.Link.Index),
		Source:        Source,
		Attributes:    a.Normalize(),
		Relationships: in.relationships(),
	}
}

func (in *Interface) relationships() []entity.Relationship {
	l := in.Link
	out := make([]entity.Relationship, 0, 3)
	out = append(out, entity.Relationship{Type: entity.RelPartOf, Target: in.NetNS.Ref()})
	if HasMaster(l) {
		out = append(out, entity.Relationship{Type: entity.RelMemberOf, Target: in.NetNS.Interface(l.Master)})
	}
	if p := Parent(l); p > 0 {
		where := &in.NetNS
		if _, elsewhere := l.LinkNSID.Get(); elsewhere {
			where = in.LinkNetNS
		}
		// A link cannot be below itself: that is how old kernels say "none".
		if where != nil && (*where != in.NetNS || p != l.Index) {
			typ := entity.RelMemberOf
			if IsPeered(l.Kind) {
				typ = entity.RelPeerOf
			}
			out = append(out, entity.Relationship{Type: typ, Target: where.Interface(p),
				Attributes: entity.Attrs{entity.A(entity.KeyType, entity.String(Type(l)))}})
		}
	}
	if in.PF != nil {
		out = append(out, entity.Relationship{Type: entity.RelFunctionOf, Target: *in.PF})
	}
	return out
}

// addAddrs adds IPV4 and IPV6, each sorted.
func addAddrs(a entity.Attrs, addrs []rtnl.Addr) entity.Attrs {
	if len(addrs) == 0 {
		return a
	}
	sorted := make([]netip.Prefix, 0, len(addrs))
	for i := range addrs {
		sorted = append(sorted, addrs[i].Prefix)
	}
	slices.SortFunc(sorted, netip.Prefix.Compare)
	sorted = slices.Compact(sorted)
	var v4, v6 []string
	for _, p := range sorted {
		if p.Addr().Is4() {
			v4 = append(v4, p.String())
		} else {
			v6 = append(v6, p.String())
		}
	}
	a = addStrings(a, "IPV4", v4)
	return addStrings(a, "IPV6", v6)
}
