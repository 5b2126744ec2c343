package flow_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// timed is a packet with its time.
type timed struct {
	p  *packet.Packet
	at int64
}

// script makes packets of many conversations: TCP, UDP and ping of IPv4 and
// IPv6, with tags, fragments and tunnels.
func script(rng *rand.Rand, packets int) (out []timed) {
	at := second
	for range packets {
		at += rng.Int64N(1e7)
		a, b := host{byte(rng.IntN(4)), fmt.Sprintf("10.0.0.%d", rng.IntN(6)), uint16(rng.IntN(3))}, host{byte(rng.IntN(4)), fmt.Sprintf("10.0.1.%d", rng.IntN(6)), uint16(80 + rng.IntN(3))}
		if rng.IntN(4) == 0 {
			a.addr, b.addr = "2001:db8::"+a.addr[7:], "2001:db8::1:"+b.addr[7:]
		}
		if rng.IntN(2) == 0 {
			a, b = b, a
		}
		var p *packet.Packet
		switch rng.IntN(6) {
		case 0, 1:
			p = tcp(a, b, []uint8{syn, syn | ack, ack, ack, ack, fin | ack, rst}[rng.IntN(7)], rng.Uint32N(1000), rng.Uint32N(1000), rng.IntN(1400))
		case 2:
			p = udp(a, b, 60+rng.IntN(1400))
		case 3:
			p = ping(a, b, uint16(rng.IntN(3)), rng.Uint32N(4))
		case 4:
			p = fragment(a, b, rng.Uint32N(8), rng.IntN(3), 3)
		default:
			outer := level(host{1, "172.16.0.1", uint16(rng.IntN(1000))}, host{2, "172.16.0.2", 4789}, packet.LayerUDP, 150)
			outer.Tunnel, outer.TunnelID = packet.LayerVXLAN, rng.Uint32N(2)
			outer.Layers[3], outer.N = packet.LayerVXLAN, 4
			p = of(outer, level(a, b, packet.LayerUDP, 100))
		}
		if rng.IntN(5) == 0 && p.N == 1 && !p.Levels[0].Fragment {
			p = tagged(p, uint16(rng.IntN(2)))
		}
		out = append(out, timed{p, at})
	}
	return out
}

// modelKey is a flow as a map of Go knows it.
type modelKey struct {
	a, b       string
	tags       string
	transport  packet.Layer
	proto, net uint8
	id         uint16
	outer      string
}

// model counts without a table: no TCP, no fragments.
func model(in []timed) map[modelKey]flowrecord.Metric {
	m := map[modelKey]flowrecord.Metric{}
	dirs := map[modelKey]string{}
	for _, e := range in {
		outer := ""
		for i := range e.p.N {
			l := &e.p.Levels[i]
			sport, dport := l.SrcPort, l.DstPort
			k := modelKey{tags: fmt.Sprint(l.VLANs[:l.NVLANs]), transport: l.Transport, proto: l.Proto, net: uint8(l.Net), outer: outer}
			switch {
			case l.Tunnel != packet.LayerNone:
				sport = dport
				k.tags += fmt.Sprint("vni", l.TunnelID)
			case l.Transport == packet.LayerICMPv4:
				sport, dport, k.id = 0, 0, l.ICMPID
			}
			k.a, k.b = fmt.Sprint(l.Src, sport, l.SrcMAC), fmt.Sprint(l.Dst, dport, l.DstMAC)
			from := k.a
			if k.a > k.b {
				k.a, k.b = k.b, k.a
			}
			c, ok := m[k]
			if !ok {
				c.Start, dirs[k] = e.at, from
			}
			if dirs[k] == from {
				c.ABPackets, c.ABBytes = c.ABPackets+1, c.ABBytes+int64(l.Wire)
			} else {
				c.BAPackets, c.BABytes = c.BAPackets+1, c.BABytes+int64(l.Wire)
			}
			c.Last = e.at
			m[k] = c
			outer = fmt.Sprint(k)
		}
	}
	return m
}

// TestModel compares the table with a map.
func TestModel(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var in []timed
		for _, e := range script(rng, 3000) {
			if l := &e.p.Levels[0]; !l.Fragment && l.Transport != packet.LayerTCP {
				in = append(in, e)
			}
		}
		want := map[string]int{}
		for _, m := range model(in) {
			m.RTT = 0
			want[fmt.Sprint(m)]++
		}
		table := newTable(func(c *flow.Config) { c.Capacity = 20000 })
		if seed%2 == 1 {
			table.UseQueue()
		}
		for _, e := range in {
			table.Add(e.p, nil, e.at)
		}
		got := map[string]int{}
		for _, r := range flush(table, in[len(in)-1].at) {
			r.Metric.RTT = 0
			got[fmt.Sprint(r.Metric)]++
		}
		if s := table.Stats(); s.Evicted != 0 {
			t.Fatalf("stats %+v", s)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("seed %d: %d and %d different flows", seed, len(got), len(want))
		}
	}
}

