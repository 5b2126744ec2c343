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

// talk makes packets of conversations that a source may count in bulk: also in
// tunnels, of which the answers come back in the tunnel.
func talk(rng *rand.Rand, packets int) (out []spoken) {
	at := second
	for range packets {
		at += 1 + rng.Int64N(1e7)
		a, b := host{1, fmt.Sprintf("10.0.0.%d", rng.IntN(3)), uint16(1000 + rng.IntN(3))}, host{2, fmt.Sprintf("10.0.1.%d", rng.IntN(3)), uint16(80 + rng.IntN(2))}
		kind := max(rng.IntN(6), 1)
		if kind == 3 {
			a.port, b.port = 0, 0 // which ping has not
		}
		e := spoken{at: at, talk: fmt.Sprint(kind, a, b), back: rng.IntN(2) == 0}
		outerA, outerB := host{7, "172.16.0.1", uint16(rng.IntN(1 << 16))}, host{8, "172.16.0.2", 4789}
		if e.back {
			a, b = b, a
			outerA.addr, outerB.addr = outerB.addr, outerA.addr
			outerA.mac, outerB.mac = outerB.mac, outerA.mac
		}
		size := 60 + rng.IntN(1400)
		switch kind {
		case 1:
			flags := []uint8{syn, syn | ack, ack, ack, ack, ack, ack, ack, ack, fin | ack, rst}[rng.IntN(11)]
			e.alone = flags != ack
			e.p = tcp(a, b, flags, rng.Uint32N(1000), rng.Uint32N(1000), rng.IntN(1400))
		case 2:
			e.p = tagged(udp(a, b, size), 7)
		case 3:
			e.p = ping(a, b, 1, rng.Uint32N(4))
		case 4:
			e.p = udp(a, b, size)
		default:
			outer := level(outerA, outerB, packet.LayerUDP, size+50)
			outer.Tunnel, outer.TunnelID = packet.LayerVXLAN, 5
			outer.Layers[3], outer.N = packet.LayerVXLAN, 4
			e.p = of(outer, level(a, b, packet.LayerUDP, size))
		}
		out = append(out, e)
	}
	return out
}

// spoken is a packet of a conversation; alone when it is never counted in bulk.
type spoken struct {
	p           *packet.Packet
	at          int64
	talk        string
	back, alone bool
}

// bulker counts packets in bulk.
type bulker struct {
	table *flow.Table
	rng   *rand.Rand
	open  map[string][]spoken
	bulks int
}

func (b *bulker) flush(talk string) {
	list := b.open[talk]
	delete(b.open, talk)
	if len(list) == 0 {
		return
	}
	sample := list[b.rng.IntN(len(list))]
	var bulk flow.Bulk
	for _, e := range list {
		c := &bulk.Same
		if e.back != sample.back {
			c = &bulk.Reverse
		}
		if c.Packets == 0 {
			c.First = e.at
		}
		c.Packets, c.Bytes, c.Last = c.Packets+1, c.Bytes+uint64(e.p.Levels[0].Wire), e.at
	}
	b.bulks++
	b.table.AddBulk(sample.p, nil, &bulk)
}

// first returns what began first of the talks with a prefix that are open.
func (b *bulker) first(prefix string) (first string) {
	for k, list := range b.open {
		if strings.HasPrefix(k, prefix) && (first == "" || list[0].at < b.open[first][0].at) {
			first = k
		}
	}
	return first
}

// ends is what the flows are in the end, without those times and details that
// counting in bulk does not know.
func ends(table *flow.Table, at int64) (map[string]int, []flowrecord.Record) {
	got := map[string]int{}
	records := flush(table, at)
	for _, r := range records {
		m := r.Metric
		got[fmt.Sprint(r.TrackingID, r.LayersPath, r.Application, r.LinkA, r.NetworkA, r.NetworkB, r.NetworkID, r.TransportB, m.ABPackets, m.ABBytes, m.BAPackets, m.BABytes, m.Last, r.ParentID != flowrecord.ID{})]++
	}
	return got, records
}

