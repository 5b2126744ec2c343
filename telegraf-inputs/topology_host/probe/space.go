package probe

import (
	"net/netip"
	"time"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/discovery"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
)

// kinds is a set of tables of a namespace.
type kinds uint16

const (
	kindLinks kinds = 1 << iota
	kindAddrs
	kindNeighbors
	kindFDB
	kindRoutes
	kindRules
	kindNexthops
)

// space is one namespace: its tables and the work that waits to be done there.
type space struct {
	task // reports the namespace itself

	p     *Probe
	id    netns.ID
	ns    mapping.NetNS
	root  bool
	name  string
	path  string
	paths []string

	conn *rtnl.Conn
	ctl  int // any socket of the namespace, for ioctls; -1: none
	recv *receiver
	gone bool
	// failed is why the namespace cannot be looked into, nil when it can.
	failed   error
	attempts int
	reopen   task

	links     map[int32]*link
	rules     map[rtnl.Rule]*rtnl.Rule
	nexthops  map[uint32]*rtnl.Nexthop
	routes    map[routeKey][]*rtnl.Route
	bridgeFDB map[bridgeKey]int32

	// nsids are the namespaces that this one's numbers mean, byNSID the links
	// that refer to them, nsidTried when a number was last asked about in vain.
	nsids     map[int32]*space
	byNSID    map[int32]map[*link]struct{}
	nsidTried map[int32]uint64

	synced bool // was listed at least once
	work   work
}

func (p *Probe) addSpace(id netns.ID, root bool) *space {
	sp := &space{
		p:         p,
		id:        id,
		ns:        mapping.NetNS{HostID: p.cfg.HostID, Inode: id.Inode, Device: id.Dev, Root: root},
		root:      root,
		ctl:       -1,
		links:     make(map[int32]*link),
		rules:     make(map[rtnl.Rule]*rtnl.Rule),
		nexthops:  make(map[uint32]*rtnl.Nexthop),
		routes:    make(map[routeKey][]*rtnl.Route),
		bridgeFDB: make(map[bridgeKey]int32),
		nsids:     make(map[int32]*space),
		byNSID:    make(map[int32]map[*link]struct{}),
		nsidTried: make(map[int32]uint64),
	}
	sp.run = sp.report
	sp.reopen.run = func(time.Time) { sp.open() }
	sp.work.init(sp)
	p.spaces[id] = sp
	p.gen++
	p.stats.namespaces.Store(int64(len(p.spaces)))
	return sp
}

// rename takes over what discovery says of the namespace.
func (sp *space) rename(n discovery.Namespace) {
	renamed := sp.name != n.Name
	sp.name, sp.path, sp.paths = n.Name, n.Path, n.Paths
	now := time.Now()
	sp.touch(now)
	if renamed && sp.synced {
		for _, o := range sp.p.spaces {
			for id, target := range o.nsids {
				if target == sp {
					o.touchNSID(id, now)
				}
			}
		}
	}
}

// settled reports whether nothing more is to be expected of the namespace
// before the first report.
func (sp *space) settled() bool {
	return sp.failed != nil || sp.synced && !sp.work.pending()
}

// touch schedules a report of the namespace itself.
func (sp *space) touch(now time.Time) {
	if !sp.p.ready {
		return
	}
	if sp.root {
		sp.p.sched.pace(&sp.p.host.task, now, sp.p.cfg.Debounce)
		return
	}
	sp.p.sched.pace(&sp.task, now, sp.p.cfg.Debounce)
}

// tables returns what belongs to the namespace and to none of its links.
func (sp *space) tables() mapping.Tables {
	var t mapping.Tables
	for _, r := range sp.rules {
		t.Rules = append(t.Rules, r)
	}
	for _, n := range sp.nexthops {
		t.Nexthops = append(t.Nexthops, n)
	}
	if l := sp.links[0]; l != nil {
		l.refresh()
		t.Routes = l.routesVal
		if l.truncated[2] {
			t.Truncated = []string{"RoutingTables"}
		}
	}
	return t
}

func (sp *space) report(time.Time) {
	if sp.root {
		return
	}
	n := mapping.Namespace{NetNS: sp.ns, Name: sp.name, Path: sp.path, Paths: sp.paths, Tables: sp.tables()}
	if sp.failed != nil {
		n.Limitations = []string{limitation(sp.failed)}
	}
	sp.p.stats.reports.Add(1)
	sp.p.sink.Set(n.Event())
}

// remove ends the namespace and all that is in it.
func (sp *space) remove(reason string) {
	sp.close()
	delete(sp.p.spaces, sp.id)
	delete(sp.p.unresolved, sp)
	sp.p.stats.namespaces.Store(int64(len(sp.p.spaces)))
	for _, l := range sp.links {
		sp.removeLink(l, reason)
	}
	now := time.Now()
	for _, o := range sp.p.spaces {
		for id, target := range o.nsids {
			if target == sp {
				delete(o.nsids, id)
				o.touchNSID(id, now)
			}
		}
	}
	sp.p.sink.Delete(sp.ns.Ref(), reason)
}

