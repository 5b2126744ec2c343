package rules

import (
	"hash/maphash"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// FuzzSpecs: whatever is taken as a specification makes events that any graph
// takes, and these make the graph what was asked for.
func FuzzSpecs(f *testing.F) {
	for _, s := range []string{
		`{"action":"create","metadata":{"Name":"n","Type":"t"}}`,
		`{"action":"update","query":"G.V().Has('Type','host')","metadata":{"a":[1,{"b":null}],"c":1.5}}`,
		`{"source":"G.V()","destination":"G.V().Out()","metadata":{"RelationType":"layer2","k":true}}`,
		`{"lines":["A -> B","B --> *[Type=host]/eth0"]}`,
	} {
		f.Add(s)
	}
	g := graph.New(graph.DefaultConfig())
	for _, e := range []entity.Event{host("a"), link("a", 0), link("a", 1)} {
		e.Source, e.Time = "netlink", time.Unix(1, 0)
		p := g.Prepare(&e, 0)
		g.Apply(&p, time.Unix(1, 0), nil)
	}
	base := g.View()
	lim := limits{query: gremlin.DefaultLimits(), nodes: 100, edges: 100, total: 100}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range Kinds() {
			spec := k.New()
			if definition.Strict([]byte(text), spec) != nil || spec.Validate() != nil {
				continue
			}
			def := &definition.Definition{Kind: k.Name, ID: "x", Spec: spec}
			defs := &definitions{}
			switch k.Name {
			case KindNodeRule:
				defs.nodes = append(defs.nodes, def)
			case KindEdgeRule:
				defs.edges = append(defs.edges, def)
			default:
				defs.fabrics = append(defs.fabrics, def)
			}
			d := newDesired(base, lim, maphash.MakeSeed())
			d.build(t.Context(), defs)
			steps, _ := d.difference()
			after := graph.New(graph.DefaultConfig())
			for s := range base.NodeStates() {
				after.RestoreNode(&s, time.Unix(1, 0))
			}
			for i := range steps {
				e := steps[i].event
				e.Time = time.Unix(2, 0)
				if err := e.Validate(); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				p := after.Prepare(&e, 0)
				after.Apply(&p, time.Unix(2, 0), nil)
			}
			d.view = after.View()
			clear(d.refs)
			if rest, _ := d.difference(); len(rest) > 0 {
				t.Fatalf("%s: still to do: %+v", text, rest)
			}
		}
	})
}