// TestBulkModel has any way to count packets, one by one or in bulk, give the
// same flows.
func TestBulkModel(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 5))
		in := talk(rng, 3000)
		change := func(c *flow.Config) { c.Capacity = 20000 }
		single, mixed := newTable(change), newTable(change)
		if seed%2 == 1 {
			mixed.UseQueue()
		}
		b := &bulker{table: mixed, rng: rng, open: map[string][]spoken{}}
		flushed := func(talk string) {
			if strings.HasPrefix(talk, "5") {
				// Flows in one tunnel share that one: what came first must be told first.
				for k := b.first("5"); k != "" && k != talk; k = b.first("5") {
					b.flush(k)
				}
			}
			b.flush(talk)
		}
		for _, e := range in {
			single.Add(e.p, nil, e.at)
			if e.alone || rng.IntN(8) == 0 && e.p.N == 1 {
				flushed(e.talk)
				mixed.Add(e.p, nil, e.at)
				continue
			}
			b.open[e.talk] = append(b.open[e.talk], e)
			if rng.IntN(10) == 0 {
				flushed(e.talk)
			}
		}
		for len(b.open) > 0 {
			b.flush(b.first(""))
		}
		at := in[len(in)-1].at
		want, _ := ends(single, at)
		got, _ := ends(mixed, at)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("seed %d: %d bulks change the flows", seed, b.bulks)
			for k := range want {
				if got[k] == 0 {
					t.Log("only one by one:", k)
				}
			}
			for k := range got {
				if want[k] == 0 {
					t.Log("only in bulk:", k)
				}
			}
		}
		if a, c := single.Stats(), mixed.Stats(); a.Packets != c.Packets || a.Bytes != c.Bytes || a.Created != c.Created {
			t.Errorf("seed %d: %+v and %+v", seed, a, c)
		}
	}
}

// TestBulkTCP has segments that come by themselves and those counted in bulk be
// one flow.
func TestBulkTCP(t *testing.T) {
	type step struct {
		bulk     *flow.Bulk
		back     bool
		flags    uint8
		seq, ack uint32
		at       int64
	}
	count := func(n uint64, first, last int64) flow.Count {
		return flow.Count{Packets: n, Bytes: n * 1000, First: second + first, Last: second + last}
	}
	open := []step{{flags: syn, seq: 10, at: 0}, {back: true, flags: syn | ack, seq: 90, ack: 11, at: 20}}
	data := step{flags: ack, bulk: &flow.Bulk{Same: count(1000, 30, 500), Reverse: count(500, 40, 510)}}
	fins := []step{{flags: fin | ack, seq: 1e6, at: 600}, {back: true, flags: fin | ack, seq: 5e5, at: 610}}
	late := step{flags: ack, bulk: &flow.Bulk{Same: count(1, 620, 620)}}
	for _, tc := range []struct {
		name   string
		steps  []step
		state  string
		ab, ba int64
		rtt    int64
	}{
		{"established by data", append(open[:2:2], data), "ESTABLISHED", 1001, 501, 20},
		{"data told before the SYN", []step{data, open[0], open[1]}, "ESTABLISHED", 1001, 501, 20},
		{"closed", append(append(open[:2:2], data), fins...), "CLOSING", 1002, 502, 20},
		{"and acknowledged", append(append(append(open[:2:2], data), fins...), late), "CLOSED", 1003, 502, 20},
		{"data told after the FINs", append(append(open[:2:2], fins...), data), "CLOSING", 1002, 502, 20},
		{"beginning not seen", []step{data}, "ESTABLISHED", 1000, 500, 0},
		{"one direction only", []step{{flags: ack, bulk: &flow.Bulk{Same: count(5, 30, 40)}}}, "", 5, 0, 0},
		{"the sample goes back", []step{{back: true, flags: ack, bulk: &flow.Bulk{Same: count(5, 40, 50), Reverse: count(7, 30, 60)}}}, "ESTABLISHED", 7, 5, 0},
		{"the sample is the SYN, told before", append(open[:2:2], step{flags: syn, seq: 10, bulk: data.bulk}), "ESTABLISHED", 1001, 501, 20},
		{"the SYN is in the bulk", []step{{flags: syn, seq: 10, bulk: data.bulk}}, "ESTABLISHED", 1000, 500, 0},
		{"SYNs again and again", []step{{flags: syn, seq: 10, bulk: &flow.Bulk{Same: count(5, 30, 40)}}}, "SYN_SENT", 5, 0, 0},
		{"a SYN of the sample does not begin anew", append(append(append(open[:2:2], data), fins...), step{flags: syn, seq: 10, bulk: late.bulk}), "CLOSED", 1003, 502, 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := newTable(func(c *flow.Config) { c.NoSequences = true })
			for _, s := range tc.steps {
				from, to := client, server
				if s.back {
					from, to = to, from
				}
				p := tcp(from, to, s.flags, s.seq, s.ack, 0)
				if s.bulk != nil {
					table.AddBulk(p, nil, s.bulk)
				} else {
					table.Add(p, nil, second+s.at)
				}
			}
			got := flush(table, second*2)
			if len(got) != 1 {
				t.Fatalf("%d flows", len(got))
			}
			r := got[0]
			if r.TCP.State != tc.state || r.Metric.ABPackets != tc.ab || r.Metric.BAPackets != tc.ba || r.Metric.RTT != tc.rtt {
				t.Errorf("%s, %d and %d packets, RTT %d; want %s, %d, %d, %d", r.TCP.State, r.Metric.ABPackets, r.Metric.BAPackets, r.Metric.RTT, tc.state, tc.ab, tc.ba, tc.rtt)
			}
			if r.NetworkA.String() != client.addr || r.TransportB != server.port {
				t.Errorf("from %s to port %d", r.NetworkA, r.TransportB)
			}
			for _, side := range []flowrecord.TCPSide{r.TCP.AB, r.TCP.BA} {
				if side.Skipped+side.SkippedBytes+side.Retransmits+side.OutOfOrder != 0 {
					t.Errorf("sequence: %+v", side)
				}
			}
		})
	}
}

