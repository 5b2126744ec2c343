package gremlin

import (
	"fmt"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/graph"
)

// networkView is the graph of the predecessor's figures: nearly two edges for
// each node.
func networkView(b *testing.B, nodes int) *graph.View {
	b.Helper()
	g := graph.New(graph.DefaultConfig())
	now := time.Unix(1_700_000_000, 0)
	for i := range nodes {
		e := entitytest.Network(i, now)
		p := g.Prepare(&e, 0)
		g.Apply(&p, now, nil)
	}
	return g.View()
}

// BenchmarkSearch runs searches that go through much of a graph of 100 k nodes
// and 200 k edges, and orders and groups of all of its nodes.
func BenchmarkSearch(b *testing.B) {
	const nodes = 100_000
	v := networkView(b, nodes)
	name := entitytest.NetworkName
	for _, q := range []struct{ name, text string }{
		{"bfs", "G.V().Has('Name', 'host-0').Neighbors(0).Count()"},
		{"bfs-layer2", fmt.Sprintf("G.V().Has('Name', '%s').Neighbors('RelationType', 'layer2', 0).Count()", name(nodes/2))},
		{"bfs-descendants", "G.V().Has('Type', 'host').Descendants(0).Count()"},
		{"path-far", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name', '%s'))", name(1), name(nodes-1))},
		{"path-half", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name', '%s'))", name(nodes/4), name(3*nodes/4))},
		{"path-near", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name', '%s'))", name(nodes/2+1), name(nodes/2+250))},
		{"path-chain", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name', '%s'), METADATA('RelationType', 'layer2'))", name(1), name(nodes-1))},
		{"path-regex", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name', REGEX('host-5..-eth7')))", name(nodes/4))},
		{"path-none", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name', 'nobody'))", name(1))},
		{"weight-far", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name', '%s'), 'Cost')", name(1), name(nodes-1))},
		{"weight-near", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name', '%s'), 'Cost')", name(nodes/2+1), name(nodes/2+250))},
		{"sort-limit", "G.V().Sort(DESC, 'Name').Limit(10)"},
		{"sort", "G.V().Sort(DESC, 'Name').Count()"},
		{"sort-values", "G.V().Sort(DESC, 'Name').Values('Name')"},
		{"order-by-limit", "G.V().Order().By('Type').By('Name', DESC).Limit(10)"},
		{"order-by-degree", "G.V().Order().By(Out().Count(), DESC).Limit(10)"},
		{"group-count", "G.V().Group().By('Type').By(Count())"},
		{"project", "G.V().Has('Type', 'host').Project('name', 'ports').By('Name').By(Out().Count())"},
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
}
