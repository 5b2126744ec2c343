package gremlin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	osexec "os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

func resultWorld(t *testing.T) *world {
	w := newWorld(t)
	w.load(
		`node h host Name="the \"host\"\\\nof all"`,
		`node a veth MTU=1500 State=UP`,
		`node b veth MTU=9000.5 Name=-`,
		`edge h -> a ownership`, `edge h -> b ownership`, `edge a -> b layer2 Type=veth`,
	)
	return w
}

func (w *world) result(t *testing.T, text string) *Result {
	t.Helper()
	r, err := mustParse(t, w.expand(text)).Run(t.Context(), w.view, Limits{})
	if err != nil {
		t.Fatal(Explain(text, err))
	}
	return r
}

// TestJSON: the shapes of the answers, that every way to write them agrees,
// and that encoding/json reads them.
func TestJSON(t *testing.T) {
	w := resultWorld(t)
	node := func(alias string) string {
		return string(w.view.Node(w.Events[alias].Ref.UUID()).AppendJSON(nil))
	}
	edge := func(name string) string { return string(w.view.Edge(w.Edges[name]).AppendJSON(nil)) }
	ab := edge("a>b:layer2")
	for _, tc := range []struct{ query, want, lines string }{
		{"G.V('Type','veth')", "[" + node("a") + "," + node("b") + "]", node("a") + "\n" + node("b") + "\n"},
		{"G.V('Type','x')", "[]", ""},
		{"G.E('Type','veth')", "[" + ab + "]", ab + "\n"},
		{"G.V().Count()", "3", "3\n"},
		{"G.V().Sum('MTU')", "10500.5", "10500.5\n"},
		{"G.V().Values('MTU')", "[1500,9000.5]", "1500\n9000.5\n"},
		{"G.V().ValueMap('MTU')", `[{},{"MTU":1500},{"MTU":9000.5}]`, "{}\n{\"MTU\":1500}\n{\"MTU\":9000.5}\n"},
		{
			"G.V('Name','a').ShortestPathTo('MTU', 9000.5)", "[[" + node("a") + "," + node("b") + "]]",
			"[" + node("a") + "," + node("b") + "]\n",
		},
		{
			"G.V('Type','veth').SubGraph()", `{"Nodes":[` + node("a") + "," + node("b") + `],"Edges":[` + ab + "]}",
			`{"Node":` + node("a") + "}\n" + `{"Node":` + node("b") + "}\n" + `{"Edge":` + ab + "}\n",
		},
		{"G.V('Name','a').SubGraph()", `{"Nodes":[` + node("a") + `],"Edges":[]}`, `{"Node":` + node("a") + "}\n"},
		{"G.V('Name','x').SubGraph()", `{"Nodes":[],"Edges":[]}`, ""},
	} {
		r := w.result(t, tc.query)
		if got := string(r.AppendJSON([]byte("x"))); got != "x"+tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.query, got, tc.want)
		}
		var whole, lines bytes.Buffer
		if err := r.WriteJSON(&whole); err != nil || whole.String() != tc.want {
			t.Errorf("%s: WriteJSON: %v\n%s", tc.query, err, whole.String())
		}
		if err := r.WriteNDJSON(&lines); err != nil || lines.String() != tc.lines {
			t.Errorf("%s: WriteNDJSON: %v: got\n%s\nwant\n%s", tc.query, err, lines.String(), tc.lines)
		}
		if !json.Valid(whole.Bytes()) {
			t.Errorf("%s: not JSON: %s", tc.query, whole.String())
		}
		if r.Revision() != w.view.Revision() {
			t.Errorf("%s: revision %d, want %d", tc.query, r.Revision(), w.view.Revision())
		}
	}
}

