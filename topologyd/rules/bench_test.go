package rules

import (
	"fmt"
	"hash/maphash"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/fabric"
	"github.com/skein-net/skein/topologyd/graph"
)

// BenchmarkEvaluate works out and compares what ten rules and a fabric ask for
// on a graph of 100,000 nodes that holds it already.
func BenchmarkEvaluate(b *testing.B) {
	g := graph.New(graph.DefaultConfig())
	now := time.Now()
	put := func(e entity.Event) {
		e.Time = now
		p := g.Prepare(&e, 0)
		g.Apply(&p, now, nil)
	}
	for h := range 1000 {
		name := fmt.Sprint("h", h)
		e := host(name)
		e.Source = "netlink"
		put(e)
		for i := range 99 {
			e := link(name, i, "MAC", fmt.Sprint(h, i), "State", "UP")
			e.Source = "netlink"
			put(e)
		}
	}
	defs := &definitions{fabrics: []*definition.Definition{{Kind: KindFabric, ID: "f", Spec: &fabric.Spec{Lines: []string{"TOR --> *[Type=host]/eth0"}}}}}
	for i := range 10 {
		defs.nodes = append(defs.nodes, &definition.Definition{Kind: KindNodeRule, ID: fmt.Sprint(i), Spec: &NodeRule{
			Action: ActionUpdate, Query: fmt.Sprintf("G.V().Has('Name','eth%d')", i), Metadata: text("Owner", "netops"),
		}})
	}
	cfg := DefaultConfig()
	evaluate := func() []step {
		d := newDesired(g.View(), limits{cfg.Query, cfg.MaxNodes, cfg.MaxEdges, cfg.MaxFacets}, maphash.MakeSeed())
		d.build(b.Context(), defs)
		steps, _ := d.difference()
		return steps
	}
	steps := evaluate()
	if len(steps) != 10_001 {
		b.Fatal(len(steps))
	}
	for i := range steps {
		put(steps[i].event)
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(evaluate()); n != 0 {
			b.Fatal(n)
		}
	}
}

// BenchmarkWants decides whether a change of one attribute matters.
func BenchmarkWants(b *testing.B) {
	cares := interestIn(&definitions{nodes: []*definition.Definition{{Spec: &NodeRule{Action: ActionUpdate, Query: "G.V().Has('Type','bridge').Out().Has('State','UP')"}}}})
	attrs := text("Driver", "veth", "EncapType", "ether", "IfIndex", "7", "MAC", "52:54:00:00:00:01", "MTU", "1500", "Name", "eth0", "Neighbors", "1", "Type", "veth")
	c := &graph.Change{Op: graph.NodeUpdated, OldNode: &graph.Node{Attrs: attrs}, Node: &graph.Node{Attrs: attrs.With("Neighbors", entity.String("2"))}}
	for b.Loop() {
		if cares.wants(c) {
			b.Fatal("wanted")
		}
	}
}