// sums adds up what reports of flows tell, and checks each.
type sums struct {
	t       *testing.T
	updates map[flowrecord.ID]flowrecord.Metric
	last    map[flowrecord.ID]flowrecord.Record
	packets int64
	bytes   int64
}

func newSums(t *testing.T) *sums {
	return &sums{t: t, updates: map[flowrecord.ID]flowrecord.Metric{}, last: map[flowrecord.ID]flowrecord.Record{}}
}

func (s *sums) emit(r *flowrecord.Record) {
	s.t.Helper()
	if old, ok := s.last[r.ID]; ok && old.Finished() {
		s.t.Errorf("%s was told after its end", line(r))
	}
	u := s.updates[r.ID]
	if u.Start == 0 {
		u.Start = r.Metric.Start
	}
	u.ABPackets += r.Update.ABPackets
	u.ABBytes += r.Update.ABBytes
	u.BAPackets += r.Update.BAPackets
	u.BABytes += r.Update.BABytes
	if !r.Update.IsZero() {
		u.Last = r.Update.Last
		if r.Update.Start < r.Metric.Start || r.Update.Last > r.Metric.Last || r.Update.Start > r.Update.Last {
			s.t.Errorf("update from %d to %d of a flow from %d to %d", r.Update.Start, r.Update.Last, r.Metric.Start, r.Metric.Last)
		}
	} else if !r.Finished() {
		s.t.Errorf("%s was told without news", line(r))
	}
	if r.Update.RTT != 0 {
		u.RTT = r.Update.RTT
	}
	s.updates[r.ID], s.last[r.ID] = u, *r
	if u != r.Metric {
		s.t.Errorf("%s: updates are %+v of %+v", line(r), u, r.Metric)
	}
	s.packets += r.Update.ABPackets + r.Update.BAPackets
	s.bytes += r.Update.ABBytes + r.Update.BABytes
}

// counted is what a script's packets are in all levels.
func counted(in []timed) (packets, bytes int64) {
	for _, e := range in {
		for i := range e.p.N {
			packets++
			bytes += int64(e.p.Levels[i].Wire)
		}
	}
	return packets, bytes
}

// TestUpdatesAddUp has the updates of a flow be the flow, however often reports
// are made, and no packet be counted twice or never, also when flows have to
// make room.
func TestUpdatesAddUp(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 2))
		in := script(rng, 4000)
		table := newTable(func(c *flow.Config) {
			c.Capacity, c.Fragments, c.TCPDetails = 64<<(seed%4), 16, 20
			c.Update, c.Idle, c.HoldFinished, c.FragmentTimeout = 1e9, 3e9, 2e9, 1e9
		})
		if seed%3 == 1 {
			table.UseQueue()
		}
		s := newSums(t)
		for _, e := range in {
			table.Add(e.p, nil, e.at)
			if rng.IntN(20) == 0 {
				table.Expire(e.at+rng.Int64N(1e8), s.emit)
			}
		}
		table.Flush(in[len(in)-1].at+1, flowrecord.FinishStopped, s.emit)
		packets, bytes := counted(in)
		st := table.Stats()
		if s.packets+int64(st.UnreportedPackets) != packets || s.bytes+int64(st.UnreportedBytes) != bytes {
			t.Errorf("seed %d: %d packets, %d bytes told of %d, %d: %+v", seed, s.packets, s.bytes, packets, bytes, st)
		}
		open := uint64(0)
		for _, r := range s.last {
			if !r.Finished() {
				open++
			}
		}
		if open > st.Unreported {
			t.Errorf("seed %d: %d flows have no end, %d were not told", seed, open, st.Unreported)
		}
		if st.Flows != 0 || st.Reports == 0 || int(st.Packets) != len(in) {
			t.Errorf("seed %d: stats %+v", seed, st)
		}
	}
}

