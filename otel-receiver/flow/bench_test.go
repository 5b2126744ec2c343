//go:build unix

package flow_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"syscall"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// traffic makes acknowledgements of many TCP connections in random order, both
// directions, without memory of its own: it writes into one frame.
type traffic struct {
	flows uint64
	state uint64
	frame [60]byte
}

func newTraffic(flows int) *traffic {
	g := &traffic{flows: uint64(flows), state: 1}
	copy(g.frame[:], []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6})
	g.frame[46], g.frame[47], g.frame[48] = 5<<4, packet.FlagACK, 1
	return g
}

// write makes the next frame of flow n.
func (g *traffic) write(n uint64, back bool) []byte {
	a, b, p, q := 26, 30, 34, 36
	src, dst := byte(1), byte(2)
	if back {
		a, b, p, q = b, a, q, p
		src, dst = dst, src
	}
	g.frame[5], g.frame[11] = src, dst
	binary.BigEndian.PutUint32(g.frame[a:], 0x0a000000+uint32(n>>8))
	binary.BigEndian.PutUint32(g.frame[b:], 0xc0a80001)
	binary.BigEndian.PutUint16(g.frame[p:], 20000+uint16(n&0xff))
	binary.BigEndian.PutUint16(g.frame[q:], 443)
	return g.frame[:]
}

func (g *traffic) next() []byte {
	g.state = g.state*6364136223846793005 + 1442695040888963407
	n := g.state >> 33 * g.flows >> 31
	return g.write(n, g.state>>32&1 != 0)
}

func benchConfig(flows int) flow.Config {
	cfg := flow.DefaultConfig()
	cfg.Capacity = max(flows, 65536)
	return cfg
}

var sizes = []int{1000, 100_000, 1_000_000}

// cpuTime reports the processor time of an operation beside its time by the
// clock, which other programs on the machine make longer.
func cpuTime(b *testing.B) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	from := used()
	return func() { b.ReportMetric(float64(used()-from)/float64(b.N), "cpu-ns/op") }
}

func drop(*flowrecord.Record) {}

// BenchmarkAdd decodes packets of so many connections in random order and
// counts them.
func BenchmarkAdd(b *testing.B) {
	for _, flows := range sizes {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			table, d, p := flow.New(benchConfig(flows), flow.Place{}, nil), packet.New(), new(packet.Packet)
			g := newTraffic(flows)
			for n := range flows {
				f := g.write(uint64(n), false)
				d.Decode(p, packet.LinkEthernet, f, len(f))
				table.Add(p, f, 1e9)
			}
			b.ReportAllocs()
			b.ResetTimer()
			defer cpuTime(b)()
			at := int64(1e9)
			for range b.N {
				f := g.next()
				d.Decode(p, packet.LinkEthernet, f, len(f))
				table.Add(p, f, at)
				at += 100
			}
		})
	}
}

// BenchmarkTunnel decodes and counts frames in VXLAN: two flows each.
func BenchmarkTunnel(b *testing.B) {
	for _, flows := range sizes {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			table, d, p := flow.New(benchConfig(flows), flow.Place{}, nil), packet.New(), new(packet.Packet)
			g := newTraffic(flows)
			outer := append(make([]byte, 0, 110), 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 96, 0, 0, 0x40, 0, 64, 17, 0, 0,
				172, 16, 0, 1, 172, 16, 0, 2, 0xc0, 0, 4789>>8, 4789&0xff, 0, 76, 0, 0, 8, 0, 0, 0, 0, 0, 10, 0)
			outer = outer[:len(outer)+len(g.frame)]
			inner := outer[len(outer)-len(g.frame):]
			for n := range flows {
				copy(inner, g.write(uint64(n), false))
				d.Decode(p, packet.LinkEthernet, outer, len(outer))
				table.Add(p, outer, 1e9)
			}
			b.ReportAllocs()
			b.ResetTimer()
			defer cpuTime(b)()
			at := int64(1e9)
			for range b.N {
				copy(inner, g.next())
				d.Decode(p, packet.LinkEthernet, outer, len(outer))
				table.Add(p, outer, at)
				at += 100
			}
			if p.N != 2 {
				b.Fatal("no tunnel")
			}
		})
	}
}

// BenchmarkTraffic is what BenchmarkAdd spends on making and decoding packets.
func BenchmarkTraffic(b *testing.B) {
	for _, flows := range sizes {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			d, p := packet.New(), new(packet.Packet)
			g := newTraffic(flows)
			defer cpuTime(b)()
			for range b.N {
				f := g.next()
				d.Decode(p, packet.LinkEthernet, f, len(f))
			}
		})
	}
}