func TestDOT(t *testing.T) {
	w := resultWorld(t)
	h, a, b := w.expand("$(h)"), w.expand("$(a)"), w.expand("$(b)")
	nodeH := `  "` + h + `" [label="the \"host\"\\\nof all\nhost"]` + "\n"
	nodeA := `  "` + a + `" [label="a\nveth"]` + "\n"
	nodeB := `  "` + b + `" [label="` + b + `\nveth"]` + "\n"
	ha := `  "` + h + `" -> "` + a + `" [label="ownership"]` + "\n"
	hb := `  "` + h + `" -> "` + b + `" [label="ownership"]` + "\n"
	ab := `  "` + a + `" -> "` + b + `" [label="layer2"]` + "\n"
	for _, tc := range []struct{ query, want string }{
		{"G", nodeH + nodeA + nodeB + ha + hb + ab},
		{"G.V('Type','veth')", nodeA + nodeB + ab},
		{"G.V('Name','a').In().As('x').Select('x','x')", nodeH},
		{"G.E('Type','veth')", nodeA + nodeB + ab},
		{"G.V('Name','a').BothE().InV().BothE()", nodeH + nodeA + nodeB + hb + ha + ab},
		{"G.V('Name','a').ShortestPathTo('MTU', 9000.5)", nodeA + nodeB + ab},
		{"G.V('Type','veth').SubGraph('Type','none')", nodeA + nodeB},
		{"G.V('Name','nobody')", ""},
	} {
		var out strings.Builder
		if err := w.result(t, tc.query).WriteDOT(&out); err != nil {
			t.Errorf("%s: %v", tc.query, err)
			continue
		}
		// The order of the edges of one node is not part of the promise.
		got, want := strings.Split(out.String(), "\n"), strings.Split(dotHead+strings.ReplaceAll(tc.want, "[label=\"layer2\"", "[label=\"layer2\""+layer2Style)+"}\n", "\n")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.query, out.String(), tc.want)
		}
		checkDOT(t, out.String())
	}
	var eval *EvalError
	const want = "line 1, column 7: Count: gives number, which cannot be drawn; nodes, edges, paths and graphs can"
	if err := w.result(t, "G.V().Count()").WriteDOT(io.Discard); !errors.As(err, &eval) || err.Error() != want {
		t.Errorf("a number was drawn: %v", err)
	}
	stale := newWorld(t)
	stale.load(`node a`, `node b`, `edge a -> b layer2`, `stale a`)
	var out strings.Builder
	if err := stale.result(t, "G").WriteDOT(&out); err != nil || strings.Count(out.String(), "style=dashed") != 2 {
		t.Errorf("stale node and edge: %v\n%s", err, out.String())
	}
}

// checkDOT lets Graphviz read the text where it is installed.
func checkDOT(t *testing.T, text string) {
	dot, err := osexec.LookPath("dot")
	if err != nil {
		return
	}
	cmd := osexec.CommandContext(t.Context(), dot, "-Tcanon")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("dot refuses it: %v: %s\n%s", err, out, text)
	}
}

func TestColumns(t *testing.T) {
	w := resultWorld(t)
	b := w.expand("$(b)")
	for _, tc := range []struct {
		query   string
		columns string
		rows    []string
	}{
		{"G.V('Name','a')", "ID|Type|Name|State|Host|Revision", []string{w.expand("$(a)") + "|veth|a|UP||1"}},
		{"G.E('Type','veth')", "ID|RelationType|Parent|Child|Revision", []string{w.expand("$(a>b:layer2)") + "|layer2|a|" + b + "|1"}},
		{"G.V('Name','a').SubGraph()", "ID|Type|Name|State|Host|Revision", []string{w.expand("$(a)") + "|veth|a|UP||1"}},
		{"G.V('Name','a').ShortestPathTo('MTU', 9000.5)", "Hops|Path", []string{"1|a - " + b}},
		{"G.V().ValueMap('State','MTU')", "MTU|State", []string{"|", "1500|UP", "9000.5|"}},
		{"G.V().Values('State')", "Value", []string{"UP"}},
		{"G.V().Count()", "Number", []string{"3"}},
	} {
		r := w.result(t, tc.query)
		if got := strings.Join(r.Columns(), "|"); got != tc.columns {
			t.Errorf("%s: columns %s, want %s", tc.query, got, tc.columns)
		}
		var rows []string
		for row := range r.Rows() {
			rows = append(rows, strings.Join(row, "|"))
		}
		if !slices.Equal(rows, tc.rows) {
			t.Errorf("%s: rows %q, want %q", tc.query, rows, tc.rows)
		}
		for range r.Rows() {
			break // stopping early is allowed
		}
	}
}