// TestSplits has reports in between change nothing of the totals.
func TestSplits(t *testing.T) {
	totals := func(in []timed, every int, queue bool) map[string]int {
		table := newTable(func(c *flow.Config) { c.Capacity, c.Update, c.Fragments = 20000, 1, 1<<16 })
		if queue {
			table.UseQueue()
		}
		got := map[string]int{}
		end := func(r *flowrecord.Record) {
			// Fragments in vain become flows in no particular order.
			if r.Finished() && !strings.HasSuffix(r.LayersPath, "/Fragment") {
				// Which requests are forgotten depends on the table's secrets, and the
				// RTT says what is out of order.
				m := r.Metric
				m.RTT = 0
				key := fmt.Sprint(r.ID, m, r.Fragments, r.LayersPath)
				if r.TCP != nil {
					ab, ba := r.TCP.AB, r.TCP.BA
					ab.Retransmits, ab.OutOfOrder = ab.Retransmits+ab.OutOfOrder, 0
					ba.Retransmits, ba.OutOfOrder = ba.Retransmits+ba.OutOfOrder, 0
					key += fmt.Sprint(r.TCP.State, ab, ba)
				}
				got[key]++
			}
		}
		for i, e := range in {
			table.Add(e.p, nil, e.at)
			if every > 0 && i%every == 0 {
				table.Expire(e.at, end)
			}
		}
		table.Flush(in[len(in)-1].at, flowrecord.FinishStopped, end)
		return got
	}
	in := script(rand.New(rand.NewPCG(1, 3)), 3000)
	want := totals(in, 0, false)
	for _, every := range []int{0, 1, 7, 100} {
		if got := totals(in, every, true); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("reports after every %d packets change the flows", every)
			for k := range want {
				if got[k] == 0 {
					t.Log("only without reports:", k)
				}
			}
			for k := range got {
				if want[k] == 0 {
					t.Log("only with reports:", k)
				}
			}
		}
	}
}

// TestNoAllocations has neither packets nor reports allocate.
func TestNoAllocations(t *testing.T) {
	in := script(rand.New(rand.NewPCG(1, 4)), 2000)
	table := newTable(func(c *flow.Config) { c.Update, c.Idle, c.HoldFinished = 1e8, 1e9, 1e9 })
	reports, at := 0, int64(0)
	count := func(*flowrecord.Record) { reports++ }
	round := func() {
		for _, e := range in {
			table.Add(e.p, nil, at+e.at)
		}
		at += in[len(in)-1].at
		table.Expire(at, count)
	}
	round()
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("%v allocations in a round", n)
	}
	if reports < 1000 {
		t.Errorf("%d reports", reports)
	}
}

// TestFlood has more flows than there is room for: the memory stays, the old
// ones make room, and all is counted.
func TestFlood(t *testing.T) {
	const capacity, flows = 4096, 100_000
	table := newTable(func(c *flow.Config) { c.Capacity = capacity })
	s := newSums(t)
	evicted := 0
	emit := func(r *flowrecord.Record) {
		s.emit(r)
		if r.Finish == flowrecord.FinishEvicted {
			evicted++
		}
	}
	l := level(client, server, packet.LayerUDP, 60)
	p := of(l)
	steady := udp(host{7, "192.0.2.77", 7}, server, 100)
	add := func(i int) {
		p.Levels[0].Src[1], p.Levels[0].Src[2], p.Levels[0].Src[3] = byte(i>>16), byte(i>>8), byte(i)
		table.Add(p, nil, second+int64(i))
		if i%10 == 0 {
			table.Add(steady, nil, second+int64(i))
		}
	}
	for i := range flows {
		add(i)
		if i%2000 == 0 {
			table.Expire(second+int64(i), emit)
		}
	}
	table.Expire(second+flows, emit)
	st := table.Stats()
	if st.Flows > capacity || st.Evicted == 0 || st.Evicted != st.Created-st.Flows {
		t.Errorf("stats %+v", st)
	}
	if uint64(evicted)+st.Unreported != st.Evicted {
		t.Errorf("%d told of %d, %d not", evicted, st.Evicted, st.Unreported)
	}
	table.Flush(second+flows, flowrecord.FinishStopped, emit)
	st = table.Stats()
	if s.packets+int64(st.UnreportedPackets) != flows+flows/10 {
		t.Errorf("%d packets, %d not told", s.packets, st.UnreportedPackets)
	}
	// A flow that goes on does not make room for those that only begin.
	for _, r := range s.last {
		if r.LinkA == (flowrecord.MAC{2, 5: 7}) && (r.Finish == flowrecord.FinishEvicted || r.Metric.ABPackets != flows/10) {
			t.Errorf("the flow that goes on: %s, %s", line(&r), r.Finish)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { add(rand.IntN(1 << 24)) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
