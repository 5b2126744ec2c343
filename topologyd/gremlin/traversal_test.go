package gremlin

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// ringWorld is a ring of nodes of two types with a chord here and there.
func ringWorld(tb testing.TB, nodes int) *world {
	w := newWorld(tb)
	var lines []string
	for i := range nodes {
		lines = append(lines, fmt.Sprintf("node n%d %s N=%d", i, []string{"veth", "bridge"}[i%2], i))
	}
	for i := range nodes {
		lines = append(lines, fmt.Sprintf("edge n%d -> n%d layer2", i, (i+1)%nodes))
		if i%3 == 0 {
			lines = append(lines, fmt.Sprintf("edge n%d -> n%d ownership", i, (i+7)%nodes))
		}
	}
	w.load(lines...)
	return w
}

// TestTraversalAllocates: what a sub-traversal takes does not grow with the
// number of elements that it is run for.
func TestTraversalAllocates(t *testing.T) {
	small, large := ringWorld(t, 50), ringWorld(t, 1000)
	for _, text := range []string{
		"G.V().Where(Out('Type', 'bridge')).Count()",
		"G.V().Not(OutE('RelationType', 'ownership').OutV().Has('N', GT(3))).Count()",
		"G.V().And(Or(In(), Has('N', 1)), Out().Where(Out('N', LT(100)))).Count()",
		"G.V().Where(Both().Both().Dedup().Has('N', 7)).Count()",
		"G.V().Where(Neighbors(3).Has('N', 7)).Count()",
		"G.V().Where(Out().Values('N').Is(7)).Count()",
		"G.V().Where(Out().Count().Is(GT(1))).Count()",
		"G.V().Where(Both('Type', 'veth').Count().Is(GT(1))).Count()",
		"G.V().Where(Repeat(Out()).Times(3).Has('N', 7)).Count()",
		"G.V().Where(Repeat(Out()).Until(Has('Type', 'bridge')).Has('N', 7)).Count()",
	} {
		q := mustParse(t, text)
		allocs := func(w *world) float64 {
			return testing.AllocsPerRun(3, func() {
				if _, err := q.Run(t.Context(), w.view, Limits{}); err != nil {
					t.Fatal(err)
				}
			})
		}
		if few, many := allocs(small), allocs(large); many > few+60 {
			t.Errorf("%s: %.0f allocations for 50 nodes, %.0f for 1000", text, few, many)
		}
	}
}

