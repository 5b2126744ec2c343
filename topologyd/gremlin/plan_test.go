package gremlin

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPlannedIsScanned compares what indexes and sets give with what looking at
// every node gives: random filters on graphs large enough that plans differ.
func TestPlannedIsScanned(t *testing.T) {
	graphs, perGraph := 24, 120
	if testing.Short() {
		graphs = 4
	}
	used := map[string]int{}
	ordered := 0
	for seed := range uint64(graphs) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		w := largeWorld(t, rnd)
		n := newNaive(w.view)
		g := &filterGenerator{rnd: rnd}
		for i := range perGraph {
			if i == perGraph/2 {
				// From here on there are indexes by order.
				ordered += w.Graph.BuildWanted(t.Context())
				w.load(fmt.Sprintf("node late veth A=%d", seed))
				n = newNaive(w.view)
			}
			text := g.query()
			q, err := Parse(text)
			if err != nil {
				t.Fatalf("seed %d: %s", seed, Explain(text, err))
			}
			r, err := q.Run(t.Context(), w.view, Limits{})
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			n.inside = nil
			if diff := w.compare(n, r, n.run(q), q); diff != "" {
				if len(diff) > 500 {
					diff = diff[:500] + " ..."
				}
				t.Fatalf("seed %d: %s\n%s", seed, text, diff)
			}
			e, err := q.Explain(t.Context(), w.view, Sources{}, Limits{})
			if err != nil || e.Results != r.Len() {
				t.Fatalf("seed %d: %s: explained with %d results, not %d: %v", seed, text, e.Results, r.Len(), err)
			}
			for _, s := range e.Steps {
				for _, how := range s.How {
					used[strings.Join(strings.Fields(how)[:1], "")]++
				}
			}
		}
	}
	t.Logf("plans %v, %d indexes by order", used, ordered)
	for _, how := range []string{"index", "set", "scan", "look", "count"} {
		if used[how] == 0 {
			t.Errorf("no plan has %q", how)
		}
	}
}

// largeWorld has some hundred nodes with few values each, of which some were
// changed and deleted, so that slots are free and used again.
func largeWorld(t *testing.T, rnd *rand.Rand) *world {
	w := newWorld(t)
	nodes := 300 + rnd.IntN(500)
	one := func(choices ...string) string { return choices[rnd.IntN(len(choices))] }
	node := func(i int) string {
		line := fmt.Sprintf("node n%d %s", i, one("host", "veth", "veth", "veth", "bridge", "-"))
		for _, a := range []string{
			fmt.Sprintf("A=%d", rnd.IntN(50)), "A=" + one("2.5", "-1", "7.0", `"7"`, "true"),
			fmt.Sprintf("B=n%d", rnd.IntN(20)), fmt.Sprintf("U=%d", i),
			fmt.Sprintf(`L=["10.0.%d.%d/24","fe80::%x"]`, rnd.IntN(4), rnd.IntN(250), rnd.IntN(99)), fmt.Sprintf(`L="10.%d.0.1"`, rnd.IntN(9)),
			"L=" + one(`[1,2,2.0]`, `["x",3,[4]]`, "[]"), "M=" + one(`{"a":1}`, `{"a":[1,2],"b":"n1"}`),
		} {
			if rnd.IntN(3) > 0 {
				line += " " + a
			}
		}
		return line
	}
	var lines []string
	for i := range nodes {
		lines = append(lines, node(i))
	}
	for range 3 * nodes {
		lines = append(lines, fmt.Sprintf("edge n%d -> n%d %s", rnd.IntN(nodes), rnd.IntN(nodes), one("ownership", "layer2")))
	}
	gone := map[int]bool{}
	for range nodes / 4 {
		if i := rnd.IntN(nodes); rnd.IntN(2) == 0 {
			lines = append(lines, node(i))
			delete(gone, i)
		} else if !gone[i] {
			lines = append(lines, fmt.Sprintf("delete n%d", i))
			gone[i] = true
		}
	}
	w.load(lines...)
	return w
}

