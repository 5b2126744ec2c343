package gremlin

import (
	"fmt"
	"testing"
)

// BenchmarkTraversal runs sub-traversals for each of 100 k nodes.
func BenchmarkTraversal(b *testing.B) {
	const nodes = 100_000
	v := benchView(b, nodes)
	for _, q := range []struct{ name, text string }{
		{"scan", "G.V().Has('MTU', LT(9000)).Count()"},
		{"where", "G.V().Where(Out('Type','bridge')).Count()"},
		{"where-has", "G.V().Where(Has('Type','bridge')).Count()"},
		{"where-edges", "G.V().Where(OutE('RelationType','layer2').OutV('Type','bridge')).Count()"},
		{"where-count", "G.V().Where(Out().Count().Is(GT(1))).Count()"},
		{"where-values", "G.V().Where(Values('MTU').Is(GT(1500))).Count()"},
		{"where-dedup", "G.V().Where(Out('Type', WITHIN('veth', 'bridge')).Out().Dedup().Count().Is(GT(1))).Count()"},
		{"where-tree", "G.V().Where(Neighbors('RelationType','layer2',2).Has('Type','bridge')).Count()"},
		{"not", "G.V().Not(In()).Count()"},
		{"and-or", "G.V().And(Or(Has('Type','veth'),Has('Type','bridge')),Out('Type','veth')).Count()"},
		{"nested", "G.V().Where(Out().Where(Out().Where(Has('Type','bridge')))).Count()"},
		{"repeat-emit", "G.V('Type','host').Repeat(Out()).Emit().Count()"},
		{"repeat-tree", "G.V('Type','host').Descendants(0).Count()"},
		{"repeat-chain", "G.V('Name','eth5').Repeat(Both('Type',NE('host'))).Emit().Count()"},
		{"repeat-until", "G.V('Type','bridge').Repeat(In()).Until(Has('Type','host')).Count()"},
		{"repeat-times", "G.V('Type','host').Repeat(Out()).Times(10).Count()"},
		{"where-repeat", "G.V().Where(Repeat(In()).Until(Has('Type','host'))).Count()"},
		{"out-out", "G.V().Out().Out('Type','veth').Dedup().Limit(50000).Values('Name').Count()"},
		{"out-out-path", "G.V().Out().Out('Type','veth').Dedup().Limit(50000).Path()"},
		{"path-count", "G.V().Out().Out('Type','veth').Path().Count()"},
		{"repeat-path", "G.V('Type','bridge').Repeat(In()).Until(Has('Type','host')).Path()"},
	} {
		query := mustParse(b, q.text)
		b.Run(fmt.Sprintf("%s/nodes=%d", q.name, nodes), func(b *testing.B) {
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
