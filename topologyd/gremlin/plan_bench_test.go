package gremlin

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/graph"
)

// networkGraph is a graph of the network of the benchmarks.
func networkGraph(b testing.TB, nodes int) *graph.Graph {
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
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		if _, err := q.Run(b.Context(), v, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGap runs heavy queries and reports as gap-ms for how long a run does
// not look whether it has to stop, in processor time of its thread: of each run
// the longest, of all runs the least.
func BenchmarkGap(b *testing.B) {
	v := networkGraph(b, 100_000).View()
	last := entitytest.NetworkName(99_999)
	for _, text := range heavyQueries(last) {
		q, err := Parse(text)
		if err != nil {
			b.Log(err)
			continue
		}
		b.Run(text[:min(len(text), 70)], func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			least := time.Duration(math.MaxInt64)
			defer reportCPU(b)()
			for b.Loop() {
				gap := &gapGovernor{last: threadTime()}
				if _, err := q.Run(b.Context(), v, Limits{Governor: gap, Memory: -1, Time: -1, Visited: -1}); err != nil {
					b.Fatal(err)
				}
				gap.note()
				least = min(least, gap.longest)
			}
			b.ReportMetric(float64(least.Microseconds())/1000, "gap-ms")
		})
	}
}

// heavyQueries look at all of a network in all ways there are.
func heavyQueries(last string) []string {
	return []string{
		"G.V().Has('Name', REGEX('.*x')).Count()",
		"G.V().HasEither(" + strings.Repeat("'MTU', GT(2000), ", 500) + "'MTU', 1).Count()",
		"G.V().Has('IPV4', IPV4RANGE('11.0.0.0/8')).Count()",
		"G.E().Has('Nothing', NE(1)).Count()",
		"G.V().Sort('Name')", "G.V().Sort('Name').Limit(50000)", "G.V().Order().By('Type').By('Name').Count()",
		"G.V().Dedup('Name').Count()", "G.V().Out().Dedup().Count()", "G.V().Keys()", "G.V().ValueMap().Count()",
		"G.V().Values('LinkFlags').Dedup().Count()", "G.V().Sum('MTU')", "G.V().As('a').Out().Select('a').Count()",
		"G.V().SubGraph()", "G.V().SubGraph().V().Both().Count()", "G.V().Neighbors(0).Count()", "G.V().Has('Type','host').Descendants(0).Count()",
		"G.V('Name','host-1').ShortestPathTo('Name','" + last + "', METADATA('RelationType','layer2'))",
		"G.V('Name','host-1').ShortestPathTo('Name','" + last + "', METADATA('RelationType','layer2'), 'Weight')",
		"G.V().Limit(1000).ShortestPathTo('Name','" + last + "').Count()",
		"G.V().Where(Out('Type','bridge')).Count()", "G.V().Not(Both(METADATA('Type','host'))).Count()",
		"G.V('Name','host-1-eth1').Repeat(Both()).Emit().Count()", "G.V().Repeat(Out()).Times(3).Count()",
		"G.V().Group().By('Type')", "G.V().Group().By('Name').By(Out().Count())", "G.V().Project('a','b').By('Name').By(Out().Count()).Count()",
		"G.V().Limit(3000).Both().Both().Path().Limit(100000)", "G.V().NextHop('10.0.0.1')",
	}
}

// gapGovernor measures how long a run goes on without being asked whether it may.
type gapGovernor struct {
	last, longest time.Duration
}

// threadTime is the processor time of the thread.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (g *gapGovernor) note() {
	now := threadTime()
	g.longest = max(g.longest, now-g.last)
	g.last = now
}

func (g *gapGovernor) Pace(context.Context) error { g.note(); return nil }

func (g *gapGovernor) Take(int) bool { return true }
