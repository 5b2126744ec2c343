package graph

import (
	"runtime"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

func fill(g *Graph, n int) {
	for i := range n {
		e := entitytest.Network(i, t0)
		p := g.Prepare(&e, 0)
		g.Apply(&p, t0, nil)
	}
}

func BenchmarkApplyNew(b *testing.B) {
	events := make([]entity.Event, b.N)
	for i := range events {
		events[i] = entitytest.Network(i, t0)
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
		e := entitytest.Network(i%99_000, t0.Add(time.Duration(i)))
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
	e := entitytest.Network(5000, t0.Add(1))
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
		e := entitytest.Network(i, t0)
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
		for i := range n {
			e := entitytest.Network(i, t0)
			p := g.Prepare(&e, uint64(i+1)*0x9e3779b97f4a7c15)
			g.Apply(&p, t0, nil)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/node")
		runtime.KeepAlive(g)
	}
}

// BenchmarkViewAfterWrite applies one change and takes a view, in turn, in a
// graph of a million nodes.
func BenchmarkViewAfterWrite(b *testing.B) {
	if testing.Short() {
		b.Skip("fills a graph with a million nodes")
	}
	const n = 1_000_000
	g := New(DefaultConfig())
	fill(g, n)
	events := make([]Prepared, 1000)
	for i := range events {
		e := entitytest.Network(i*991+1, t0.Add(1))
		e.Attributes = e.Attributes.With("MTU", entity.Int(int64(i)))
		events[i] = g.Prepare(&e, 0)
	}
	for i := range events { // all nodes to what they will have once more
		g.Apply(&events[i], t0, nil)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p := &events[i%len(events)]
		p.Event.Attributes = p.Event.Attributes.With("MTU", entity.Int(int64(i)))
		fresh := g.Prepare(p.Event, 0)
		g.Apply(&fresh, t0, nil)
		g.View()
		i++
	}
}

// BenchmarkSlots reads all of 100,000 nodes by their slots.
func BenchmarkSlots(b *testing.B) {
	const n = 100_000
	g := New(DefaultConfig())
	fill(g, n)
	v := g.View()
	each := func(name string, f func(slot int32)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for slot := range v.NodeList() {
					f(slot)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/node")
		})
	}
	var buf []byte
	each("NodeAttr", func(slot int32) { v.NodeAttr(slot, "Type") })
	each("LookupNode", func(slot int32) { v.LookupNode(slot, "MTU", func(entity.Value) bool { return true }) })
	each("NodeAt", func(slot int32) { v.NodeAt(slot) })
	each("AppendNodeJSON", func(slot int32) { buf = v.AppendNodeJSON(buf[:0], slot) })
	each("OutSlots", func(slot int32) {
		for range v.OutSlots(slot) {
		}
	})
	each("EdgeAt", func(slot int32) {
		for e := range v.OutSlots(slot) {
			v.EdgeAt(e)
		}
	})
}
