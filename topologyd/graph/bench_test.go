package graph

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// synthetic is the graph of the predecessor's figures: hosts of 100 interfaces
// with ten attributes each, ownership edges, and a chain of layer2 edges from
// one host's last interface to the next one's first.
func synthetic(i int, at time.Time) entity.Event {
	h, n := fmt.Sprintf("host-%d", i/101), i%101
	if n == 0 {
		return entity.Event{
			Ref: entity.HostRef(h), Source: "host", Time: at, Interval: 30 * time.Second,
			Attributes: entity.Attrs{entity.A("Name", entity.String(h)), entity.A("Type", entity.String("host"))},
		}
	}
	typ := [...]string{"veth", "veth", "bridge", "device", "vxlan"}[n%5]
	e := entity.Event{
		Ref: entity.InterfaceRef(h, "4026531840", fmt.Sprint(n)), Source: "netlink", Time: at, Interval: 30 * time.Second,
		Attributes: entity.Attrs{
			entity.A("Driver", entity.String(typ)), entity.A("EncapType", entity.String("ether")),
			entity.A("IPV4", entity.Strings(fmt.Sprintf("10.%d.%d.%d/24", i>>16&255, i>>8&255, i&255))),
			entity.A("IfIndex", entity.Int(int64(n))), entity.A("LinkFlags", entity.Strings("UP", "BROADCAST", "MULTICAST")),
			entity.A("MAC", entity.String(fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", i>>24&255, i>>16&255, i>>8&255, i&255))),
			entity.A("MTU", entity.Int(1500)), entity.A("Name", entity.String(fmt.Sprintf("%s-eth%d", h, n))),
			entity.A("State", entity.String("UP")), entity.A("Type", entity.String(typ)),
		},
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(h)}},
	}
	if n > 1 {
		e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelMemberOf, Target: entity.InterfaceRef(h, "4026531840", fmt.Sprint(n-1))})
	} else if i > 101 {
		e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelMemberOf, Target: entity.InterfaceRef(fmt.Sprintf("host-%d", i/101-1), "4026531840", "100")})
	}
	return e
}

func fill(g *Graph, n int) {
	for i := range n {
		e := synthetic(i, t0)
		p := g.Prepare(&e, 0)
		g.Apply(&p, t0, nil)
	}
}

func BenchmarkApplyNew(b *testing.B) {
	events := make([]entity.Event, b.N)
	for i := range events {
		events[i] = synthetic(i, t0)
	}
	g := New(DefaultConfig())
	b.ReportAllocs()
	b.ResetTimer()
	for i := range events {
		p := g.Prepare(&events[i], 0)
		g.Apply(&p, t0, nil)
	}
}

func BenchmarkApplyChange(b *testing.B) {
	g := New(DefaultConfig())
	fill(g, 100_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e := synthetic(i%99_000, t0.Add(time.Duration(i)))
		e.Attributes = e.Attributes.With("MTU", entity.Int(int64(i)))
		p := g.Prepare(&e, 0)
		g.Apply(&p, t0, nil)
		if i++; i%100 == 0 {
			g.View()
		}
	}
}

func BenchmarkCheckUnchanged(b *testing.B) {
	g := New(DefaultConfig())
	fill(g, 100_000)
	e := synthetic(5000, t0.Add(1))
	b.ReportAllocs()
	for b.Loop() {
		p := g.Prepare(&e, 0)
		g.Check(&p, t0, nil)
	}
}

func BenchmarkTouch(b *testing.B) {
	g := New(DefaultConfig())
	lines, times, hit := make([]uint64, 1000), make([]int64, 1000), make([]bool, 1000)
	for i := range lines {
		e := synthetic(i, t0)
		lines[i] = uint64(i) + 1
		p := g.Prepare(&e, lines[i])
		g.Apply(&p, t0, nil)
	}
	for b.Loop() {
		g.Touch(lines, times, hit, t0, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/report")
}

func BenchmarkViewNodesWith(b *testing.B) {
	g := New(DefaultConfig())
	fill(g, 100_000)
	v := g.View()
	value := entity.String("host-500-eth50")
	b.ReportAllocs()
	for b.Loop() {
		nodes, _ := v.NodesWith("Name", value)
		for range nodes {
		}
	}
}

// BenchmarkMemory reports the heap bytes of a node with its two edges.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		const n = 100_000
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		g := New(DefaultConfig())
		fill(g, n)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/node")
		runtime.KeepAlive(g)
	}
}