// TestBulkBefore has a flow begin when its first packet came, as long as nobody
// was told its start.
func TestBulkBefore(t *testing.T) {
	for _, told := range []bool{false, true} {
		table := newTable(nil)
		table.Add(tcp(client, server, fin|ack, 1, 1, 0), nil, 20*second)
		var id flowrecord.ID
		want := second
		if told {
			id, want = expire(table, 35*second)[0].ID, 20*second
		}
		table.AddBulk(tcp(client, server, ack, 1, 1, 0), nil, &flow.Bulk{Same: flow.Count{Packets: 2, Bytes: 200, First: second, Last: 19 * second}})
		got := flush(table, 40*second)
		if len(got) != 1 || got[0].Metric.Start != want || got[0].Metric.ABPackets != 3 || got[0].Update.Start != want || told && got[0].ID != id {
			t.Errorf("told %v: %+v", told, got)
		}
	}
}

// TestBulkBytes says what levels inside of a tunnel count.
func TestBulkBytes(t *testing.T) {
	outer := level(client, host{2, "192.0.2.2", 4789}, packet.LayerUDP, 200)
	outer.Tunnel, outer.TunnelID, outer.Layers[3], outer.N = packet.LayerVXLAN, 5, packet.LayerVXLAN, 4
	for _, tc := range []struct {
		name           string
		inner          uint32
		captured, end  int
		packets, bytes uint64
		want           int64
	}{
		{"all as long as the sample", 150, 200, 200, 10, 2000, 1500},
		{"longer ones", 150, 200, 200, 10, 9000, 8500},
		{"the sample alone is padded", 140, 200, 190, 10, 9000, 8500},
		{"all padded", 140, 200, 190, 10, 2000, 1400},
		{"shorter than headers", 150, 200, 200, 10, 100, 0},
		{"a first fragment", 900, 200, 200, 10, 2000, 9000},
	} {
		o := outer
		o.End = int32(tc.end)
		table := newTable(nil)
		table.AddBulk(of(o, level(host{3, "10.0.0.1", 9}, host{4, "10.0.0.2", 10}, packet.LayerUDP, int(tc.inner))), make([]byte, tc.captured),
			&flow.Bulk{Same: flow.Count{Packets: tc.packets, Bytes: tc.bytes, First: 1, Last: 2}})
		for _, r := range flush(table, second) {
			want := int64(tc.bytes)
			if r.ParentID != (flowrecord.ID{}) {
				want = tc.want
			}
			if r.Metric.ABBytes != want || r.Metric.ABPackets != int64(tc.packets) {
				t.Errorf("%s: %s has %d packets, %d bytes; want %d", tc.name, r.LayersPath, r.Metric.ABPackets, r.Metric.ABBytes, want)
			}
		}
	}
}