// TestTraversalMemory: what the run for one element takes is given back.
func TestTraversalMemory(t *testing.T) {
	w := ringWorld(t, 1000)
	lim := Limits{Memory: 100_000}
	for _, text := range []string{
		"G.V().Order().By(Both().Sort('N').Values('N'))",
		"G.V().Group().By(Neighbors(0).Count())",
		"G.V().Project('n').By(Repeat(Both()).Emit().Count())",
		"G.V().Where(Both().Values('N').Dedup().Is(7)).Count()",
		"G.V().Where(Neighbors(0).Has('N', 999)).Count()",
		"G.V().Where(Repeat(Out()).Emit().Has('N', 999)).Count()",
		"G.V().Where(Out().Sort(DESC, 'N').Has('N', 7)).Count()",
	} {
		if _, err := mustParse(t, text).Run(t.Context(), w.view, lim); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestTraversalLimits: limits hold inside of sub-traversals, and of ways, which
// multiply.
func TestTraversalLimits(t *testing.T) {
	w := ringWorld(t, 300)
	often := strings.Repeat(".Both()", 60)
	for _, tc := range []struct {
		text, limit string
		lim         Limits
	}{
		{"G.V().Where(Both()" + often + ".Has('N', -1))", "visited", Limits{Visited: 100_000}},
		{"G.V().Not(Repeat(Both()).Times(1000))", "visited", Limits{Visited: 100_000}},
		{"G.V().Repeat(Repeat(Repeat(Both()).Times(1000)).Times(1000)).Times(1000)", "visited", Limits{Visited: 100_000}},
		{"G.V()" + often + ".Path().Count()", "visited", Limits{Visited: 100_000}},
		{"G.V()" + often + ".Path()", "memory", Limits{Memory: 100_000}},
		{"G.V()" + often + ".Sort('N').Path()", "memory", Limits{Memory: 100_000}},
		{"G.V().Repeat(Both()).Times(1000).Path()", "memory", Limits{Memory: 100_000}},
		{"G.V()" + often + ".Path()", "results", Limits{Results: 10}},
	} {
		_, err := mustParse(t, tc.text).Run(t.Context(), w.view, tc.lim)
		var l *LimitError
		if !errors.As(err, &l) || l.Limit != tc.limit {
			t.Errorf("%s: %v, want the limit %s", tc.text, err, tc.limit)
		}
	}
}

// TestWaysAreDropped: as long as no step keeps ways, there are no more links
// than a way has elements.
func TestWaysAreDropped(t *testing.T) {
	w := ringWorld(t, 300)
	q := mustParse(t, "G.V().Both().Has('N', GT(10)).Where(Out()).BothE().BothV().Dedup().Out().Path()")
	x := newExec(t.Context(), q, w.view, Sources{}, time.Now(), Limits{})
	x.check()
	f := flow{kind: KindGraph}
	var ways *ways
	for _, o := range q.ops {
		if f = o(x, f); x.ways != nil {
			ways = x.ways
		}
	}
	n := 0
	for path := range f.paths {
		if n++; len(path) != 5 || len(ways.links) != 5 {
			t.Fatalf("a way of %d, %d links", len(path), len(ways.links))
		}
	}
	if n < 300 || len(ways.links) != 0 || ways.taken != 5 {
		t.Errorf("%d ways, %d links are left, memory of %d was taken", n, len(ways.links), ways.taken)
	}
}

// TestSlotSetReset: a set that is used again is empty, and takes its memory
// once.
func TestSlotSetReset(t *testing.T) {
	x := &exec{ctx: t.Context(), lim: Limits{}.filled(), start: time.Now()}
	for _, sizes := range [][]int{{10, 3, 10}, {10, 9000, 5, 9000}, {9000, 10, 9000}} {
		set := x.slotSet(100_000)
		for i, n := range sizes {
			set.reset()
			before := x.memory
			for slot := range int32(100_000) {
				if set.has(slot) {
					t.Fatalf("%v: %d is left", sizes, slot)
				}
			}
			for slot := range int32(n) {
				if !set.add(slot*11) || set.add(slot*11) || !set.has(slot*11) {
					t.Fatalf("%v: %d was not added once", sizes, slot)
				}
			}
			if i > 1 && n < 100 && x.memory != before {
				t.Errorf("%v: use %d takes %d bytes", sizes, i, x.memory-before)
			}
		}
	}
}

// TestPathElements: edges stand on ways where a step gave them, and are left out
// of Paths; the JSON has both.
func TestPathElements(t *testing.T) {
	w := newWorld(t)
	w.load(`node a host`, `node b veth`, `edge a -> b ownership`)
	r, err := mustParse(t, "G.V('Name', 'a').OutE().OutV().Path()").Run(t.Context(), w.view, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for nodes := range r.Paths() {
		if len(nodes) != 2 || w.Names[nodes[0].ID] != "a" || w.Names[nodes[1].ID] != "b" {
			t.Errorf("the nodes are %v", nodes)
		}
	}
	for path := range r.PathElements() {
		if len(path) != 3 || path[0].Edge || !path[1].Edge || path[2].Edge {
			t.Errorf("the elements are %v", path)
		}
	}
	text := string(r.AppendJSON(nil))
	if strings.Count(text, `"ID"`) != 3 || strings.Count(text, `"Parent"`) != 1 {
		t.Errorf("the JSON is %s", text)
	}
	rows := 0
	for row := range r.Rows() {
		if rows++; row[0] != "2" || row[1] != "a - ownership - b" {
			t.Errorf("the row is %v", row)
		}
	}
	if rows != 1 || r.Len() != 1 {
		t.Errorf("%d rows, %d paths", rows, r.Len())
	}
}

// TestTraversalConcurrent: runs of one query share nothing.
func TestTraversalConcurrent(t *testing.T) {
	w := ringWorld(t, 200)
	for _, text := range []string{
		"G.V().Where(Both().Values('N').Dedup().Is(GT(7))).Repeat(Out().Dedup()).Until(Has('Type', 'bridge')).Emit().Values('N')",
		"G.V().Sort(DESC, 'N').Out().Where(Out().Count().Is(GT(1))).Neighbors(2).Path()",
	} {
		q := mustParse(t, text)
		r, err := q.Run(t.Context(), w.view, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		want := string(r.AppendJSON(nil))
		done := make(chan string)
		for range 4 {
			go func() {
				r, err := q.Run(t.Context(), w.view, Limits{})
				if err != nil {
					done <- err.Error()
					return
				}
				done <- string(r.AppendJSON(nil))
			}()
		}
		for range 4 {
			if got := <-done; got != want {
				t.Errorf("%s: got %d bytes, want %d", text, len(got), len(want))
			}
		}
	}
}
