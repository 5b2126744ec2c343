package gremlin

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/graph"
)

// TestDifferential compares the engine with the naive evaluator: random
// queries of all steps on random graphs, the answers equal element by element
// and in order; of shortest paths, which may differ, ends, length and validity.
func TestDifferential(t *testing.T) {
	graphs, perGraph := 250, 400
	if testing.Short() {
		graphs = 25
	}
	kinds := map[Kind]int{}
	steps := map[string]int{}
	empty, sliced, spelled := 0, 0, 0
	for seed := range uint64(graphs) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w := randomWorld(t, rnd)
		for i := range perGraph {
			if i == perGraph/2 { // from here on with the ordered indexes that were asked for
				w.Graph.BuildWanted(t.Context())
				w.view = w.Graph.View()
			}
			at := ""
			if rnd.IntN(2) == 0 {
				at = randomTime(w, rnd)
			}
			text := (&generator{rnd: rnd, w: w, at: at}).query()
			q, err := Parse(text)
			if err != nil {
				t.Fatalf("seed %d: %s", seed, Explain(text, err))
			}
			view := w.viewOf(t, stepG+at)
			r, err := q.run(t.Context(), w.view, w.sources(), w.Now, Limits{})
			if err != nil {
				if strings.Contains(err.Error(), "Sum") {
					continue // the naive evaluator has no errors
				}
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			for i := range q.steps {
				steps[q.steps[i].name]++
			}
			kinds[r.Kind()]++
			if view.IsSlice() {
				sliced++
			}
			n := newNaive(view)
			if strings.Contains(text, "'Capture.") { // which is another spelling
				q = mustParse(t, strings.ReplaceAll(text, "'Capture.", "'Captures."))
				spelled++
			}
			want := n.run(q)
			if diff := w.compare(n, r, want, q); diff != "" {
				t.Fatalf("seed %d: %s\n%s", seed, text, diff)
			}
			if r.Len() == 0 {
				empty++
			}
		}
	}
	t.Logf("%d queries, %d of slices, %d with an empty answer, kinds %v, steps %v", graphs*perGraph, sliced, empty, kinds, steps)
	if spelled*100 < graphs*perGraph {
		t.Errorf("%d queries with another spelling", spelled)
	}
	if empty*2 > graphs*perGraph {
		t.Errorf("%d answers are empty: the queries test too little", empty)
	}
}

// compare says how the answer differs from what is wanted, "" if not.
func (w *world) compare(n *naive, r *Result, want bag, q *Query) string {
	if r.Kind() != want.kind {
		return fmt.Sprintf("gives %s, want %s", r.Kind(), want.kind)
	}
	if want.kind == KindPaths {
		return w.comparePaths(n, r, want.paths, q)
	}
	if want.kind == KindGroups {
		if got := string(r.AppendJSON(nil)); got != want.values[0].Str() {
			return fmt.Sprintf("got\n  %s\nwant\n  %s", got, want.values[0].Str())
		}
		return ""
	}
	if want.kind == KindGraph {
		want.nodes, want.edges = n.allNodes(), n.allEdges()
	}
	expect := []string{}
	for _, x := range want.nodes {
		expect = append(expect, w.Names[x.ID])
	}
	for _, e := range want.edges {
		expect = append(expect, fmt.Sprintf("%s -%s-> %s", w.Names[e.Parent], e.RelationType, w.Names[e.Child]))
	}
	for _, v := range want.values {
		expect = append(expect, string(v.AppendJSON(nil)))
	}
	// Slots tell revisions of one node apart.
	sameNode := func(a, b *graph.Node) bool { return a.Slot == b.Slot && a.ID == b.ID && a.Revision == b.Revision }
	sameEdge := func(a, b *graph.Edge) bool { return a.Slot == b.Slot && a.ID == b.ID && a.Revision == b.Revision }
	if nodes := slices.Collect(r.Nodes()); r.Kind() != KindPaths && !slices.EqualFunc(nodes, want.nodes, sameNode) {
		return fmt.Sprintf("other nodes than wanted: got %v, want %v", revisions(w, nodes), revisions(w, want.nodes))
	}
	if edges := slices.Collect(r.Edges()); !slices.EqualFunc(edges, want.edges, sameEdge) {
		return "other edges than wanted"
	}
	if got := w.show(r); !slices.Equal(got, expect) {
		return fmt.Sprintf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(expect, "\n  "))
	}
	return ""
}

