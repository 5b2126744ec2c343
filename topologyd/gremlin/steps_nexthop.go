package gremlin

import (
	"net/netip"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Attributes of the routes and neighbours of an interface.
const (
	keyRoutingTables = "RoutingTables"
	keyNeighbors     = "Neighbors"
	keyIfIndex       = "IfIndex"
)

// buildNextHop makes NextHop: (IP) gives, by the IDs of those nodes whose routing
// tables lead to an address, where they send packets to: {Priority, IP, MAC,
// IfIndex}. Of the routes of a node the one with the longest prefix is taken, of
// several the one with the lowest priority, then the one of the table that comes first.
func buildNextHop(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	const what = "an IP address in quotes such as '10.0.0.1'"
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, what)
	}
	a := &s.args[0]
	if !a.isKey() {
		return nil, 0, c.bad(a, what)
	}
	addr, err := netip.ParseAddr(a.val.Str())
	if err != nil {
		return nil, 0, c.bad(a, what)
	}
	addr = addr.Unmap().WithZone("")
	return func(x *exec, in flow) flow {
		return flow{kind: KindGroups, scope: in.scope, groups: func(yield func(*group) bool) {
			seen := x.slotSet(x.view.NodeSlots())
			for slot := range in.slots {
				if !x.visit() {
					return
				}
				if !seen.add(slot) {
					continue
				}
				hop := x.nextHop(slot, addr)
				if hop == nil || x.err != nil {
					continue
				}
				if !x.take(mapBytes+4*attrBytes) || !yield(&group{name: x.view.NodeID(slot).String(), kind: KindMap, value: entity.Map(hop)}) {
					return
				}
			}
		}}
	}, KindGroups, c.atMost(s, 1)
}

// nextHop is where a node sends packets for an address, nil when it has no route
// for it, or one that does not let them go on.
func (x *exec) nextHop(slot int32, addr netip.Addr) entity.Attrs {
	index := x.view.NodeAttr(slot, keyIfIndex).Int()
	best, bits, priority := entity.Attrs(nil), -1, int64(0)
	for _, table := range x.view.NodeAttr(slot, keyRoutingTables).List() {
		for _, route := range table.Map().Get("Routes").List() {
			if !x.visit() {
				return nil
			}
			r := route.Map()
			length, ok := leads(r, addr)
			if !ok || length < bits {
				continue
			}
			hop := hopOf(r, index)
			if p := hop.Get("Priority").Int(); length > bits || p < priority {
				best, bits, priority = hop, length, p
			}
		}
	}
	if best == nil {
		return nil
	}
	out := entity.Attrs{entity.A("Priority", entity.Int(priority))}
	ip := best.Get("IP")
	if ip.IsZero() {
		ip = entity.String(addr.String()) // it is on the link itself
	}
	out = append(out, entity.A("IP", ip), entity.A(keyIfIndex, best.Get(keyIfIndex)))
	mac := best.Get("MAC")
	for _, n := range x.view.NodeAttr(slot, keyNeighbors).List() {
		if !x.visit() {
			return nil
		}
		if mac.IsZero() && sameAddr(n.Map().Get("IP"), ip) {
			mac = n.Map().Get("MAC")
		}
	}
	return append(out, entity.A("MAC", mac)).Normalize()
}

// leads tells whether a route is for an address, and how long its prefix is. A
// route without a prefix is the default one, of the family of its next hops.
func leads(r entity.Attrs, addr netip.Addr) (bits int, ok bool) {
	text := r.Get("Prefix").Str()
	if text == "" || text == "default" {
		for _, h := range r.Get("NextHops").List() {
			if ip, err := netip.ParseAddr(h.Map().Get("IP").Str()); err == nil && ip.Unmap().Is4() != addr.Is4() {
				return 0, false
			}
		}
		return 0, r.Get("Label").IsZero()
	}
	if !strings.Contains(text, "/") {
		ip, err := netip.ParseAddr(text)
		return addr.BitLen(), err == nil && ip.Unmap() == addr
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return 0, false
	}
	return p.Bits(), p.Contains(addr)
}

// hopOf is the next hop of a route on the interface with an index: its own, or
// else the first that is not dead. It is nil when packets do not go on: the route
// is a blackhole, or unreachable.
func hopOf(r entity.Attrs, index int64) entity.Attrs {
	switch r.Get("Type").Str() {
	case "blackhole", "unreachable", "prohibit", "throw":
		return nil
	}
	var out entity.Attrs
	for _, h := range r.Get("NextHops").List() {
		hop := h.Map()
		if hop.Get("Dead").Bool() {
			continue
		}
		if index != 0 && hop.Get(keyIfIndex).Int() == index {
			return hop
		}
		if out == nil {
			out = hop
		}
	}
	return out
}

// sameAddr tells whether two texts are the same address.
func sameAddr(a, b entity.Value) bool {
	if a.Str() == b.Str() {
		return a.Str() != ""
	}
	x, err := netip.ParseAddr(a.Str())
	y, err2 := netip.ParseAddr(b.Str())
	return err == nil && err2 == nil && x.Unmap() == y.Unmap()
}