// BenchmarkMap does what BenchmarkAdd does with a map of Go, counters only.
func BenchmarkMap(b *testing.B) {
	type end struct {
		mac  [6]byte
		addr [16]byte
		port uint16
	}
	type key struct {
		a, b  end
		proto uint8
	}
	type counts struct {
		packets, bytes [2]uint64
		last           int64
	}
	for _, flows := range sizes {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			table, d, p := make(map[key]*counts, flows), packet.New(), new(packet.Packet)
			g := newTraffic(flows)
			addOne := func(f []byte, at int64) {
				d.Decode(p, packet.LinkEthernet, f, len(f))
				l := &p.Levels[0]
				k := key{a: end{mac: l.SrcMAC, port: l.SrcPort}, b: end{mac: l.DstMAC, port: l.DstPort}, proto: l.Proto}
				copy(k.a.addr[:4], l.Src[:4])
				copy(k.b.addr[:4], l.Dst[:4])
				dir := 0
				if k.a.port < k.b.port {
					k.a, k.b, dir = k.b, k.a, 1
				}
				c := table[k]
				if c == nil {
					c = new(counts)
					table[k] = c
				}
				c.packets[dir]++
				c.bytes[dir] += uint64(l.Wire)
				c.last = at
			}
			for n := range flows {
				addOne(g.write(uint64(n), false), 1e9)
			}
			b.ReportAllocs()
			b.ResetTimer()
			defer cpuTime(b)()
			for i := range b.N {
				addOne(g.next(), int64(i))
			}
		})
	}
}

// BenchmarkNew makes a new flow of each packet in a full table: each makes
// another one end.
func BenchmarkNew(b *testing.B) {
	cfg := benchConfig(65536)
	table, d, p := flow.New(cfg, flow.Place{}, nil), packet.New(), new(packet.Packet)
	g := newTraffic(1 << 24)
	b.ReportAllocs()
	at := int64(1e9)
	for i := range b.N {
		f := g.write(uint64(i)&(1<<24-1), false)
		d.Decode(p, packet.LinkEthernet, f, len(f))
		table.Add(p, f, at)
		at += 1000
		if i%512 == 511 {
			table.Expire(at, drop)
		}
	}
}

// BenchmarkReport makes the records of all flows of a table.
func BenchmarkReport(b *testing.B) {
	const flows = 100_000
	table, d, p := flow.New(benchConfig(flows), flow.Place{}, nil), packet.New(), new(packet.Packet)
	g := newTraffic(flows)
	at := int64(1e9)
	b.ReportAllocs()
	for n := 0; n < b.N; {
		b.StopTimer()
		for i := range flows {
			f := g.write(uint64(i), false)
			d.Decode(p, packet.LinkEthernet, f, len(f))
			table.Add(p, f, at)
		}
		at += 11e9
		b.StartTimer()
		for range 16 { // each of them is bounded
			table.Expire(at, func(*flowrecord.Record) { n++ })
		}
	}
}

// BenchmarkSweep looks at a table of a million flows of which none is due.
func BenchmarkSweep(b *testing.B) {
	const flows = 1_000_000
	table, d, p := flow.New(benchConfig(flows), flow.Place{}, nil), packet.New(), new(packet.Packet)
	g := newTraffic(flows)
	for i := range flows {
		f := g.write(uint64(i), false)
		d.Decode(p, packet.LinkEthernet, f, len(f))
		table.Add(p, f, 1e9)
	}
	at := int64(1e9)
	table.Expire(at, drop)
	b.ResetTimer()
	for range b.N {
		at += 100 // the least that a call looks at: 32,768 slots
		table.Expire(at, drop)
	}
}

// BenchmarkMemory tells the memory of a full table, of a flow.
func BenchmarkMemory(b *testing.B) {
	const flows = 1_000_000
	cfg := benchConfig(flows)
	for range b.N {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		table := flow.New(cfg, flow.Place{}, nil)
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/flows, "B/flow")
		runtime.KeepAlive(table)
	}
}

// BenchmarkBulk counts bulks of both directions of so many connections.
func BenchmarkBulk(b *testing.B) {
	for _, flows := range sizes {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			table, d, p := flow.New(benchConfig(flows), flow.Place{}, nil), packet.New(), new(packet.Packet)
			g := newTraffic(flows)
			bulk := flow.Bulk{Same: flow.Count{Packets: 100, Bytes: 6000, First: 1e9, Last: 2e9}, Reverse: flow.Count{Packets: 50, Bytes: 3000, First: 1e9, Last: 2e9}}
			for n := range flows {
				f := g.write(uint64(n), false)
				d.Decode(p, packet.LinkEthernet, f, len(f))
				table.AddBulk(p, f, &bulk)
			}
			bulk.Same.First, bulk.Reverse.First = 15e8, 15e8
			b.ReportAllocs()
			b.ResetTimer()
			defer cpuTime(b)()
			for range b.N {
				f := g.next()
				d.Decode(p, packet.LinkEthernet, f, len(f))
				table.AddBulk(p, f, &bulk)
			}
		})
	}
}