func (w *world) comparePaths(n *naive, r *Result, want []naivePath, q *Query) string {
	var along []arg
	for i := range q.steps {
		if s := &q.steps[i]; s.name == "ShortestPathTo" && len(s.args) > 1 {
			along = s.args[1:]
		}
	}
	i := 0
	for path := range r.Paths() {
		for j, x := range path {
			path[j] = n.nodes[x.Slot]
		}
		if i == len(want) {
			return "a path too many"
		}
		p := want[i]
		i++
		if path[0] != p.from || !p.targets[path[len(path)-1]] || len(path)-1 != p.hops {
			return fmt.Sprintf("path %d: %d hops from %s, want %d from %s", i, len(path)-1, w.Names[path[0].ID], p.hops, w.Names[p.from.ID])
		}
		for j := 1; j < len(path); j++ {
			ok := false
			links, to := n.from(path[j-1], true, true)
			for i, l := range links {
				ok = ok || to[i] == path[j] && (along == nil || passesAll(l.edge.Lookup, along, false))
			}
			if !ok {
				return fmt.Sprintf("path %d: no edge %s - %s", i, w.Names[path[j-1].ID], w.Names[path[j].ID])
			}
		}
	}
	if i != len(want) {
		return fmt.Sprintf("%d paths, want %d", i, len(want))
	}
	return ""
}

// randomWorld makes a small graph with nodes that were deleted and changed, so
// that slots are free and used again.
func randomWorld(t *testing.T, rnd *rand.Rand) *world {
	w := newWorld(t)
	nodes := 2 + rnd.IntN(12)
	var lines []string
	one := func(choices ...string) string { return choices[rnd.IntN(len(choices))] }
	node := func(i int) string {
		line := fmt.Sprintf("node n%d %s", i, one("host", "veth", "bridge", "-"))
		for _, a := range []string{
			"A=" + one("1", "2", "3", "2.0", "2.5", `"x"`, "true"),
			"B=" + one(`"x"`, `"y"`, `"10.0.0.1/24"`, `"10.1.0.1"`, "false"),
			"L=" + one(`[]`, `[1,2]`, `["x","y"]`, `[2,2.0,"x"]`, `["10.0.0.7/8","fe80::1"]`, `[[1],{"a":1}]`),
			"M=" + one(`{}`, `{"a":1}`, `{"a":[1,2],"b":"x"}`, `{"b":{"c":2}}`),
			"M.a=" + one("1", `"x"`), "Q=" + one(`[{"a":1},{"a":2}]`, `[{"a":"x"}]`),
			"@Host=" + one("h1", "h2"), "W=" + one("1", "2", "3"),
			"Captures=" + one(`[{"Name":"x"}]`, `[{"Name":"x","State":1},{"Name":"y"}]`, `[{"Name":["x","y"]},{}]`, `[]`),
		} {
			if rnd.IntN(2) == 0 {
				line += " " + a
			}
		}
		return line
	}
	for i := range nodes {
		lines = append(lines, node(i))
	}
	for range rnd.IntN(3 * nodes) {
		line := fmt.Sprintf("edge n%d -> n%d %s", rnd.IntN(nodes), rnd.IntN(nodes), one("ownership", "ownership", "layer2"))
		if rnd.IntN(2) == 0 {
			line += " Type=" + one("veth", "vlan")
		}
		if rnd.IntN(3) == 0 {
			line += " W=" + one("1", "2", "3")
		}
		lines = append(lines, line)
	}
	if rnd.IntN(2) == 0 {
		lines = append(lines, node(rnd.IntN(nodes)), fmt.Sprintf("metric n%d RxBytes=%d", rnd.IntN(nodes), rnd.IntN(3)))
	}
	for range rnd.IntN(8) {
		switch a, b := rnd.IntN(nodes), rnd.IntN(nodes); rnd.IntN(5) {
		case 0:
			lines = append(lines, fmt.Sprintf("delete n%d", a))
		case 1:
			lines = append(lines, fmt.Sprintf("unlink n%d -> n%d %s", a, b, one("ownership", "layer2")))
		case 2:
			lines = append(lines, fmt.Sprintf("edge n%d -> n%d layer2 W=%s", a, b, one("1", "2", "3")))
		default:
			lines = append(lines, node(a))
		}
	}
	w.load(lines...)
	return w
}

