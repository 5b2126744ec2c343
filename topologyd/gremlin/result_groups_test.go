package gremlin

import (
	"fmt"
	"slices"
	"testing"
)

// TestEachGroup gives groups of each kind.
func TestEachGroup(t *testing.T) {
	w := newWorld(t)
	w.load("host c", "node a veth MTU=1", "node b veth MTU=2", "edge c -> a ownership", "flow f a Application=DNS")
	for query, want := range map[string][]string{
		`G.V().Group()`:                              {"host nodes [c]", "veth nodes [a b]"},
		`G.E().Group()`:                              {"ownership edges [c>a:ownership]"},
		`G.V().Group().By('Type').By('MTU')`:         {"host values []", "veth values [1,2]"},
		`G.V().Group().By('Type').By(Count())`:       {"host number 1", "veth number 2"},
		`G.Flows().Group('Application')`:             {"DNS flows 1"},
		`G.V().Group().MoreThan(1)`:                  {"veth nodes [a b]"},
		`G.V()`:                                      nil,
		`G.Flows().Group('Application').MoreThan(1)`: nil,
	} {
		q, err := Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		r, err := q.run(t.Context(), w.view, w.sources(), w.Now, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for g := range r.EachGroup() {
			line := g.Name + " " + g.Kind.String() + " "
			var names []string
			for _, slot := range g.Slots {
				id := w.view.NodeID
				if g.Kind == KindEdges {
					id = w.view.EdgeID
				}
				names = append(names, w.Names[id(slot)])
			}
			switch g.Kind {
			case KindNodes, KindEdges:
				line += fmt.Sprint(names)
			case KindFlows:
				line += fmt.Sprint(len(g.Flows))
			default:
				line += g.Value.Text()
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestMeasures(t *testing.T) {
	for query, want := range map[string]bool{
		`G.V().Count().Is(GT(3))`:          true,
		`G.V().Sum('MTU').Is(3).Is(LT(9))`: true,
		`G.V().Count()`:                    false,
		`G.V().Values('MTU').Is(3)`:        false,
		`G.V()`:                            false,
	} {
		q, err := Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		if q.Measures() != want {
			t.Errorf("%s: %v", query, !want)
		}
	}
}
