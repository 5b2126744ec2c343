package graph

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/join"
)

// ovsRows are rows as those that unify interfaces of the kernel and of Open
// vSwitch, two of each kind, and that of tunnels.
func ovsRows() (rows []join.Row) {
	from := [][]string{{"@Host", "id(namespace)", "id(ifindex)", "Name"}, {"@Host", "Name", "MAC"}, {"@Host", "Name"}}
	to := [][]string{{"Ovs.HostID", "Ovs.NetNS", "IfIndex", "Name"}, {"Ovs.HostID", "Name", "MAC"}, {"Ovs.HostID", "Name"}}
	for i := range from {
		var where []join.Condition
		if i == 2 {
			where = []join.Condition{{Key: "Type", In: []string{"tun", "openvswitch"}}}
		}
		for _, internal := range []bool{true, false} {
			cond := join.Condition{Key: "Type", NotIn: []string{"internal"}}
			if internal {
				cond = join.Condition{Key: "Type", In: []string{"internal"}}
			}
			rows = append(rows, join.Row{
				Name: fmt.Sprintf("ovs%d-%v", i, internal), Kind: join.Same, Priority: 10 * i,
				From: join.Side{Entity: entity.TypeInterface, Where: where, Key: from[i]},
				To:   join.Side{Entity: entity.TypeOvsInterface, Where: []join.Condition{cond}, Key: to[i]},
			})
		}
	}
	return append(rows, tunnelRow())
}

func setRows(g *Graph) {
	for _, row := range ovsRows() {
		e := rowEvent(row, t0)
		p := g.Prepare(&e, 0)
		g.Apply(&p, t0, nil)
	}
}

// BenchmarkRows measures what rows cost that look at every interface.
func BenchmarkRows(b *testing.B) {
	b.Run("ApplyNew", func(b *testing.B) {
		events := make([]entity.Event, b.N)
		for i := range events {
			events[i] = entitytest.Network(i, t0)
		}
		g := New(DefaultConfig())
		setRows(g)
		b.ReportAllocs()
		b.ResetTimer()
		for i := range events {
			p := g.Prepare(&events[i], 0)
			g.Apply(&p, t0, nil)
		}
	})
	b.Run("ApplyChange", func(b *testing.B) {
		g := New(DefaultConfig())
		setRows(g)
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
	})
	b.Run("Memory", func(b *testing.B) {
		for b.Loop() {
			const n = 100_000
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			g := New(DefaultConfig())
			setRows(g)
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
	})
	b.Run("SetRow", func(b *testing.B) {
		g := New(DefaultConfig())
		fill(g, 100_000)
		row := ovsRows()[0]
		for b.Loop() {
			e := rowEvent(row, t0)
			p := g.Prepare(&e, 0)
			p.Force = true
			g.Apply(&p, t0, nil)
			gone := entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: e.Source, Time: t0}
			p = g.Prepare(&gone, 0)
			g.Apply(&p, t0, nil)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/node")
	})
}