// randomTime gives a step that goes to another time.
func randomTime(w *world, rnd *rand.Rand) string {
	last := w.Now.Unix()
	switch t := last/3 + rnd.Int64N(last); rnd.IntN(4) {
	case 0:
		return fmt.Sprintf(".At(%d)", t)
	case 1:
		return fmt.Sprintf(".Context(%d, %d)", t, rnd.Int64N(last+1))
	case 2:
		return fmt.Sprintf(".At('-%ds', %d)", last-min(t, last), 1+rnd.Int64N(last+1))
	default:
		return ".Context(FOREVER)"
	}
}

// viewOf is the graph that a query ends at.
func (w *world) viewOf(t *testing.T, text string) *graph.View {
	t.Helper()
	r, err := mustParse(t, text).run(t.Context(), w.view, w.sources(), w.Now, Limits{})
	if err != nil {
		t.Fatal(text, err)
	}
	return r.view
}

func revisions(w *world, nodes []*graph.Node) (out []string) {
	for _, n := range nodes {
		out = append(out, fmt.Sprintf("%s@%d", w.Names[n.ID], n.UpdatedAt))
	}
	return out
}

// generator writes random queries that parse.
type generator struct {
	rnd   *rand.Rand
	w     *world
	at    string // follows each G
	named []string
	kinds []Kind
	// depth is how many sub-traversals stand around.
	depth int
}

func (g *generator) one(choices ...string) string { return choices[g.rnd.IntN(len(choices))] }

func (g *generator) key() string {
	return "'" + g.one("A", "B", "L", "M.a", "M.b", "M.b.c", "M", "Q.a", "Type", "Name", "RelationType",
		"W", "@Host", "@Revision", "@CreatedAt", "@UpdatedAt", "@DeletedAt", "@ID", "nothing", "A", "B", "W", "Metric.RxBytes", "Capture.Name", "Captures.Name") + "'"
}

func (g *generator) literal() string {
	if g.rnd.IntN(12) == 0 {
		return "'" + g.id() + "'"
	}
	return g.one("1", "2", "3", "2.0", "2.5", "'x'", "'y'", "TRUE", "FALSE", "'veth'", "'host'", "'ownership'", "'layer2'", "'h1'", "'n0'", "'n1'")
}

func (g *generator) id() string {
	aliases := []string{}
	for alias := range g.w.Events {
		aliases = append(aliases, alias)
	}
	slices.Sort(aliases)
	return g.w.Events[g.one(aliases...)].Ref.UUID().String()
}

func (g *generator) value() string {
	switch g.rnd.IntN(12) {
	case 0:
		return fmt.Sprintf("%s(%s)", g.one("NE", "NEE"), g.literal())
	case 1:
		return fmt.Sprintf("%s(%s)", g.one("LT", "GT", "LTE", "GTE"), g.one("1", "2", "2.5", "3"))
	case 2:
		return fmt.Sprintf("%s(%s, %s)", g.one("INSIDE", "OUTSIDE", "BETWEEN"), g.one("0", "1", "2"), g.one("2", "2.5", "3"))
	case 3, 4:
		return fmt.Sprintf("%s(%s, %s, %s)", g.one("WITHIN", "WITHOUT"), g.literal(), g.literal(), g.literal())
	case 5:
		return fmt.Sprintf("REGEX('%s')", g.one("x", ".*", "n[0-3]", "v.*|host", "10\\..*"))
	case 6:
		return fmt.Sprintf("IPV4RANGE('%s')", g.one("10.0.0.0/8", "10.0.0.0/24", "fe80::/10"))
	default:
		return g.literal()
	}
}