// TestBulkFragments has fragments be a flow without ports.
func TestBulkFragments(t *testing.T) {
	table := newTable(nil)
	for _, i := range []int{0, 1} {
		table.AddBulk(fragment(client, server, 1, i, 3), nil, &flow.Bulk{Same: flow.Count{Packets: 5, Bytes: 5000, First: 1, Last: 9}})
	}
	got := flush(table, second)
	if n := table.Stats().Fragments; n != 10 {
		t.Errorf("%d fragments in all", n)
	}
	if len(got) != 1 || got[0].Fragments != 10 || got[0].Metric.ABPackets != 10 || got[0].TransportProtocol != "" {
		t.Errorf("%+v", got)
	}
}

// TestBulkMany has counts that no packet by itself ever makes be right.
func TestBulkMany(t *testing.T) {
	table := newTable(nil)
	s := newSums(t)
	const n = 3 << 32
	for i := range int64(4) {
		at := second * i
		table.AddBulk(udp(client, server, 100), nil, &flow.Bulk{Same: flow.Count{Packets: n + 5, Bytes: (n + 5) * 100, First: at, Last: at + 9}, Reverse: flow.Count{Packets: 1<<32 - 1, Bytes: 7, First: at, Last: at + 9}})
		table.Add(udp(server, client, 100), nil, at+10)
		table.Expire(at+second, s.emit)
	}
	table.Flush(4*second, flowrecord.FinishStopped, s.emit)
	for _, r := range s.last {
		if r.Metric.ABPackets != 4*(n+5) || r.Metric.BAPackets != 4<<32 || r.Metric.ABBytes != 4*(n+5)*100 {
			t.Errorf("%+v", r.Metric)
		}
	}
	if len(s.last) != 1 {
		t.Errorf("%d flows", len(s.last))
	}
}

// TestBulkOdd has counts that make no sense do no harm.
func TestBulkOdd(t *testing.T) {
	table := newTable(nil)
	s := newSums(t)
	p := udp(client, server, 100)
	table.AddBulk(p, nil, &flow.Bulk{})
	table.AddBulk(p, nil, &flow.Bulk{Same: flow.Count{Bytes: 100, First: 1, Last: 2}})
	if st := table.Stats(); st.Flows != 0 {
		t.Errorf("%+v", st)
	}
	table.AddBulk(of(), nil, &flow.Bulk{Same: flow.Count{Packets: 3}})
	table.AddBulk(p, nil, &flow.Bulk{Same: flow.Count{Packets: 3, First: 10, Last: 5}, Weight: 1 << 31})
	for range 3 {
		table.AddBulk(p, nil, &flow.Bulk{Reverse: flow.Count{Packets: 1<<64 - 1, Bytes: 1 << 40, First: 20, Last: 30}})
	}
	table.Flush(second, flowrecord.FinishStopped, s.emit)
	st := table.Stats()
	if st.Undecoded != 3 || st.Created != 1 || s.packets+int64(st.UnreportedPackets) != 3+3*(1<<39-1) {
		t.Errorf("%d packets, %+v", s.packets, st)
	}
	for _, r := range s.last {
		if r.SamplingRate != flow.MaxWeight || r.Metric.Start != 10 || r.Metric.Last != 30 {
			t.Errorf("%d, %+v", r.SamplingRate, r.Metric)
		}
	}
}
