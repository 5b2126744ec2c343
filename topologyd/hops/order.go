package hops

import (
	"cmp"
	"slices"
	"time"
)

// What points were put in order by, the strongest first.
const (
	byClock   = "the first SYN, by the clock of one host"
	byTTL     = "the TTL of the SYN"
	byRTT     = "the round trip to B, which is shorter the nearer it is"
	byFirst   = "the first packet, by the clock of one host"
	bySynSkew = "the first SYN, by the clocks of several hosts, assumed equal"
	bySkew    = "the first packet, by the clocks of several hosts, assumed equal"
	byChance  = "nothing: the captures began at different times; the order is not known"
	apart     = ", of those where it is equal "
)

// sameStart is how far the beginnings of a flow may be apart at points that saw
// its first packet.
const sameStart = int64(2 * time.Second)

// order puts points in the order in which packets from A pass them, and says by
// what; "" for fewer than two.
func order(list []*Point) string {
	if len(list) < 2 {
		return ""
	}
	if oneHost(list) && all(list, func(p *Point) int64 { return p.syn[0] }) {
		ascending(list, func(p *Point) int64 { return p.syn[0] })
		return byClock
	}
	ttl := func(p *Point) int64 { return -p.ttl[0] }
	if !all(list, ttl) || !differ(list, ttl) {
		return orderNear(list)
	}
	ascending(list, ttl)
	how := byTTL
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && ttl(list[to]) == ttl(list[from]) {
			to++
		}
		if to-from > 1 {
			how = byTTL + apart + orderNear(list[from:to])
		}
		from = to
	}
	return how
}

// orderNear orders points that the TTL does not tell apart.
func orderNear(list []*Point) string {
	// The fewest of what A sent were left where it came last.
	slices.SortStableFunc(list, func(a, b *Point) int {
		return cmp.Or(cmp.Compare(b.AB.Packets, a.AB.Packets), cmp.Compare(a.BA.Packets, b.BA.Packets))
	})
	syn := func(p *Point) int64 { return p.syn[0] }
	rtt := func(p *Point) int64 { return -p.RTT }
	first := func(p *Point) int64 { return p.First }
	one, began := oneHost(list), spread(list, first) <= sameStart
	switch {
	case one && all(list, syn):
		ascending(list, syn)
		return byClock
	case all(list, rtt) && differ(list, rtt):
		ascending(list, rtt)
		return byRTT
	case one && began:
		ascending(list, first)
		return byFirst
	case all(list, syn):
		ascending(list, syn)
		return bySynSkew
	case began:
		ascending(list, first)
		return bySkew
	default:
		ascending(list, first)
		return byChance
	}
}

// oneHost tells whether all points are on one host that is known.
func oneHost(list []*Point) bool {
	return list[0].Host != "" && !slices.ContainsFunc(list, func(p *Point) bool { return p.Host != list[0].Host })
}

// all tells whether all points have something.
func all(list []*Point, of func(*Point) int64) bool {
	for _, p := range list {
		if of(p) == 0 {
			return false
		}
	}
	return true
}

func differ(list []*Point, by func(*Point) int64) bool { return spread(list, by) > 0 }

// spread is how far the largest is from the smallest.
func spread(list []*Point, by func(*Point) int64) int64 {
	least, most := by(list[0]), by(list[0])
	for _, p := range list {
		least, most = min(least, by(p)), max(most, by(p))
	}
	return most - least
}

func ascending(list []*Point, by func(*Point) int64) {
	slices.SortStableFunc(list, func(a, b *Point) int { return cmp.Compare(by(a), by(b)) })
}
