package probe

import (
	"net/netip"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/ethtool"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
)

// link is one link and its tables. A link whose record has not come yet has
// tables only, and is not reported.
type link struct {
	task
	sp    *space
	index int32
	rec   *rtnl.Link
	port  *rtnl.BridgePort
	facts *ethtool.Facts
	pf    string // PCI device of the physical function, empty for none
	vfID  int
	sent  bool

	addrs  map[addrKey]rtnl.Addr
	neighs map[neighKey]*rtnl.Neigh
	fdb    map[fdbKey]*rtnl.Neigh
	routes map[*rtnl.Route]struct{}

	// The values of the tables, and which of them have to be made again.
	stale                       kinds
	neighVal, fdbVal, routesVal entity.Value
	truncated                   [3]bool // neighbours, FDB, routes
}

type neighKey struct {
	family rtnl.Family
	ip     netip.Addr
	flags  uint8 // NTF_PROXY only
}

type fdbKey struct {
	mac         rtnl.HardwareAddr
	ip          netip.Addr
	vlan, port  uint16
	vni, srcVNI uint32
	via, master int32
	nhid        uint32
	flags       uint8 // NTF_SELF and NTF_MASTER only
}

// Flags of neighbours (linux/neighbour.h).
const (
	ntfSelf   = 0x02
	ntfMaster = 0x04
	ntfProxy  = 0x08
)

func keyOfNeigh(n *rtnl.Neigh) neighKey {
	return neighKey{family: n.Family, ip: n.IP, flags: n.Flags & ntfProxy}
}

func keyOfFDB(n *rtnl.Neigh) fdbKey {
	return fdbKey{
		mac: n.MAC, ip: n.IP, vlan: n.Vlan, port: n.Port, vni: n.VNI.Or(0), srcVNI: n.SrcVNI.Or(0),
		via: n.Via, master: n.Master, nhid: n.NexthopID, flags: n.Flags & (ntfSelf | ntfMaster),
	}
}

// factsWait bounds how long the first report of a new link waits for what its
// driver says.
const factsWait = 15 * time.Millisecond

// touch schedules a report of the link: at once when the last one is at least
// min ago.
func (l *link) touch(now time.Time, min time.Duration) {
	p := l.sp.p
	if l.rec == nil || !p.ready || !l.sp.synced {
		return
	}
	if !l.sent && p.cfg.Ethtool && l.facts == nil && l.sp.conn != nil {
		p.sched.at(&l.task, now.Add(factsWait))
		return
	}
	p.sched.pace(&l.task, now, min)
}

// changed marks tables as changed and schedules a report.
func (l *link) changed(k kinds, now time.Time) {
	l.stale |= k
	l.touch(now, l.sp.p.cfg.Debounce)
}

// changedLazily is changed for what is of less interest.
func (l *link) changedLazily(k kinds, now time.Time) {
	l.stale |= k
	l.touch(now, max(l.sp.p.cfg.Debounce, l.sp.p.cfg.NeighborDebounce))
}

// report hands the link's event to the sink.
func (l *link) report(time.Time) {
	l.refresh()
	in := mapping.Interface{
		NetNS:      l.sp.ns,
		Link:       l.rec,
		BridgePort: l.port,
		Ethtool:    l.facts,
		Neighbors:  l.neighVal,
		FDB:        l.fdbVal,
		Routes:     l.routesVal,
	}
	for _, a := range l.addrs {
		in.Addrs = append(in.Addrs, a)
	}
	for i, name := range [...]string{"Neighbors", "FDB", "RoutingTables"} {
		if l.truncated[i] {
			in.Truncated = append(in.Truncated, name)
		}
	}
	if other := l.linkSpace(); other != nil && other != l.sp {
		in.LinkNetNS = &other.ns
		in.LinkNetNSName = other.name
	}
	if l.pf != "" {
		if pf := l.sp.p.vfs.physical(l.pf); pf != nil {
			ref := pf.ref()
			in.PF, in.VfID = &ref, l.vfID
		}
	}
	l.sent = true
	l.sp.p.stats.reports.Add(1)
	l.sp.p.sink.Set(in.Event())
}

// refresh makes the values of tables that changed.
func (l *link) refresh() {
	limit := l.sp.p.cfg.MaxEntries
	if l.stale&kindNeighbors != 0 {
		ns := make([]*rtnl.Neigh, 0, len(l.neighs))
		for _, n := range l.neighs {
			ns = append(ns, n)
		}
		l.neighVal, l.truncated[0] = mapping.Neighbors(ns, limit)
	}
	if l.stale&kindFDB != 0 {
		ns := make([]*rtnl.Neigh, 0, len(l.fdb))
		for _, n := range l.fdb {
			if mapping.IsForwarding(l.rec, n) {
				ns = append(ns, n)
			}
		}
		l.fdbVal, l.truncated[1] = mapping.Neighbors(ns, limit)
	}
	if l.stale&kindRoutes != 0 {
		rs := make([]*rtnl.Route, 0, len(l.routes))
		for r := range l.routes {
			rs = append(rs, r)
		}
		l.routesVal, l.truncated[2] = mapping.Routes(rs, l.sp.macOf, limit)
	}
	l.stale = 0
}

