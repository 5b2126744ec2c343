package mapping

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// Constants of linux/rtnetlink.h.
const (
	protoKernel = 2 // RTPROT_KERNEL
	rtnhDead    = 1 // RTNH_F_DEAD
)

// IsRoute reports whether a route belongs in the graph. What the kernel keeps
// for its own addresses does not: the table local, and in the tables of VRFs
// its routes of the types local, broadcast, anycast and multicast.
func IsRoute(r *rtnl.Route) bool {
	if r.Table == rtnl.TableLocal || r.Flags&rtnl.RouteCloned != 0 {
		return false
	}
	switch r.Type {
	case rtnl.RouteLocal, rtnl.RouteBroadcast, rtnl.RouteMulticast, rtnl.RouteAnycast:
		return r.Protocol != protoKernel
	}
	return true
}

// RouteLinks calls yield with the index of every interface on which the route
// is listed, each once: those of its next hops. A route without an interface,
// a blackhole for example, gives 0, the namespace itself.
func RouteLinks(r *rtnl.Route, yield func(ifindex int32)) {
	if len(r.Multipath) == 0 {
		yield(max(r.OutIf, 0))
		return
	}
	for i := range r.Multipath {
		oif := r.Multipath[i].OutIf
		if !slices.ContainsFunc(r.Multipath[:i], func(h rtnl.NextHop) bool { return h.OutIf == oif }) {
			yield(max(oif, 0))
		}
	}
}

// Gateways calls yield with the address of every next hop that has one.
func Gateways(r *rtnl.Route, yield func(ifindex int32, gateway netip.Addr)) {
	if r.Gateway.IsValid() {
		yield(r.OutIf, r.Gateway)
	}
	for i := range r.Multipath {
		if h := &r.Multipath[i]; h.Gateway.IsValid() {
			yield(h.OutIf, h.Gateway)
		}
	}
}

// MACOf finds the link-layer address of a neighbour, "" when it is not known.
type MACOf func(ifindex int32, ip netip.Addr) string

// Routes returns the value of the attribute RoutingTables, sorted by table and
// preferred source, each table's routes by prefix, and whether it was cut off
// at limit routes. No routes give the zero Value.
func Routes(rs []*rtnl.Route, mac MACOf, limit int) (v entity.Value, truncated bool) {
	if len(rs) == 0 {
		return entity.Value{}, false
	}
	slices.SortFunc(rs, compareRoute)
	if truncated = len(rs) > limit; truncated {
		rs = rs[:limit]
	}
	var tables, routes []entity.Value
	for i, r := range rs {
		routes = append(routes, routeValue(r, mac))
		if i+1 < len(rs) && rs[i+1].Table == r.Table && rs[i+1].PrefSrc == r.PrefSrc {
			continue
		}
		t := entity.Attrs{
			entity.A("ID", entity.Int(int64(r.Table))),
			entity.A("Routes", entity.List(routes...)),
		}
		if r.PrefSrc.IsValid() {
			t = append(t, entity.A("Src", entity.String(r.PrefSrc.String())))
		}
		tables = append(tables, entity.Map(t.Normalize()))
		routes = nil
	}
	return entity.List(tables...), truncated
}

func compareRoute(a, b *rtnl.Route) int {
	return cmp.Or(
		cmp.Compare(a.Table, b.Table),
		a.PrefSrc.Compare(b.PrefSrc),
		cmp.Compare(a.Family, b.Family),
		a.Dst.Compare(b.Dst),
		cmp.Compare(a.Label.Or(0), b.Label.Or(0)),
		a.Src.Compare(b.Src),
		cmp.Compare(a.TOS, b.TOS),
		cmp.Compare(a.Priority, b.Priority),
		cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.Protocol, b.Protocol),
		cmp.Compare(a.OutIf, b.OutIf),
		a.Gateway.Compare(b.Gateway),
		cmp.Compare(a.NexthopID, b.NexthopID),
		slices.CompareFunc(a.Multipath, b.Multipath, compareHop),
	)
}

func compareHop(a, b rtnl.NextHop) int {
	return cmp.Or(cmp.Compare(a.OutIf, b.OutIf), a.Gateway.Compare(b.Gateway), cmp.Compare(a.Weight, b.Weight))
}

func routeValue(r *rtnl.Route, mac MACOf) entity.Value {
	a := entity.Attrs{
		entity.A("Protocol", entity.String(r.Protocol.String())),
		entity.A("Scope", entity.String(r.Scope.String())),
		entity.A("Type", entity.String(r.Type.String())),
	}
	if r.Dst.IsValid() {
		a = append(a, entity.A("Prefix", entity.String(r.Dst.String())))
	}
	a = addOpt(a, "Label", r.Label)
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		a = append(a, entity.A("From", entity.String(r.Src.String())))
	}
	a = addUint(a, "TOS", uint64(r.TOS))
	if len(r.Metrics) > 0 {
		m := make(entity.Attrs, 0, len(r.Metrics))
		for _, x := range r.Metrics {
			m = append(m, entity.A(x.Name, x.Value))
		}
		a = append(a, entity.A("Metrics", entity.Map(m.Normalize())))
	}
	if hops := nextHops(r, mac); len(hops) > 0 {
		a = append(a, entity.A("NextHops", entity.List(hops...)))
	}
	return entity.Map(a.Normalize())
}

// nextHops returns the next hops of a route, sorted.
func nextHops(r *rtnl.Route, mac MACOf) []entity.Value {
	if len(r.Multipath) == 0 {
		if r.OutIf <= 0 && !r.Gateway.IsValid() && r.NexthopID == 0 && r.Priority == 0 {
			return nil
		}
		return []entity.Value{nextHop(r, &rtnl.NextHop{OutIf: r.OutIf, Gateway: r.Gateway, Flags: r.Flags, Encap: r.Encap, NewLabels: r.NewLabels}, mac)}
	}
	// They are a set: in the order of their own, so that it does not matter
	// whether they came one by one or in a listing.
	hops := make([]entity.Value, len(r.Multipath))
	for i, h := range slices.SortedStableFunc(slices.Values(r.Multipath), compareHop) {
		hops[i] = nextHop(r, &h, mac)
	}
	return hops
}

func nextHop(r *rtnl.Route, h *rtnl.NextHop, mac MACOf) entity.Value {
	var a entity.Attrs
	a = addUint(a, "IfIndex", uint64(max(h.OutIf, 0)))
	if h.Gateway.IsValid() {
		a = append(a, entity.A("IP", entity.String(h.Gateway.String())))
		if mac != nil {
			a = addText(a, "MAC", mac(h.OutIf, h.Gateway))
		}
	}
	a = addUint(a, "NHID", uint64(r.NexthopID))
	a = append(a, entity.A("Priority", entity.Int(int64(r.Priority))))
	a = addUint(a, "Weight", uint64(max(h.Weight, 0)))
	if h.Flags&rtnhDead != 0 {
		a = append(a, entity.A("Dead", entity.Bool(true)))
	}
	a = addEncap(a, h.Encap)
	if len(h.NewLabels) > 0 {
		labels := make([]entity.Value, len(h.NewLabels))
		for i, l := range h.NewLabels {
			labels[i] = entity.Int(int64(l))
		}
		a = append(a, entity.A("Labels", entity.List(labels...)))
	}
	return entity.Map(a.Normalize())
}

func addEncap(a entity.Attrs, e *rtnl.Encap) entity.Attrs {
	if e == nil {
		return a
	}
	m := append(entity.Attrs{entity.A("Type", entity.String(e.Type))}, e.Attrs...)
	return append(a, entity.A("Encap", entity.Map(m.Normalize())))
}