func (g *generator) pairs(n int) string {
	var out []string
	for range n {
		key, value := g.key(), g.value()
		if fit := likely(key); fit != nil && g.rnd.IntN(3) == 0 {
			value = g.one(fit...)
		}
		out = append(out, key+", "+value)
	}
	return strings.Join(out, ", ")
}

// likely are values that a key of [randomWorld] may have, so that enough match.
func likely(key string) []string {
	switch key {
	case "'A'", "'W'":
		return []string{"1", "2", "3"}
	case "'B'", "'Capture.Name'", "'Captures.Name'":
		return []string{"'x'", "'y'", "WITHIN('x', 'y')"}
	case "'Type'":
		return []string{"'host'", "'veth'"}
	case "'@Host'":
		return []string{"'h1'", "'h2'"}
	}
	return nil
}

// filter is what may stand in Out, SubGraph …: nothing, a key, or pairs.
func (g *generator) filter() string {
	switch g.rnd.IntN(5) {
	case 0:
		return g.key()
	case 1:
		return g.pairs(1 + g.rnd.IntN(2))
	case 2:
		return "METADATA(" + g.pairs(1) + ")"
	default:
		return ""
	}
}

func (g *generator) query() string {
	text, kind := stepG+g.at, KindGraph
	for range 1 + g.rnd.IntN(6) {
		var step string
		if step, kind = g.step(kind); step == "" {
			break
		}
		text += "." + step
	}
	return text
}

func (g *generator) step(kind Kind) (string, Kind) {
	call := func(name, args string) string { return name + "(" + args + ")" }
	if len(g.named) > 0 && kind == KindGraph && g.rnd.IntN(2) == 0 {
		i := g.rnd.IntN(len(g.named))
		return call("Select", "'"+g.named[i]+"'"), g.kinds[i]
	}
	if g.depth == 0 && kind != KindGraph && (g.rnd.IntN(25) == 0 || len(g.named) > 0 && g.rnd.IntN(4) == 0) {
		return stepG + g.at, KindGraph
	}
	switch kind {
	case KindGraph:
		switch g.rnd.IntN(8) {
		case 0:
			return call("V", "'"+g.id()+"'"), KindNodes
		case 1:
			return call("V", g.one(g.pairs(1), "METADATA("+g.key()+")")), KindNodes
		case 2:
			return call("E", ""), KindEdges
		case 3:
			return call("E", g.pairs(1)), KindEdges
		default:
			return call("V", ""), KindNodes
		}
	case KindNodes:
		switch g.rnd.IntN(16) {
		case 0, 1, 2:
			return call(g.one("In", "Out", "Both"), g.filter()), KindNodes
		case 3, 4:
			return call(g.one("InE", "OutE", "BothE"), g.filter()), KindEdges
		case 5, 6:
			args := g.one("", "RelationType, ")
			if args != "" {
				args = "'RelationType', " + g.one("'layer2'", "'ownership'", "WITHIN('layer2', 'ownership')") + ", "
			}
			return call(g.one("Descendants", "Ascendants", "Neighbors"), args+g.one("0", "1", "2", "3")), KindNodes
		case 7:
			if g.depth > 0 {
				break
			}
			args := "METADATA(" + g.pairs(1) + ")"
			if g.rnd.IntN(2) == 0 {
				args += ", METADATA(" + g.one("'RelationType', 'layer2'", "'RelationType', 'ownership'", "'W', GT(1)") + ")"
			}
			return call("ShortestPathTo", args), KindPaths
		}
	case KindEdges:
		if g.rnd.IntN(3) == 0 {
			return call(g.one("InV", "OutV", "BothV"), g.filter()), KindNodes
		}
	case KindValues, KindMaps:
		if g.rnd.IntN(4) == 0 {
			return call("Has", g.one("GT(1)", "NE('x')", "WITHIN(1, 'x')", "REGEX('.*')")), kind
		}
	case KindPaths:
		switch g.rnd.IntN(4) {
		case 0:
			return call("Count", ""), KindNumber
		case 1:
			return call("Limit", g.one("0", "1", "3")), kind
		}
		return "", kind
	case KindGroups:
		return "", kind
	case KindNumber:
		if g.rnd.IntN(2) == 0 {
			return call("Is", g.one("1", "0", "GT(0)", "LT(3)", "NE(2)", "WITHIN(1, 4)")), KindValues
		}
		return "", kind
	}
	return g.common(kind)
}

