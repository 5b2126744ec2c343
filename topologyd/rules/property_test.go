package rules

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/fabric"
	"github.com/skein-net/skein/topologyd/graph"
)

// model is the naive truth: what sources said, and the rules.
type model struct {
	base  map[int]string // interface number -> value of k
	rules map[string]modelRule
}

type modelRule struct {
	kind         string
	from, to     string // values of k
	create, make string
}

// lines is what the graph must look like.
func (m *model) lines() (out []string) {
	out = append(out, hostA)
	for i, k := range m.base {
		a := text("Name", fmt.Sprint("eth", i), "Type", "device", "k", k)
		for id, r := range m.rules {
			if r.kind == KindNodeRule && r.create == "" && r.from == k {
				a = a.With("r-"+id, entity.String(r.make))
			}
			if r.kind == KindEdgeRule && r.from == k {
				for j, to := range m.base {
					if to == r.to && j != i {
						out = append(out, fmt.Sprintf(`eth%d -e-%s-> eth%d {"v":%q}`, i, id, j, r.make))
					}
				}
			}
			if r.kind == KindFabric && r.from == k {
				out = append(out, fmt.Sprintf(`F%s -layer2-> eth%d {"Type":"fabric","v":%q}`, id, i, r.make))
			}
		}
		out = append(out, string(a.AppendJSON(nil)), fmt.Sprintf(`a -ownership-> eth%d {}`, i))
	}
	for id, r := range m.rules {
		switch {
		case r.create != "":
			out = append(out, string(text("Name", r.create, "Type", "cloud", "v", r.make).AppendJSON(nil)))
		case r.kind == KindFabric:
			out = append(out, string(text("Name", "F"+id, "Type", "device", "Probe", "fabric").AppendJSON(nil)))
		}
	}
	slices.Sort(out)
	return out
}

func (r modelRule) spec(id string) definition.Spec {
	query := func(k string) string { return fmt.Sprintf("G.V().Has('k','%s')", k) }
	switch {
	case r.create != "":
		return &NodeRule{Action: ActionCreate, Metadata: text("Name", r.create, "Type", "cloud", "v", r.make)}
	case r.kind == KindNodeRule:
		return &NodeRule{Action: ActionUpdate, Query: query(r.from), Metadata: text("r-"+id, r.make)}
	case r.kind == KindEdgeRule:
		return &EdgeRule{Source: query(r.from), Destination: query(r.to), Metadata: text("RelationType", "e-"+id, "v", r.make)}
	default:
		return &fabric.Spec{Lines: []string{fmt.Sprintf("F%s -> [v=%q] *[k=%s,Type=device]", id, r.make, r.from)}}
	}
}

func randomRule(rng *rand.Rand) modelRule {
	value := func() string { return fmt.Sprint("x", rng.IntN(3)) }
	r := modelRule{kind: []string{KindNodeRule, KindNodeRule, KindEdgeRule, KindFabric}[rng.IntN(4)], from: value(), to: value(), make: fmt.Sprint("m", rng.IntN(3))}
	if r.kind == KindNodeRule && rng.IntN(3) == 0 {
		r.create = fmt.Sprint("cloud", rng.IntN(3))
	}
	return r
}

// TestProperty makes random rules and random changes of the graph: after quiet
// the graph holds exactly what is desired, and without rules what it held
// before.
func TestProperty(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			w := newWorld(t, quick())
			w.report(host("a"))
			m := &model{base: map[int]string{}, rules: map[string]modelRule{}}
			step := func() {
				id := fmt.Sprint("r", rng.IntN(5))
				switch old, known := m.rules[id]; {
				case rng.IntN(3) > 0: // the graph changes
					i := rng.IntN(6)
					if rng.IntN(3) == 0 {
						delete(m.base, i)
						w.report(gone(link("a", i)))
						return
					}
					m.base[i] = fmt.Sprint("x", rng.IntN(3))
					w.report(link("a", i, "k", m.base[i]))
				case !known:
					r := randomRule(rng)
					m.rules[id] = r
					w.define(r.kind, id, r.spec(id))
				case rng.IntN(2) == 0:
					delete(m.rules, id)
					w.remove(old.kind, id)
				default:
					r := randomRule(rng)
					for r.kind != old.kind {
						r = randomRule(rng)
					}
					m.rules[id] = r
					_, err := w.defs.Replace(t.Context(), &definition.Definition{Kind: r.kind, ID: id, Spec: r.spec(id)})
					require.NoError(t, err)
				}
			}
			for range 12 {
				for range 1 + rng.IntN(20) {
					step()
				}
				w.shows(m.lines()...)
				if rng.IntN(4) == 0 { // another replica takes over
					w.leads.Store(false)
					step()
					w.leads.Store(true)
				}
			}
			for id, r := range m.rules {
				w.remove(r.kind, id)
			}
			m.rules = nil
			w.shows(m.lines()...)
			for n := range w.graph.View().Nodes() {
				require.Equal(t, "netlink", n.Origin)
			}
		})
	}
}

