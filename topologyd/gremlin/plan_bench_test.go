package gremlin

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/graph"
)

// networkGraph is a graph of the network of the benchmarks.
func networkGraph(b *testing.B, nodes int) *graph.Graph {
	b.Helper()
	g := graph.New(graph.DefaultConfig())
	now := time.Unix(1_700_000_000, 0)
	for i := range nodes {
		e := entitytest.Network(i, now)
		p := g.Prepare(&e, 0)
		g.Apply(&p, now, nil)
	}
	return g
}

// BenchmarkPlan runs queries that a plan makes fast on graphs of 100 k and 1 M
// nodes; those that need an index by order once without and once with it.
// gap-ms/op is the longest time in which a run did not look whether it has to
// stop.
func BenchmarkPlan(b *testing.B) {
	for _, nodes := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			g := networkGraph(b, nodes)
			name := entitytest.NetworkName(nodes / 2)
			plain := []struct{ name, text string }{
				{"name", "G.V().Has('Name','" + name + "')"},
				{"type-count", "G.V().Has('Type','veth').Count()"},
				{"type-out-count", "G.V().Has('Type','veth').Out().Count()"},
				{"type-out-filter", "G.V().Has('Type','veth').Out('Type','bridge').Count()"},
				{"type-out-dedup", "G.V().Has('Type','veth').Out().Dedup().Count()"},
				{"two-terms", "G.V().Has('Type','veth').Has('State','UP').Count()"},
				{"two-terms-limit", "G.V().Has('State','UP').Has('Type','veth').Limit(10)"},
				{"within", "G.V().Has('Type', WITHIN('bridge','vxlan')).Count()"},
				{"either-out", "G.V().HasEither('Name','host-7','Name','" + name + "').Out()"},
				{"limit", "G.V().Limit(10)"},
				{"edges", "G.E().Has('RelationType','layer2').Count()"},
				{"not", "G.V().Has('Type', NE('veth')).Count()"},
				{"key", "G.V().HasKey('MTU').Count()"},
				{"regex-few", "G.V().Has('Name', REGEX('host-7-eth[1-4]'))"},
				{"sort-limit", "G.V().Sort('Name').Limit(10)"},
				{"values", "G.V().Has('Type','bridge').Values('Name').Limit(1000)"},
			}
			ordered := []struct{ name, text string }{
				{"range", "G.V().Has('IfIndex', GT(99)).Count()"},
				{"range-name", "G.V().Has('Type','veth').Has('IfIndex', BETWEEN(4, 8)).Count()"},
				{"prefix", "G.V().Has('Name', REGEX('host-7-eth.*')).Count()"},
				{"network", "G.V().Has('IPV4', IPV4RANGE('10.0.7.0/24')).Count()"},
			}
			for _, q := range plain {
				b.Run(q.name, func(b *testing.B) { benchPlan(b, g.View(), q.text) })
			}
			for _, q := range ordered {
				b.Run(q.name+"/scan", func(b *testing.B) { benchPlan(b, g.View(), q.text) })
			}
			start := time.Now()
			built := g.BuildWanted(b.Context())
			b.Logf("%d indexes by order in %v", built, time.Since(start))
			for _, q := range ordered {
				b.Run(q.name+"/index", func(b *testing.B) { benchPlan(b, g.View(), q.text) })
			}
		})
	}
}

func benchPlan(b *testing.B, v *graph.View, text string) {
	q := mustParse(b, text)
	gap := &gapGovernor{}
	b.ReportAllocs()
	done := reportCPU(b)
	for b.Loop() {
		gap.last = time.Now()
		if _, err := q.Run(b.Context(), v, Limits{Governor: gap}); err != nil {
			b.Fatal(err)
		}
		gap.note()
	}
	done()
	b.ReportMetric(float64(gap.longest.Microseconds())/1000, "gap-ms")
}

// gapGovernor measures how long a run goes on without being asked whether it may.
type gapGovernor struct {
	last    time.Time
	longest time.Duration
}

func (g *gapGovernor) note() {
	now := time.Now()
	g.longest = max(g.longest, now.Sub(g.last))
	g.last = now
}

func (g *gapGovernor) Pace(context.Context) error { g.note(); return nil }

func (g *gapGovernor) Take(int) bool { return true }
