package probe

import (
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
)

// kindOf returns the table that an event is about.
func kindOf(ev *rtnl.Event) kinds {
	switch {
	case ev.Link != nil, ev.BridgePort != nil:
		return kindLinks
	case ev.Addr != nil:
		return kindAddrs
	case ev.Route != nil:
		return kindRoutes
	case ev.Rule != nil:
		return kindRules
	case ev.Nexthop != nil:
		return kindNexthops
	case ev.Neigh != nil && ev.Neigh.Family == rtnl.FamilyBridge:
		return kindFDB
	case ev.Neigh != nil:
		return kindNeighbors
	default:
		return 0
	}
}

// receive takes events as they come: those of tables that are being listed
// wait for the list.
func (sp *space) receive(events []rtnl.Event) {
	if sp.gone {
		return
	}
	now := time.Now()
	sp.p.stats.events.Add(int64(len(events)))
	for i := range events {
		if !sp.work.hold(&events[i]) {
			sp.apply(&events[i], now)
		}
	}
	sp.work.kick(now)
}

// apply changes the model by one event.
func (sp *space) apply(ev *rtnl.Event, now time.Time) {
	switch {
	case ev.Link != nil:
		sp.applyLink(ev, now)
	case ev.BridgePort != nil:
		l := sp.at(ev.BridgePort.Index)
		if l.port = ev.BridgePort; ev.Type.IsDelete() {
			l.port = nil
		}
		l.changed(0, now)
	case ev.Addr != nil:
		sp.applyAddr(ev.Addr, ev.Type.IsDelete(), now)
	case ev.Neigh != nil:
		sp.applyNeigh(ev.Neigh, ev.Type.IsDelete(), now)
	case ev.Route != nil:
		if mapping.IsRoute(ev.Route) {
			sp.applyRoute(ev, now)
		}
	case ev.Rule != nil:
		sp.applyRule(ev.Rule, ev.Type.IsDelete(), now)
	case ev.Nexthop != nil:
		sp.applyNexthop(ev.Nexthop, ev.Type.IsDelete(), now)
	case ev.NSID != nil:
		sp.applyNSID(ev.NSID, ev.Type.IsDelete(), now)
	}
}

func (sp *space) applyLink(ev *rtnl.Event, now time.Time) {
	l := sp.links[ev.Link.Index]
	switch {
	case ev.Type == rtnl.NewLink:
		if ev.Link.ParentBus == "pci" || l != nil && l.rec != nil && l.rec.NumVF.Or(0) > 0 || sp.work.wasRemoved(ev.Link.Index, now) {
			// Events lack the virtual functions; and a link that is told of after
			// its end may be gone already.
			sp.work.ask(ev.Link.Index)
		}
		sp.upsertLink(ev.Link, now)
	case l != nil:
		reason := "link removed"
		if ev.Link.NewNSID.Set || ev.Link.NewIndex.Set {
			reason = "link moved to another network namespace"
		}
		sp.removeLink(l, reason)
	}
}

func (sp *space) applyAddr(a *rtnl.Addr, del bool, now time.Time) {
	if !del {
		l := sp.at(a.Index)
		if l.addrs == nil {
			l.addrs = make(map[addrKey]rtnl.Addr)
		}
		l.addrs[keyOfAddr(a)] = *a
		l.changed(kindAddrs, now)
		return
	}
	l := sp.links[a.Index]
	if l == nil {
		return
	}
	delete(l.addrs, keyOfAddr(a))
	l.changed(kindAddrs, now)
	if a.Prefix.Addr().Is4() && len(sp.routes) > 0 {
		// Routes that prefer the address as source go without a word.
		sp.work.doubt(kindRoutes, now)
	}
}

func (sp *space) applyNeigh(n *rtnl.Neigh, del bool, now time.Time) {
	if n.Index <= 0 {
		return
	}
	fdb := n.Family == rtnl.FamilyBridge
	switch {
	case fdb && !sp.p.cfg.FDB, !fdb && !sp.p.cfg.Neighbors:
	case !del && fdb:
		sp.at(n.Index).setFDB(n, now)
	case !del:
		sp.at(n.Index).setNeigh(n, now)
	case sp.links[n.Index] == nil:
	case fdb:
		sp.links[n.Index].delFDB(n, now)
	default:
		sp.links[n.Index].delNeigh(keyOfNeigh(n), now)
	}
}

func (sp *space) applyRule(r *rtnl.Rule, del bool, now time.Time) {
	k := keyOfRule(r)
	if del {
		delete(sp.rules, k)
	} else {
		sp.rules[k] = r
	}
	sp.touch(now)
}

// keyOfRule returns the rule without what may change of it.
func keyOfRule(r *rtnl.Rule) rtnl.Rule {
	k := *r
	k.Flags = 0
	return k
}

func (sp *space) applyNexthop(n *rtnl.Nexthop, del bool, now time.Time) {
	_, known := sp.nexthops[n.ID]
	if del {
		delete(sp.nexthops, n.ID)
	} else {
		sp.nexthops[n.ID] = n
	}
	if known {
		// The routes that use it changed with it, or went.
		sp.work.doubt(kindRoutes|kindNexthops, now)
	}
	sp.touch(now)
}
