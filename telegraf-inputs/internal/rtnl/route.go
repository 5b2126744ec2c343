package rtnl

import (
	"net/netip"

	"github.com/skein-net/skein/internal/entity"
)

// Route is one RTM_NEWROUTE or RTM_DELROUTE message (struct rtmsg and the
// RTA_* attributes of linux/rtnetlink.h).
type Route struct {
	Family Family
	Table  uint32
	// Dst is always valid for IPv4 and IPv6; the default route is 0.0.0.0/0 or
	// ::/0. MPLS routes have Label instead.
	Dst netip.Prefix `json:",omitzero"`
	// Label is the incoming label of a route of family AF_MPLS.
	Label Opt[uint32] `json:",omitzero"`
	// Src is the source that the route is limited to.
	Src     netip.Prefix `json:",omitzero"`
	PrefSrc netip.Addr   `json:",omitzero"`
	// Gateway may be of the other family (RFC 5549).
	Gateway netip.Addr `json:",omitzero"`
	// OutIf and InIf are interface indexes; 0: none.
	OutIf, InIf int32 `json:",omitzero"`
	Priority    uint32
	Protocol    RouteProto
	Scope       Scope
	Type        RouteType
	TOS         uint8 `json:",omitempty"`
	// Flags are RTM_F_* and RTNH_F_*; [Route.FlagNames] names them.
	Flags uint32
	// Metrics are sorted by name, as `ip` names them (mtu, advmss, hoplimit …).
	Metrics []Metric `json:",omitempty"`
	// Pref is the router preference of IPv6: low, medium or high (RFC 4191).
	Pref string `json:",omitempty"`
	// NexthopID names a nexthop object; 0: none.
	NexthopID uint32 `json:",omitempty"`
	// Multipath has the members of a multipath route; empty for a single hop.
	Multipath []NextHop `json:",omitempty"`
	Encap     *Encap    `json:",omitempty"`
	// NewLabels are the outgoing labels of a route of family AF_MPLS.
	NewLabels []uint32    `json:",omitempty"`
	Expires   Opt[int32]  `json:",omitzero"` // seconds
	Mark      Opt[uint32] `json:",omitzero"`
	UID       Opt[uint32] `json:",omitzero"`
	Realm     uint32      `json:",omitempty"`
	TTLProp   Opt[bool]   `json:",omitzero"`
}

// NextHop is one member of a multipath route (struct rtnexthop).
type NextHop struct {
	OutIf   int32
	Gateway netip.Addr `json:",omitzero"`
	// Weight counts from 1.
	Weight    int
	Flags     uint32   `json:",omitempty"` // RTNH_F_*
	Encap     *Encap   `json:",omitempty"`
	NewLabels []uint32 `json:",omitempty"`
	Realm     uint32   `json:",omitempty"`
}

// Metric is one route metric. Value is a number, or a string (congctl).
type Metric struct {
	Name  string
	Value entity.Value
	Lock  bool `json:",omitempty"`
}

// Encap summarizes a lightweight tunnel (linux/lwtunnel.h).
type Encap struct {
	// Type is mpls, ip, ip6, ila, seg6, seg6local, bpf, rpl, ioam6, xfrm or the number.
	Type string
	// Attrs: Labels for mpls; Mode and Segs for seg6; ID, Dst, Src, TTL, TOS for
	// ip and ip6; Action and its arguments for seg6local.
	Attrs entity.Attrs `json:",omitempty"`
}

// IsTopology reports whether the route says where traffic goes, as opposed to
// the entries that the kernel keeps for its own addresses: those of table
// local and those of type local, broadcast, multicast and anycast, and clones
// of the cache.
func (r *Route) IsTopology() bool {
	switch r.Type {
	case RouteLocal, RouteBroadcast, RouteMulticast, RouteAnycast:
		return false
	}
	return r.Table != TableLocal && r.Flags&RouteCloned == 0
}
