package probe

import (
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
)

// replace makes the tables of a snapshot the model's, and ends what is not in
// them any more.
func (sp *space) replace(s snapshot, now time.Time) {
	first := !sp.synced
	sp.synced = true
	if s.kinds&kindLinks != 0 {
		sp.replaceLinks(s.links, now)
	}
	for _, l := range sp.links {
		l.clear(s.kinds)
	}
	if s.kinds&kindAddrs != 0 {
		for i := range s.addrs {
			sp.applyAddr(&s.addrs[i], false, now)
		}
	}
	if s.kinds&kindNeighbors != 0 {
		for i := range s.neighbors {
			sp.applyNeigh(&s.neighbors[i], false, now)
		}
	}
	if s.kinds&kindFDB != 0 {
		clear(sp.bridgeFDB)
		for i := range s.fdb {
			sp.applyNeigh(&s.fdb[i], false, now)
		}
	}
	if s.kinds&kindRoutes != 0 {
		clear(sp.routes)
		for i := range s.routes {
			if r := &s.routes[i]; mapping.IsRoute(r) {
				sp.addRoute(keyOfRoute(r), r, now)
			}
		}
	}
	if s.kinds&kindRules != 0 {
		clear(sp.rules)
		for i := range s.rules {
			sp.applyRule(&s.rules[i], false, now)
		}
	}
	if s.kinds&kindNexthops != 0 {
		clear(sp.nexthops)
		for i := range s.nexthops {
			sp.nexthops[s.nexthops[i].ID] = &s.nexthops[i]
		}
	}
	for _, l := range sp.links {
		if l.rec == nil && l.isEmpty() {
			l.forget()
			continue
		}
		l.changed(s.kinds, now)
	}
	sp.touch(now)
	if first {
		sp.p.spaceAppeared(sp, now)
	}
}

func (sp *space) replaceLinks(recs []rtnl.Link, now time.Time) {
	listed := make(map[int32]bool, len(recs))
	for i := range recs {
		listed[recs[i].Index] = true
		sp.upsertLink(&recs[i], now)
		sp.links[recs[i].Index].port = nil // the listing says as much
	}
	for index, l := range sp.links {
		if !listed[index] && l.rec != nil {
			sp.removeLink(l, "link removed")
		}
	}
}

// clear forgets tables of the link.
func (l *link) clear(k kinds) {
	if k&kindAddrs != 0 {
		clear(l.addrs)
	}
	if k&kindNeighbors != 0 {
		clear(l.neighs)
	}
	if k&kindFDB != 0 {
		clear(l.fdb)
	}
	if k&kindRoutes != 0 {
		clear(l.routes)
	}
	l.stale |= k
}

func (l *link) isEmpty() bool {
	return len(l.addrs) == 0 && len(l.neighs) == 0 && len(l.fdb) == 0 && len(l.routes) == 0
}
