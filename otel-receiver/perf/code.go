package main

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/internal/perf/table"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// measureCode times decoder and flow table by themselves, on one core, in
// processor time.
func measureCode(t *table.Table) {
	for _, c := range []struct{ what, sample, goal string }{
		{"decode Ethernet/IPv4/TCP", "tcp4", "15 ns, 0 allocations"},
		{"decode through VXLAN", "vxlan", "40 ns, 0 allocations"},
	} {
		s := sample(c.sample)
		if s == nil {
			continue
		}
		d, p := packet.New(), new(packet.Packet)
		ours := timed(func(n int) {
			for range n {
				d.Decode(p, s.Link, s.Data, s.Wire)
			}
		})
		theirs := timed(func(n int) {
			for range n {
				gopacket.NewPacket(s.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
			}
		})
		t.Add(c.what, c.goal, "%.1f ns, %d allocations (gopacket: %.0f ns, %d; ratio %.0f)", ns(ours), ours.AllocsPerOp(),
			ns(theirs), theirs.AllocsPerOp(), ns(theirs)/ns(ours))
	}
	for _, n := range []int{1000, 100_000, 1_000_000} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		cfg := flow.DefaultConfig()
		cfg.Capacity = max(n, 65536)
		table := flow.New(cfg, flow.Place{}, nil)
		runtime.GC()
		runtime.ReadMemStats(&after)
		memory := after.TotalAlloc - before.TotalAlloc
		d, p, g := packet.New(), new(packet.Packet), newTraffic(n)
		for i := range n {
			f := g.write(uint64(i))
			d.Decode(p, packet.LinkEthernet, f, len(f))
			table.Add(p, f, 1e9)
		}
		at := int64(1e9)
		r := timed(func(n int) {
			for range n {
				f := g.next()
				d.Decode(p, packet.LinkEthernet, f, len(f))
				table.Add(p, f, at)
				at += 100
			}
		})
		t.Add(fmt.Sprintf("decode + flow table, %d live flows in random order", n), map[int]string{1000: "40 ns", 1_000_000: "150 ns"}[n],
			"%.0f ns, %d allocations", ns(r), r.AllocsPerOp())
		if n == 1_000_000 {
			t.Add("memory a live flow", "256 B", "%d B", memory/uint64(n))
		}
		runtime.KeepAlive(table)
	}
}

// timed runs a benchmark. What it tells is processor time, so that what else the
// machine does counts little.
func timed(fn func(n int)) testing.BenchmarkResult {
	return testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		from := processor()
		fn(b.N)
		b.ReportMetric(float64(processor()-from)/float64(b.N), "cpu-ns")
	})
}

func ns(r testing.BenchmarkResult) float64 { return r.Extra["cpu-ns"] }

func sample(name string) *packettest.Sample {
	for _, s := range packettest.Samples() {
		if s.Name == name {
			return &s
		}
	}
	return nil
}

// traffic writes acknowledgements of many TCP connections, in random order,
// into one frame.
type traffic struct {
	flows, state uint64
	frame        [60]byte
}

func newTraffic(flows int) *traffic {
	g := &traffic{flows: uint64(flows), state: 1}
	copy(g.frame[:], []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6})
	g.frame[46], g.frame[47], g.frame[48] = 5<<4, packet.FlagACK, 1
	return g
}

func (g *traffic) write(n uint64) []byte {
	binary.BigEndian.PutUint32(g.frame[26:], 0x0a000000+uint32(n>>8))
	binary.BigEndian.PutUint32(g.frame[30:], 0xc0a80001)
	binary.BigEndian.PutUint16(g.frame[34:], 20000+uint16(n&0xff))
	binary.BigEndian.PutUint16(g.frame[36:], 443)
	return g.frame[:]
}

func (g *traffic) next() []byte {
	g.state = g.state*6364136223846793005 + 1442695040888963407
	return g.write(g.state >> 33 * g.flows >> 31)
}