// TestIrrelevantChangesChangeNothing: when no change of a step is of interest,
// what is desired stays the same.
func TestIrrelevantChangesChangeNothing(t *testing.T) {
	queries := []string{
		"G.V().Has('k','x1')", "G.V().Has('m.b','x1')", "G.V().Has('Type','host').Out()", "G.V().HasNot('n')", "G.V().Sort('n').Limit(2)",
		"G.V().Has('@Revision', GT(2))", "G.V().Has('k', Regex('x.*')).In()", "G.V().Sort('UpdatedAt').Limit(1)", "G.V().Out(Metadata('e','x1'))", "G.V().Has('\\x6b','x1')",
	}
	skipped, checked := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := &world{t: t, graph: graph.New(graph.DefaultConfig()), news: make(chan struct{})}
		query := func() string { return queries[rng.IntN(len(queries))] }
		defs := &definitions{}
		for i := range 1 + rng.IntN(2) {
			defs.nodes = append(defs.nodes, &definition.Definition{ID: fmt.Sprint(i), Spec: &NodeRule{Action: ActionUpdate, Query: query(), Metadata: text("X", "1")}})
			if rng.IntN(3) == 0 {
				defs.edges = append(defs.edges, &definition.Definition{ID: fmt.Sprint(i), Spec: &EdgeRule{Source: query(), Destination: query(), Metadata: text("RelationType", "r")}})
			}
			if rng.IntN(3) == 0 {
				defs.fabrics = append(defs.fabrics, &definition.Definition{ID: fmt.Sprint(i), Spec: &fabric.Spec{Lines: []string{"A --> *[k=x1]/eth1"}}})
			}
		}
		cares := interestIn(defs)
		outcome := func() string {
			d := newDesired(w.graph.View(), limits{query: quick().Query, nodes: 1000, edges: 1000, total: 1000}, maphash.MakeSeed())
			d.build(context.Background(), defs)
			var out []string
			for k, e := range d.facets {
				out = append(out, fmt.Sprint(k.id, k.source, string(e.Attributes.AppendJSON(nil)), e.Relationships))
			}
			slices.Sort(out)
			return strings.Join(out, "\n")
		}
		w.clock = w.clock.AddDate(2000, 0, 0)
		w.report(host("a"))
		before := outcome()
		for range 60 {
			w.log = nil
			value := func() string { return fmt.Sprint("x", rng.IntN(3)) }
			e := link("a", rng.IntN(3), []string{"k", "n", "o", "p"}[rng.IntN(4)], value())
			e.Attributes = e.Attributes.With("m", entity.Map(text([]string{"b", "c"}[rng.IntN(2)], value())))
			e.Relationships[0].Attributes = text([]string{"e", "f"}[rng.IntN(2)], value())
			if rng.IntN(8) == 0 {
				e = gone(e)
			}
			w.report(e)
			wanted := slices.ContainsFunc(w.log, func(c graph.Change) bool { return cares.wants(&c) })
			after := outcome()
			if !wanted {
				require.Equal(t, before, after, "seed %d: %v", seed, w.log)
				skipped++
			}
			checked++
			before = after
		}
	}
	require.Greater(t, skipped, checked/40, "the test looks at something")
}
