package gremlin

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/graph"
)

// TestDifferentialWays compares Path with ways that are walked one at a time.
func TestDifferentialWays(t *testing.T) {
	graphs, perGraph := 250, 40
	if testing.Short() {
		graphs = 25
	}
	empty, most := 0, 0
	for seed := range uint64(graphs) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		w := randomWorld(t, rnd)
		for range perGraph {
			at := ""
			if rnd.IntN(3) == 0 {
				at = randomTime(w, rnd)
			}
			text := (&generator{rnd: rnd, w: w, at: at}).ways()
			q := mustParse(t, text)
			r, err := q.run(t.Context(), w.view, w.sources(), w.Now, Limits{})
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			n := newNaive(w.viewOf(t, stepG+at))
			n.named = map[string]bag{}
			steps := mustParse(t, strings.ReplaceAll(text, "'Capture.", "'Captures.")).steps
			if at != "" { // the view is that one already
				steps = append([]call{steps[0]}, steps[2:]...)
			}
			ways := n.waysOf(steps)
			want := []byte("[")
			for i, way := range ways {
				if i > 0 {
					want = append(want, ',')
				}
				want = appendWay(want, way)
			}
			want = append(want, ']')
			if got := string(r.AppendJSON(nil)); got != string(want) {
				t.Fatalf("seed %d: %s\ngot\n  %s\nwant\n  %s", seed, text, got, want)
			}
			if most = max(most, len(ways)); len(ways) == 0 {
				empty++
			}
		}
	}
	t.Logf("%d queries, %d with an empty answer, at most %d ways", graphs*perGraph, empty, most)
	if empty*2 > graphs*perGraph {
		t.Errorf("%d answers are empty: the queries test too little", empty)
	}
}

func appendWay(b []byte, w naiveWay) []byte {
	b = append(b, '[')
	for i, x := range w {
		if i > 0 {
			b = append(b, ',')
		}
		switch x := x.(type) {
		case *graph.Node:
			b = x.AppendJSON(b)
		case *graph.Edge:
			b = x.AppendJSON(b)
		}
	}
	return append(b, ']')
}