// common is the steps that work on nodes, edges and values alike.
func (g *generator) common(kind Kind) (string, Kind) {
	call := func(name, args string) string { return name + "(" + args + ")" }
	values := kind == KindValues || kind == KindMaps
	switch g.rnd.IntN(20) {
	case 0, 1:
		if g.rnd.IntN(3) == 0 {
			return call("Has", g.pairs(1)), kind
		}
		return call("HasEither", g.pairs(1+g.rnd.IntN(3))), kind
	case 2, 3:
		return call(g.one("HasKey", "HasNot", "Has"), g.key()), kind
	case 4:
		if g.rnd.IntN(5) == 0 && onElements.has(kind) {
			return call("Shared", g.one("'A'", "'W', 'Type'", "'L'", "'Type'", "'Type'")), kind
		}
		return call("Dedup", g.one("", "'A'", "'W', 'Type'", "'L'")), kind
	case 5:
		return call("Sort", g.one("", "DESC", "'A'", "ASC, 'W'", "DESC, 'Type'", "DESC, 'M.a'")), kind
	case 6:
		return call("Limit", g.one("0", "1", "2", "5", "50", "3", "4", "7")), kind
	case 7:
		return call("Range", g.one("0, 3", "1, 2", "2, 9", "3, 3")), kind
	case 8:
		return call("Count", ""), KindNumber
	case 9:
		return call("Values", g.one(g.key(), g.key()+", "+g.key())), KindValues
	case 10:
		return call("ValueMap", g.key()+", "+g.key()), KindMaps
	case 11:
		return call("Keys", ""), KindValues
	case 12:
		return call("Sum", g.one("'W'", "'Metric.RxBytes'", "'@Revision'")), KindNumber
	case 13, 14:
		if !values && g.depth == 0 {
			return call("SubGraph", g.filter()), KindGraph
		}
	case 16, 17:
		if !values {
			return g.where(kind), kind
		}
		return call("Is", g.one(g.value(), "NE('x')", "NEE(1)", "WITHIN(1, 'x', 2, 'veth', 'h1')", "GTE(1)")), kind
	case 18:
		if !values {
			return g.arrange(kind)
		}
	case 19:
		if !values {
			return g.repeat(kind), kind
		}
	case 15:
		if !values && g.depth == 0 {
			name := fmt.Sprintf("s%d", len(g.named))
			g.named, g.kinds = append(g.named, name), append(g.kinds, kind)
			return call("As", "'"+name+"'"), kind
		}
	}
	return call("HasEither", g.pairs(2)), kind
}

// TestEmptyGraph runs a query of every kind where there is nothing.
func TestEmptyGraph(t *testing.T) {
	w := newWorld(t)
	w.load()
	for _, text := range []string{
		"G", "G.V()", "G.E()", "G.V('Name','x').Out().Sort().Dedup('a').Limit(3)", "G.V().ShortestPathTo('a', 1)",
		"G.V().SubGraph().E().BothV().SubGraph()", "G.V().Neighbors(0).Keys()", "G.E().Sum('x')",
	} {
		r, err := mustParse(t, text).Run(t.Context(), w.view, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if r.Len() > 1 {
			t.Errorf("%s: %d elements", text, r.Len())
		}
	}
}

func mustParse(tb testing.TB, text string) *Query {
	tb.Helper()
	q, err := Parse(text)
	if err != nil {
		tb.Fatal(Explain(text, err))
	}
	return q
}