// close gives up the sockets; the receiver ends by that.
func (sp *space) close() {
	sp.gone = true
	sp.p.sched.cancel(&sp.task)
	sp.p.sched.cancel(&sp.reopen)
	sp.p.sched.cancel(&sp.work.timer)
	sp.p.sched.cancel(&sp.work.resync)
	sp.p.sched.cancel(&sp.work.later)
	sp.shut()
}

func (sp *space) shut() {
	if sp.conn != nil {
		_ = sp.conn.Close() // it was only read from
		closeSocket(sp.ctl)
		sp.conn, sp.ctl, sp.recv = nil, -1, nil
	}
}

// at returns the link of an index, which it makes when there is none.
func (sp *space) at(index int32) *link {
	l := sp.links[index]
	if l == nil {
		l = &link{sp: sp, index: index}
		l.run = l.report
		sp.links[index] = l
	}
	return l
}

// macOf implements [mapping.MACOf].
func (sp *space) macOf(index int32, ip netip.Addr) string {
	l := sp.links[index]
	if l == nil {
		return ""
	}
	family := rtnl.FamilyIPv6
	if ip.Is4() {
		family = rtnl.FamilyIPv4
	}
	if n := l.neighs[neighKey{family: family, ip: ip}]; n != nil && mapping.IsResolved(n) {
		return n.MAC.String()
	}
	return ""
}

// upsertLink takes over a link record, from a listing, an answer or an event.
func (sp *space) upsertLink(rec *rtnl.Link, now time.Time) {
	l := sp.at(rec.Index)
	old := l.rec
	inheritVFs(rec, old)
	l.rec = rec
	if old == nil {
		sp.p.stats.interfaces.Add(1)
		l.stale = sp.p.cfg.kinds() // what came before the link was not made yet
		if mapping.IsPeered(rec.Kind) && rec.Parent.Or(0) <= 0 && sp.synced {
			// The kernel tells of the first end before there is a second.
			sp.work.ask(rec.Index)
		}
		if sp.synced {
			sp.linkAppeared(l, now)
		}
	} else {
		if sp.lostRoutes(l, old) {
			sp.work.doubt(kindRoutes|kindNexthops, now)
		}
		if old.Master != rec.Master && l.leaveBridge(now) {
			// The bridge may have taken over the entry for the port's own address.
			sp.work.doubt(kindFDB, now)
		}
	}
	sp.p.indexPeer(l, old)
	sp.indexNSID(l, old)
	l.stale |= kindFDB // which entries are shown depends on the link
	sp.p.resolveLink(l, now)
	sp.work.facts(l)
	l.changed(0, now)
}

// linkAppeared asks for what the kernel does not tell of some new links.
func (sp *space) linkAppeared(l *link, now time.Time) {
	switch l.rec.Kind {
	case "vxlan":
		// When it comes from another namespace, it brings its entries along.
		sp.work.doubt(kindFDB, now)
	case "tun":
		// Its owner is set after it was made (TUNSETOWNER, TUNSETPERSIST).
		sp.work.askLater(l.index, now)
	}
}

// lostRoutes reports whether the kernel may have taken routes away without a
// word because of what changed on a link.
func (sp *space) lostRoutes(l *link, old *rtnl.Link) bool {
	// Down takes routes away, or marks their hops as dead; up revives these.
	upDown := (old.Flags^l.rec.Flags)&rtnl.FlagUp != 0
	carrier := old.Flags&rtnl.FlagLowerUp != 0 && l.rec.Flags&rtnl.FlagLowerUp == 0
	switch {
	case upDown, old.Master != l.rec.Master:
		return len(l.routes) > 0 || sp.usesNexthop(l.index)
	case carrier:
		return sp.usesNexthop(l.index)
	}
	return false
}

func (sp *space) usesNexthop(index int32) bool {
	for _, n := range sp.nexthops {
		if n.OutIf == index {
			return true
		}
	}
	return false
}

// removeLink ends a link and its tables.
func (sp *space) removeLink(l *link, reason string) {
	if !sp.gone {
		if sp.dropRoutes(l) || sp.usesNexthop(l.index) {
			sp.work.doubt(kindRoutes|kindNexthops, time.Now())
		}
	}
	known := l.rec != nil
	l.forget()
	sp.work.removed(l.index)
	if !known {
		return
	}
	sp.p.stats.interfaces.Add(-1)
	sp.p.askPeers(l)
	if sp.p.ready {
		sp.p.sink.Delete(l.ref(), reason)
	}
}
