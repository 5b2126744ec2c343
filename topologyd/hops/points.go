package hops

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

type addr = netip.Addr

// ends are A and B of a record.
func ends(r *flowrecord.Record) (a, b end) {
	return end{r.NetworkA, r.TransportA, r.LinkA}, end{r.NetworkB, r.TransportB, r.LinkB}
}

// lowFirst tells whether A is the lower end of a record: by address, port and MAC
// in turn, so that all points agree.
func lowFirst(r *flowrecord.Record) bool {
	return cmp.Or(r.NetworkA.Compare(r.NetworkB), cmp.Compare(r.TransportA, r.TransportB), bytes.Compare(r.LinkA[:], r.LinkB[:])) <= 0
}

// place is what makes flows those of one point.
type place struct {
	node        entity.UUID
	host, iface string
}

// points makes the points of flows; low tells that A is the lower end. They are
// in an order that depends on nothing but what they are.
func points(flows []*seen, low bool, o *Options) []*Point {
	type key struct {
		place
		capture string
	}
	byCapture := make(map[key]*Point)
	var list []*Point
	newest := make(map[*Point]int64)
	for _, s := range flows {
		at := place{node: s.node}
		if s.node.IsZero() {
			at = place{host: s.host, iface: s.iface}
		}
		k := key{at, s.capture}
		p := byCapture[k]
		if p == nil {
			p = &Point{NodeTID: s.node, Host: s.host, Interface: s.iface, Capture: s.capture, Captures: []string{s.capture}, First: s.start}
			if o.Missed != nil {
				p.Missed = o.Missed(s.node, s.capture)
			}
			byCapture[k] = p
			list = append(list, p)
			newest[p] = s.last
		}
		p.add(s, low, s.last >= newest[p])
		newest[p] = max(newest[p], s.last)
	}
	slices.SortFunc(list, func(a, b *Point) int {
		return cmp.Or(bytes.Compare(a.NodeTID[:], b.NodeTID[:]), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Interface, b.Interface),
			cmp.Compare(a.Sampling, b.Sampling), cmp.Compare(b.Packets(), a.Packets()), cmp.Compare(a.Capture, b.Capture))
	})
	out := list[:0]
	for _, p := range list {
		if n := len(out); n > 0 && out[n-1].NodeTID == p.NodeTID && (!p.NodeTID.IsZero() || out[n-1].Host == p.Host && out[n-1].Interface == p.Interface) {
			out[n-1].Captures = append(out[n-1].Captures, p.Capture)
			continue
		}
		out = append(out, p)
	}
	return out
}

// add adds a flow to the point; last tells that it is the newest there.
func (p *Point) add(s *seen, low, last bool) {
	ab, ba, syn, ttl := s.count, s.reversed, s.syn, s.ttl
	swapped := s.low != low
	if swapped {
		ab, ba = ba, ab
		syn[0], syn[1] = syn[1], syn[0]
		ttl[0], ttl[1] = ttl[1], ttl[0]
	}
	if p.Flows == 0 || s.start < p.First {
		p.First, p.Swapped = s.start, swapped
	}
	p.Flows++
	p.AB.add(ab)
	p.BA.add(ba)
	p.Last = max(p.Last, s.last)
	p.Sampling = max(p.Sampling, s.sampling)
	if last {
		p.Finish = s.finish
	}
	if s.rtt != 0 && (last || p.RTT == 0) {
		p.RTT = s.rtt
	}
	for i := range syn {
		if syn[i] != 0 && (p.syn[i] == 0 || syn[i] < p.syn[i]) {
			p.syn[i], p.ttl[i] = syn[i], ttl[i]
		}
	}
	if s.dropped > 0 {
		p.Dropped += s.dropped
		p.Drops = addDrops(p.Drops, s.drops)
	}
}

// addDrops adds up counts by reason. What is no count is left out.
func addDrops(a, b entity.Value) entity.Value {
	var out entity.Attrs
	for _, x := range a.Map() {
		out = append(out, entity.A(x.Key, entity.Int(x.Value.Int()+b.Map().Get(x.Key).Int())))
	}
	for _, x := range b.Map() {
		if x.Value.Kind() == entity.KindInt && !a.Map().Has(x.Key) {
			out = append(out, x)
		}
	}
	if len(out) == 0 {
		return entity.Value{}
	}
	return entity.Map(out.Normalize())
}