// filterGenerator writes queries that are mostly filters.
type filterGenerator struct{ rnd *rand.Rand }

func (g *filterGenerator) one(choices ...string) string { return choices[g.rnd.IntN(len(choices))] }

func (g *filterGenerator) pair() string {
	n := func() string { return fmt.Sprint(g.rnd.IntN(50)) }
	switch g.rnd.IntN(15) {
	case 0:
		return "'A', " + n()
	case 1:
		lo := g.rnd.IntN(50)
		return fmt.Sprintf("'%s', %s(%d, %d)", g.one("A", "U", "L"), g.one("INSIDE", "OUTSIDE", "BETWEEN"), lo, lo+g.rnd.IntN(20))
	case 2:
		return fmt.Sprintf("'%s', %s(%s)", g.one("A", "U", "L"), g.one("LT", "GT", "LTE", "GTE"), g.one(n(), "2.5", "7.0"))
	case 3:
		return fmt.Sprintf("'Name', REGEX('%s')", g.one("n1.*", "n[12]", "n1|n2|n3.*", ".*7", "n2[0-9]?", "(n4|n5)[0-5]", "", "x.*"))
	case 4:
		return fmt.Sprintf("'L', IPV4RANGE('%s')", g.one("10.0.1.0/24", "10.0.0.0/8", "10.3.0.1/32", "fe80::/10", "11.0.0.0/8", "10.0.2.16/28"))
	case 5:
		return fmt.Sprintf("'A', WITHIN(%s, %s, %s, '7', 7)", n(), n(), n())
	case 6:
		return "'B', WITHIN('n1', 'n2', 'n3')"
	case 7:
		return "'Name', 'n" + fmt.Sprint(g.rnd.IntN(500)) + "'"
	case 8:
		return "'" + g.one("M.a", "L", "A") + "', " + g.one("1", "2", "2.0", "'x'")
	case 9:
		return "'" + g.one("Type", "A", "B", "L", "M.a") + "', " + g.one("NE", "NEE", "WITHOUT") + "(" + g.one("'veth'", "'n1'", "7", "1", "'x'") + ")"
	case 11:
		return "'" + g.one("Type", "B") + "', WITHOUT('veth', 'n1', 'n2')"
	case 10:
		return "'@Revision', " + g.one("1", "2", "GT(1)")
	default:
		return "'Type', " + g.one("'veth'", "'veth'", "'bridge'", "'host'", "WITHIN('bridge', 'host')")
	}
}

func (g *filterGenerator) filter() string {
	switch g.rnd.IntN(8) {
	case 0:
		return ".HasEither(" + g.pair() + ", " + g.pair() + ")"
	case 1:
		return "." + g.one("HasKey", "HasNot", "Has") + "('" + g.one("A", "B", "L", "M", "Type") + "')"
	case 2:
		return ".Has(" + g.pair() + ", " + g.pair() + ")"
	default:
		return ".Has(" + g.pair() + ")"
	}
}

func (g *filterGenerator) query() string {
	text := "G.V()"
	if g.rnd.IntN(6) == 0 {
		text = "G.V().Has(" + g.pair() + ").SubGraph().V()"
	}
	for range 1 + g.rnd.IntN(3) {
		text += g.filter()
	}
	if g.rnd.IntN(3) == 0 {
		filter := ""
		if g.rnd.IntN(2) == 0 {
			filter = g.pair()
		}
		text += "." + g.one("Out", "In", "Both") + "(" + filter + ")"
		for range g.rnd.IntN(3) {
			text += g.filter()
		}
	}
	switch g.rnd.IntN(4) {
	case 0:
		text += ".Count()"
	case 1:
		text += ".Limit(" + g.one("0", "1", "7", "100") + ")"
	}
	return text
}
