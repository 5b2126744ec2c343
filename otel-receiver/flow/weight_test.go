package flow_test

import (
	"math/rand/v2"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
)

// TestWeights has packets that stand for others count as so many, in all levels
// and however they come.
func TestWeights(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 6))
		in := script(rng, 3000)
		table := newTable(func(c *flow.Config) {
			c.Capacity, c.Fragments, c.TCPDetails, c.Keep = 64<<(seed%4), 16, 20, int(seed%3)
			c.Update, c.Idle, c.HoldFinished, c.FragmentTimeout = 1e9, 3e9, 2e9, 1e9
		})
		if seed%2 == 1 {
			table.UseQueue()
		}
		s := newSums(t)
		var packets, bytes int64
		for _, e := range in {
			weight := uint32(1) << rng.IntN(17)
			table.AddKeep(e.p, nil, e.at, weight)
			for i := range e.p.N {
				packets += int64(weight)
				bytes += int64(weight) * int64(e.p.Levels[i].Wire)
			}
			if rng.IntN(20) == 0 {
				table.Expire(e.at+rng.Int64N(1e8), s.emit)
			}
		}
		table.Flush(in[len(in)-1].at+1, flowrecord.FinishStopped, s.emit)
		st := table.Stats()
		if s.packets+int64(st.UnreportedPackets) != packets || s.bytes+int64(st.UnreportedBytes) != bytes {
			t.Errorf("seed %d: %d packets, %d bytes told of %d, %d: %+v", seed, s.packets, s.bytes, packets, bytes, st)
		}
	}
}

// TestSamplingRate says what records tell when the rate changes: what the flow
// counted in all stays an estimate.
func TestSamplingRate(t *testing.T) {
	table := newTable(nil)
	p := udp(client, server, 100)
	at := second
	for i, tc := range []struct {
		weights []uint32
		want    int64
	}{
		{[]uint32{0, 1}, 0}, {[]uint32{1, 8, 4}, 8}, {[]uint32{1}, 8}, {[]uint32{1 << 20}, 1 << 16}, {[]uint32{2}, 1 << 16},
	} {
		for _, w := range tc.weights {
			at++
			table.AddWeighted(p, nil, at, w)
		}
		at += 20 * second
		got := expire(table, at)
		if len(got) != 1 || got[0].SamplingRate != tc.want {
			t.Errorf("update %d: %+v, want rate %d", i, got, tc.want)
		}
	}
	if got := flush(table, at); len(got) != 1 || got[0].SamplingRate != 1<<16 || !got[0].Update.IsZero() {
		t.Errorf("%+v", got)
	}
	// Another flow in its place knows nothing of that.
	table.AddWeighted(p, nil, at, 1)
	if got := flush(table, at); len(got) != 1 || got[0].SamplingRate != 0 {
		t.Errorf("%+v", got)
	}
}

// TestSampledTCP has a sampled connection have its times, but no sequence.
func TestSampledTCP(t *testing.T) {
	for _, weight := range []uint32{1, 4} {
		table := newTable(nil)
		for i, s := range append(handshake(100, 500),
			segment{flags: ack, seq: 5000, ack: 501, payload: 100, ms: 10},
			segment{flags: ack, seq: 5000, ack: 501, payload: 100, ms: 20},
			segment{back: true, flags: fin | ack, seq: 9000, ack: 5100, ms: 30}) {
			from, to := client, server
			if s.back {
				from, to = to, from
			}
			w := weight
			if i != 3 {
				w = 1 // one sampled packet is enough
			}
			table.AddWeighted(tcp(from, to, s.flags, s.seq, s.ack, s.payload), nil, second+s.ms*1e6, w)
		}
		r := flush(table, 2*second)[0]
		if r.Metric.RTT != 2e6 || r.TCP.AB.SynStart != second || r.TCP.BA.FinStart != second+30e6 || r.TCP.State != "FIN_WAIT" {
			t.Errorf("weight %d: RTT %d, %+v", weight, r.Metric.RTT, r.TCP)
		}
		sequence := r.TCP.AB.Skipped + r.TCP.AB.SkippedBytes + r.TCP.AB.Retransmits + r.TCP.BA.Skipped
		if (sequence == 0) != (weight > 1) {
			t.Errorf("weight %d: %+v", weight, r.TCP)
		}
	}
}

// TestKeep has the first packets of each flow be kept, with the ID that records
// have.
func TestKeep(t *testing.T) {
	for _, keep := range []int{0, 1, 3, -1} {
		rng := rand.New(rand.NewPCG(7, 7))
		in := script(rng, 2000)
		table := newTable(func(c *flow.Config) { c.Capacity, c.Keep = 20000, keep })
		table.UseQueue()
		kept, total, unknown := map[flowrecord.ID]int64{}, 0, 0
		for _, e := range in {
			id, ok := table.AddKeep(e.p, nil, e.at, 1)
			switch {
			case !ok && id != flowrecord.ID{}:
				t.Fatalf("an ID of what is not kept: %s", id)
			case ok && id == flowrecord.ID{}:
				unknown++
			case ok:
				kept[id]++
			}
			if ok {
				total++
			}
		}
		outer := 0
		for _, r := range flush(table, in[len(in)-1].at) {
			if r.RawPackets != kept[r.ID] {
				t.Errorf("keep %d: %s: %d packets kept, told %d", keep, line(&r), kept[r.ID], r.RawPackets)
			}
			if r.ParentID == (flowrecord.ID{}) {
				outer++
				if n := r.Metric.ABPackets + r.Metric.BAPackets; keep > 0 && r.Fragments == 0 && r.RawPackets != min(n, int64(keep)) {
					t.Errorf("keep %d: %s: %d of %d", keep, line(&r), r.RawPackets, n)
				}
			}
			delete(kept, r.ID)
		}
		if len(kept) != 0 {
			t.Errorf("keep %d: %d flows are not in records", keep, len(kept))
		}
		switch {
		case keep == 0 && total != 0, keep > 0 && (unknown != 0 || total > outer*keep), keep < 0 && total != len(in):
			t.Errorf("keep %d: %d kept, %d of them of no flow, %d flows, %d packets", keep, total, unknown, outer, len(in))
		}
	}
}

// TestNoAllocationsWeighted is TestNoAllocations for the other ways to add.
func TestNoAllocationsWeighted(t *testing.T) {
	in := script(rand.New(rand.NewPCG(1, 8)), 1000)
	table := newTable(func(c *flow.Config) { c.Update, c.Idle, c.HoldFinished, c.Keep = 1e8, 1e9, 1e9, 2 })
	at := int64(0)
	b := flow.Bulk{Weight: 2}
	round := func() {
		for i, e := range in {
			switch i % 3 {
			case 0:
				table.AddKeep(e.p, nil, at+e.at, 1)
			case 1:
				table.AddWeighted(e.p, nil, at+e.at, 8)
			default:
				b.Same = flow.Count{Packets: 10, Bytes: 5000, First: at + e.at, Last: at + e.at}
				b.Reverse = flow.Count{Packets: 5, Bytes: 2500, First: at + e.at - 1, Last: at + e.at}
				table.AddBulk(e.p, nil, &b)
			}
		}
		at += in[len(in)-1].at
		table.Expire(at, drop)
	}
	round()
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("%v allocations in a round", n)
	}
}