// TestByteLimit: an answer that is too long is broken off with a LimitError,
// whichever way it is written.
func TestByteLimit(t *testing.T) {
	w := resultWorld(t)
	for _, text := range []string{"G", "G.V()", "G.E()", "G.V().ValueMap()"} {
		r, err := mustParse(t, text).Run(t.Context(), w.view, Limits{Bytes: 20})
		if err != nil {
			t.Fatal(err)
		}
		for name, write := range map[string]func(io.Writer) error{"json": r.WriteJSON, "ndjson": r.WriteNDJSON, "dot": r.WriteDOT} {
			if name == "dot" && r.Kind() == KindMaps {
				continue
			}
			var limit *LimitError
			if err := write(io.Discard); !errors.As(err, &limit) || limit.Limit != "bytes" {
				t.Errorf("%s as %s: %v", text, name, err)
			}
		}
		if len(r.AppendJSON(nil)) < 20 {
			t.Errorf("%s: AppendJSON has a limit", text)
		}
	}
	var count writes
	big := newWorld(t)
	big.load(`node x A=` + strings.Repeat("x", 100))
	var values []string
	for range 2000 {
		values = append(values, "'x'")
	}
	r, err := mustParse(t, "G.V().As('x').Select("+strings.Join(values, ", ")+")").Run(t.Context(), big.view, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&count); err != nil || count < 5 {
		t.Errorf("%v after %d writes: a long answer is written in pieces", err, count)
	}
	if err := r.WriteJSON(broken{}); err == nil || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a broken sink: %v", err)
	}
	if err := r.WriteNDJSON(broken{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a broken sink: %v", err)
	}
	if err := r.WriteDOT(broken{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a broken sink: %v", err)
	}
}

type writes int

func (w *writes) Write(b []byte) (int, error) {
	*w++
	return len(b), nil
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// clique is a graph in which walks multiply without end.
func clique(t testing.TB, n int) *graph.View {
	w := newWorld(t)
	var lines []string
	for i := range n {
		lines = append(lines, "node n"+string(rune('a'+i)))
	}
	for i := range n {
		for j := range n {
			lines = append(lines, "edge n"+string(rune('a'+i))+" -> n"+string(rune('a'+j))+" layer2")
		}
	}
	return w.load(lines...)
}

// TestRunaway: a query that would visit 26^12 nodes ends at whichever limit is
// the first, and with its context, soon, whatever its last step is.
func TestRunaway(t *testing.T) {
	v := clique(t, 26)
	walk := "G.V()" + strings.Repeat(".Both()", 12)
	for _, tail := range []string{
		"", ".Count()", ".Sort()", ".Dedup('Name')", ".Shared('Type')", ".As('x')", ".SubGraph()", ".Values('Name')", ".Keys()",
		".ShortestPathTo('Name','x')", ".Descendants(0)", ".Has('Name','x')", ".InE().InV().Sum('x')", ".Has('Name','x').Limit(1)",
	} {
		q := mustParse(t, walk+tail)
		var limit *LimitError
		if _, err := q.Run(t.Context(), v, Limits{Visited: 10_000, Results: 20_000}); !errors.As(err, &limit) || limit.Limit != "visited" {
			t.Errorf("%q: %v", tail, err)
		}
		if _, err := q.Run(t.Context(), v, Limits{Time: 5 * time.Millisecond, Visited: -1, Results: -1}); !errors.As(err, &limit) || limit.Limit != "time" {
			t.Errorf("%q: %v", tail, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := q.Run(ctx, v, Limits{Time: -1, Visited: -1, Results: -1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: %v", tail, err)
		}
		cancel()
	}
	var limit *LimitError
	long := mustParse(t, "G.V()"+strings.Repeat(".Both()", MaxSteps-2))
	if _, err := long.Run(t.Context(), v, Limits{}); !errors.As(err, &limit) {
		t.Errorf("%d steps: %v", MaxSteps, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mustParse(t, "G.V()").Run(ctx, v, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a run whose context is over: %v", err)
	}
}

// TestMemory: what steps remember is bounded whatever the other limits are.
func TestMemory(t *testing.T) {
	v := clique(t, 26)
	walk := "G.V()" + strings.Repeat(".Both()", 12)
	for _, tail := range []string{
		"", ".Sort().Count()", ".As('x').Count()", ".ValueMap('Name').Dedup().Count()", ".ValueMap().Count()",
		".ValueMap('Name','Type').Sort('Name').Count()", ".Values('Name').Sort()",
	} {
		var limit *LimitError
		_, err := mustParse(t, walk+tail).Run(t.Context(), v, Limits{Memory: 20_000, Visited: 2_000_000, Results: -1})
		if !errors.As(err, &limit) || limit.Limit != "memory" {
			t.Errorf("%q: %v", tail, err)
		}
	}
	// Each of these steps needs room for all slots of a graph.
	for _, text := range []string{
		"G.V().Dedup()", "G.V().Neighbors()", "G.V().SubGraph()", "G.V().ShortestPathTo('Name','na')",
		"G.V('Name','na').ShortestPathTo('Name','nb')", "G.E().Keys()", "G.V().Dedup('Name')", "G.V().Shared('Name')",
	} {
		var limit *LimitError
		if _, err := mustParse(t, text).Run(t.Context(), v, Limits{Memory: 2}); !errors.As(err, &limit) || limit.Limit != "memory" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestLimitStopsEarly: what comes after enough results is not visited.
func TestLimitStopsEarly(t *testing.T) {
	v := clique(t, 26)
	walk := "G.V()" + strings.Repeat(".Both()", 12)
	for _, tail := range []string{".Limit(3)", ".Range(1, 4)", ".Values('Name').Limit(3)", ".Dedup().Limit(3)", ".Has('Name').Limit(3)"} {
		r, err := mustParse(t, walk+tail).Run(t.Context(), v, Limits{Visited: 200})
		if err != nil || r.Len() != 3 {
			t.Errorf("%s: %v", tail, err)
		}
	}
}

// TestConcurrentRuns: one query on one view by many goroutines.
func TestConcurrentRuns(t *testing.T) {
	w := resultWorld(t)
	q := mustParse(t, "G.V().As('a').Out().Dedup().Sort('Name').As('b').Select('a','b').SubGraph().V().Sum('MTU')")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				r, err := q.Run(t.Context(), w.view, Limits{})
				if err != nil || r.Number().Float() != 10500.5 {
					t.Errorf("%v %v", r, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestAccessors: the accessors of other kinds give nothing.
func TestAccessors(t *testing.T) {
	w := resultWorld(t)
	r := w.result(t, "G.V().Count()")
	for range r.Nodes() {
		t.Error("a number has nodes")
	}
	for range r.Edges() {
		t.Error("a number has edges")
	}
	for range r.Paths() {
		t.Error("a number has paths")
	}
	nodes := 0
	for range w.result(t, "G.V('Name','a').ShortestPathTo('MTU', 9000.5)").Nodes() {
		nodes++
	}
	if nodes != 2 {
		t.Errorf("%d nodes on the path", nodes)
	}
	if n := w.result(t, "G.V()").Number(); !n.IsZero() {
		t.Errorf("nodes are the number %v", n)
	}
}