func (l *link) ref() entity.Ref { return l.sp.ns.Interface(l.index) }

// setNeigh adds or replaces a neighbour.
func (l *link) setNeigh(n *rtnl.Neigh, now time.Time) {
	k := keyOfNeigh(n)
	if !mapping.IsShown(n) {
		l.delNeigh(k, now)
		return
	}
	old := l.neighs[k]
	if l.neighs == nil {
		l.neighs = make(map[neighKey]*rtnl.Neigh)
	}
	l.neighs[k] = n
	if old != nil && old.MAC == n.MAC && mapping.IsResolved(old) == mapping.IsResolved(n) {
		l.changedLazily(kindNeighbors, now)
		return
	}
	l.changed(kindNeighbors, now)
	l.gatewayChanged(n.IP, now)
}

func (l *link) delNeigh(k neighKey, now time.Time) {
	if _, known := l.neighs[k]; !known {
		return
	}
	delete(l.neighs, k)
	l.changed(kindNeighbors, now)
	l.gatewayChanged(k.ip, now)
}

// gatewayChanged marks the routes that go by a neighbour whose MAC changed.
func (l *link) gatewayChanged(ip netip.Addr, now time.Time) {
	for r := range l.routes {
		mapping.Gateways(r, func(ifindex int32, gw netip.Addr) {
			if ifindex != l.index || gw != ip {
				return
			}
			mapping.RouteLinks(r, func(i int32) {
				if x := l.sp.links[i]; x != nil {
					x.changed(kindRoutes, now)
				}
			})
		})
	}
}

// setFDB adds or replaces a forwarding entry.
func (l *link) setFDB(n *rtnl.Neigh, now time.Time) {
	if l.rec != nil && !mapping.IsForwarding(l.rec, n) {
		return // a link never changes its kind
	}
	k := keyOfFDB(n)
	if n.Master > 0 && n.Flags&ntfSelf == 0 {
		// An entry of a bridge: when it moves to another port, the kernel tells
		// only the new one.
		bk := bridgeKey{master: n.Master, mac: n.MAC, vlan: n.Vlan}
		if was, known := l.sp.bridgeFDB[bk]; known && was != l.index {
			if o := l.sp.links[was]; o != nil {
				delete(o.fdb, k)
				o.changed(kindFDB, now)
			}
		}
		l.sp.bridgeFDB[bk] = l.index
	}
	if l.fdb == nil {
		l.fdb = make(map[fdbKey]*rtnl.Neigh)
	}
	l.fdb[k] = n
	l.changed(kindFDB, now)
}

func (l *link) delFDB(n *rtnl.Neigh, now time.Time) {
	k := keyOfFDB(n)
	if _, known := l.fdb[k]; !known {
		return
	}
	delete(l.fdb, k)
	bk := bridgeKey{master: n.Master, mac: n.MAC, vlan: n.Vlan}
	if l.sp.bridgeFDB[bk] == l.index {
		delete(l.sp.bridgeFDB, bk)
	}
	l.changed(kindFDB, now)
}

// leaveBridge takes away the forwarding entries of bridges that the link is not
// a port of any more, and reports whether there were some. The kernel tells of
// most, but not when the bridge keeps an entry for itself.
func (l *link) leaveBridge(now time.Time) (left bool) {
	for _, n := range l.fdb {
		if n.Master > 0 && n.Flags&ntfSelf == 0 && n.Master != l.rec.Master && n.Master != l.index {
			l.delFDB(n, now)
			left = true
		}
	}
	return left
}

// bridgeKey names a forwarding entry within a namespace.
type bridgeKey struct {
	master int32
	mac    rtnl.HardwareAddr
	vlan   uint16
}

// forget takes the link out of everything that knows it.
func (l *link) forget() {
	p := l.sp.p
	p.sched.cancel(&l.task)
	p.unindexPeer(l)
	l.sp.unindexNSID(l)
	p.vfs.remove(l, p)
	for _, n := range l.fdb {
		bk := bridgeKey{master: n.Master, mac: n.MAC, vlan: n.Vlan}
		if l.sp.bridgeFDB[bk] == l.index {
			delete(l.sp.bridgeFDB, bk)
		}
	}
	delete(l.sp.links, l.index)
}

// inheritVFs takes over from the record before what events never carry.
func inheritVFs(rec, old *rtnl.Link) {
	if old != nil && !rec.NumVF.Set {
		rec.NumVF, rec.VFs = old.NumVF, slices.Clone(old.VFs)
	}
}

// addrKey names an address of a link: on a point-to-point link the same local
// address may be there with several peers.
type addrKey struct {
	prefix netip.Prefix
	peer   netip.Addr
}

func keyOfAddr(a *rtnl.Addr) addrKey { return addrKey{prefix: a.Prefix, peer: a.Peer} }
