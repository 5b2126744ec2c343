package probe

import (
	"net/netip"
	"slices"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
)

// routeKey is what the kernel tells routes of one table apart by, next hops
// aside: there are seldom several routes of one key.
type routeKey struct {
	family   rtnl.Family
	table    uint32
	dst, src netip.Prefix
	label    uint32
	tos      uint8
	priority uint32
}

func keyOfRoute(r *rtnl.Route) routeKey {
	return routeKey{
		family: r.Family, table: r.Table, dst: r.Dst, src: r.Src,
		label: r.Label.Or(0), tos: r.TOS, priority: r.Priority,
	}
}

// sameHops reports whether two routes of one key are the same route.
func sameHops(a, b *rtnl.Route) bool {
	return a.Type == b.Type && a.OutIf == b.OutIf && a.Gateway == b.Gateway && a.NexthopID == b.NexthopID &&
		slices.EqualFunc(a.Multipath, b.Multipath, func(x, y rtnl.NextHop) bool {
			return x.OutIf == y.OutIf && x.Gateway == y.Gateway
		})
}

// covers reports whether r has all hops of x and more. IPv6 makes one route of
// those of one key that differ in their gateway, and tells of the whole.
func covers(r, x *rtnl.Route) bool {
	has := func(index int32, gateway netip.Addr) bool {
		return slices.ContainsFunc(r.Multipath, func(h rtnl.NextHop) bool { return h.OutIf == index && h.Gateway == gateway })
	}
	if len(r.Multipath) == 0 || r.Family != rtnl.FamilyIPv6 || r.Type != x.Type {
		return false
	}
	if len(x.Multipath) == 0 {
		return has(x.OutIf, x.Gateway)
	}
	return !slices.ContainsFunc(x.Multipath, func(h rtnl.NextHop) bool { return !has(h.OutIf, h.Gateway) })
}

// applyRoute changes the routes by one event. Events do not tell which of
// several routes was replaced, nor which part of a route of several hops was
// taken away: then the table is listed again.
func (sp *space) applyRoute(ev *rtnl.Event, now time.Time) {
	r := ev.Route
	k := keyOfRoute(r)
	known := sp.routes[k]
	i := slices.IndexFunc(known, func(x *rtnl.Route) bool { return sameHops(x, r) })
	switch del := ev.Type.IsDelete(); {
	case del && i >= 0:
		sp.delRoute(k, known[i], now)
		return
	case del:
		if len(known) > 0 {
			sp.work.doubt(kindRoutes, now)
		}
		return
	case i >= 0:
		sp.delRoute(k, known[i], now)
	case ev.Replaced && len(known) > 0:
		sp.delRoute(k, known[0], now)
	default:
		for _, x := range known {
			if covers(r, x) {
				sp.delRoute(k, x, now)
			}
		}
	}
	sp.addRoute(k, r, now)
	if ev.Replaced && len(known) > 1 {
		sp.work.doubt(kindRoutes, now)
	}
}

func (sp *space) addRoute(k routeKey, r *rtnl.Route, now time.Time) {
	sp.routes[k] = append(sp.routes[k], r)
	mapping.RouteLinks(r, func(index int32) {
		l := sp.at(index)
		if l.routes == nil {
			l.routes = make(map[*rtnl.Route]struct{})
		}
		l.routes[r] = struct{}{}
		sp.routesChanged(l, now)
	})
}

func (sp *space) delRoute(k routeKey, r *rtnl.Route, now time.Time) {
	rest := slices.DeleteFunc(slices.Clone(sp.routes[k]), func(x *rtnl.Route) bool { return x == r })
	if sp.routes[k] = rest; len(rest) == 0 {
		delete(sp.routes, k)
	}
	mapping.RouteLinks(r, func(index int32) {
		if l := sp.links[index]; l != nil {
			delete(l.routes, r)
			sp.routesChanged(l, now)
		}
	})
}

// routesChanged schedules a report of where the routes of l are shown: routes
// without an interface are the namespace's.
func (sp *space) routesChanged(l *link, now time.Time) {
	if l.index == 0 {
		l.stale |= kindRoutes
		sp.touch(now)
		return
	}
	l.changed(kindRoutes, now)
}

// dropRoutes takes away the routes of a link that ends. doubt is set when some
// had other hops too.
func (sp *space) dropRoutes(l *link) (doubt bool) {
	now := time.Now()
	for r := range l.routes {
		doubt = doubt || len(r.Multipath) > 0
		sp.delRoute(keyOfRoute(r), r, now)
	}
	return doubt
}
