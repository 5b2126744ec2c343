package gremlin

import (
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// benchView is a graph of hosts with 100 interfaces of 10 attributes each,
// owned by their host, and all interfaces in one chain.
func benchView(b *testing.B, nodes int) *graph.View {
	b.Helper()
	g := graph.New(graph.DefaultConfig())
	now := time.Unix(1_700_000_000, 0)
	apply := func(e entity.Event) {
		e.Source, e.Time = "bench", now
		e.Attributes = e.Attributes.Normalize()
		p := g.Prepare(&e, 0)
		g.Apply(&p, now, nil)
	}
	types := []string{"veth", "device", "veth", "bridge", "veth"}
	var last entity.Ref
	n := 0
	for h := 0; n < nodes; h++ {
		host := entity.HostRef(fmt.Sprintf("host%d", h))
		apply(entity.Event{Ref: host, Attributes: entity.Attrs{
			entity.A("Name", entity.String(fmt.Sprintf("host%d", h))), entity.A("Type", entity.String("host")),
		}})
		n++
		for i := 0; i < 100 && n < nodes; i++ {
			ref := entity.InterfaceRef(fmt.Sprintf("host%d", h), "1", fmt.Sprint(i))
			e := entity.Event{Ref: ref, Attributes: entity.Attrs{
				entity.A("Name", entity.String(fmt.Sprintf("eth%d", n))), entity.A("Type", entity.String(types[i%len(types)])),
				entity.A("MTU", entity.Int(1500)), entity.A("State", entity.String("UP")), entity.A("IfIndex", entity.Int(int64(i))),
				entity.A("MAC", entity.String(fmt.Sprintf("02:00:00:%02x:%02x:%02x", n>>16, n>>8&255, n&255))),
				entity.A("Driver", entity.String("virtio")), entity.A("Speed", entity.Int(10000)),
				entity.A("LinkFlags", entity.Strings("UP", "BROADCAST")), entity.A("IPV4", entity.Strings(fmt.Sprintf("10.%d.%d.%d/8", n>>16, n>>8&255, n&255))),
			}}
			e.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: host}}
			if last.Type != "" {
				e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.Layer2, Target: last})
			}
			apply(e)
			last = ref
			n++
		}
	}
	v := g.View()
	if v.NodeCount() != nodes {
		b.Fatalf("%d nodes, want %d", v.NodeCount(), nodes)
	}
	return v
}

// reportCPU reports the processor time of the process per operation, which on
// a machine that others use says more than the time on the wall.
func reportCPU(b *testing.B) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkQuery runs queries on graphs of 10 k and 100 k nodes, one after the
// other; parsing is not part of the time, of /parse it is all.
func BenchmarkQuery(b *testing.B) {
	for _, nodes := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			v := benchView(b, nodes)
			last := fmt.Sprintf("eth%d", nodes-2)
			for _, q := range []struct{ name, text string }{
				{"name", "G.V().Has('Name','" + last + "')"},
				{"veth-count", "G.V().Has('Type','veth').Count()"},
				{"veth-out-count", "G.V().Has('Type','veth').Out().Count()"},
				{"veth-out-filter", "G.V().Has('Type','veth').Out('State','UP').Dedup().Count()"},
				{"scan", "G.V().Has('MTU', GT(1500)).Count()"},
				{"regex", "G.V().Has('Name', REGEX('eth.*99')).Count()"},
				{"range", "G.V().Has('IPV4', IPV4RANGE('10.0.1.0/24')).Count()"},
				{"path-chain", "G.V().Has('Name','eth1').ShortestPathTo(METADATA('Name','" + last + "'), METADATA('RelationType','layer2'))"},
				{"path-hosts", "G.V().Has('Name','eth1').ShortestPathTo(METADATA('Name','" + last + "'))"},
				{"path-near", "G.V().Has('Name','host3').ShortestPathTo(METADATA('Name','host5'))"},
				{"path-all-hosts", "G.V().Has('Type','host').ShortestPathTo(METADATA('Name','" + last + "')).Count()"},
				{"descendants", "G.V().Has('Type','host').Descendants(0).Count()"},
				{"subgraph", "G.V().Has('Type','veth').SubGraph().E().Count()"},
				{"shared-mac", "G.V().Has('Type','veth').Shared('MAC').Count()"},
				{"shared-address", "G.V().Has('Type','veth').Shared('IPV4').Count()"},
				{"sort-limit", "G.V().Sort(DESC,'Name').Limit(10)"},
			} {
				query := mustParse(b, q.text)
				b.Run(q.name, func(b *testing.B) {
					b.ReportAllocs()
					defer reportCPU(b)()
					for b.Loop() {
						if _, err := query.Run(b.Context(), v, Limits{}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			r, err := mustParse(b, "G.V().Limit(10000)").Run(b.Context(), v, Limits{})
			if err != nil {
				b.Fatal(err)
			}
			b.Run("json-10k", func(b *testing.B) {
				for b.Loop() {
					if err := r.WriteJSON(io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse("G.V().Has('Type', 'veth').Out().Count()"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
