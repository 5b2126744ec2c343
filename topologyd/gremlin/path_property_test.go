package gremlin

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// roads is a random graph of nodes n0, n1 … of some colours, with edges of
// several kinds and weights.
func roads(t *testing.T, rnd *rand.Rand, nodes, edges int) *world {
	w := newWorld(t)
	for i := range nodes {
		w.load(fmt.Sprintf("node n%d %s", i, [...]string{"red", "green", "blue", "grey", "grey", "grey"}[rnd.IntN(6)]))
	}
	for range edges {
		line := fmt.Sprintf("edge n%d -> n%d %s", rnd.IntN(nodes), rnd.IntN(nodes), [...]string{"road", "road", "rail"}[rnd.IntN(3)])
		switch rnd.IntN(6) {
		case 0:
		case 1:
			line += [...]string{" Cost=-3", " Cost=0", " Cost=much", " Cost=[7]", " Cost=1e3"}[rnd.IntN(5)]
		case 2:
			line += fmt.Sprintf(" Cost=%d.5", rnd.IntN(3))
		default:
			line += fmt.Sprintf(" Cost=%d", 1+rnd.IntN(9))
		}
		w.load(line)
	}
	w.load()
	return w
}

// distances are the least costs from all nodes to the nearest target, found by
// going over all edges until nothing gets better.
func distances(v *graph.View, targets, follow func(slot int32) bool, weight bool) map[int32]cost {
	dist := map[int32]cost{}
	for slot := range v.NodeList() {
		if targets(slot) {
			dist[slot] = cost{}
		}
	}
	for changed := true; changed; {
		changed = false
		for e := range v.EdgeList() {
			if !follow(e) {
				continue
			}
			for parent, child := range v.Ends(e) {
				for _, way := range [][2]int32{{parent, child}, {child, parent}} {
					from, ok := dist[way[0]]
					if !ok {
						continue
					}
					c := cost{from.sum + plainWeight(v, e, weight), from.hops + 1}
					if old, ok := dist[way[1]]; !ok || c.compare(old) < 0 {
						dist[way[1]], changed = c, true
					}
				}
			}
		}
	}
	return dist
}

func plainWeight(v *graph.View, e int32, weight bool) float64 {
	if c := v.EdgeAttr(e, "Cost"); weight && c.IsNumber() && c.Float() > 0 {
		return c.Float()
	}
	return 1
}

// TestPathsAreShortest: whichever way a path is searched, it is a way over edges
// that may be followed, and there is none that costs less, or the same over fewer
// hops; and there is one from each start from which there is any.
func TestPathsAreShortest(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 60 {
		nodes := 2 + rnd.IntN(40)
		if round%20 == 0 {
			nodes = 700
		}
		w := roads(t, rnd, nodes, rnd.IntN(3*nodes))
		v := w.view
		name := func(slot int32) string { return v.NodeAttr(slot, "Name").Str() }
		one := fmt.Sprintf("n%d", rnd.IntN(nodes))
		for _, start := range []string{"G.V('Name', 'n0')", "G.V('Type', 'red')", "G.V('Type', 'red').Limit(1)"} {
			starts := map[int32]bool{}
			for slot := range w.result(t, start).NodeSlots() {
				starts[slot] = true
			}
			for _, to := range []struct {
				text string
				is   func(slot int32) bool
			}{
				{"'Name', '" + one + "'", func(slot int32) bool { return name(slot) == one }},
				{"'Type', 'blue'", func(slot int32) bool { return v.NodeAttr(slot, "Type").Str() == "blue" }},
				{"'Name', REGEX('n.*[37]')", func(slot int32) bool { n := name(slot); return n[len(n)-1] == '3' || n[len(n)-1] == '7' }},
				{"'Name', 'nobody'", func(int32) bool { return false }},
			} {
				for _, along := range []string{"", ", METADATA('RelationType', 'road')"} {
					for _, weight := range []string{"", ", 'Cost'"} {
						text := start + ".ShortestPathTo(METADATA(" + to.text + ")" + along + weight + ")"
						follow := func(e int32) bool { return along == "" || v.RelationType(e) == "road" }
						checkPaths(t, v, text, w.result(t, text).paths, starts, to.is, follow, weight != "")
					}
				}
			}
		}
	}
}

func checkPaths(t *testing.T, v *graph.View, text string, paths [][]int32, starts map[int32]bool, target, follow func(int32) bool, weight bool) {
	t.Helper()
	dist := distances(v, target, follow, weight)
	want := 0
	for slot := range starts {
		if _, ok := dist[slot]; ok {
			want++
		}
	}
	if len(paths) != want {
		t.Fatalf("%s: %d paths, want %d", text, len(paths), want)
	}
	for _, path := range paths {
		least := dist[path[0]]
		if !starts[path[0]] || !target(path[len(path)-1]) || int(least.hops) != len(path)-1 {
			t.Fatalf("%s: the path %v, want one of %d hops", text, path, least.hops)
		}
		sum := 0.0
		for i := 1; i < len(path); i++ {
			step := math.Inf(1)
			for e := range v.EdgeList() {
				for parent, child := range v.Ends(e) {
					if follow(e) && (parent == path[i-1] && child == path[i] || parent == path[i] && child == path[i-1]) {
						step = min(step, plainWeight(v, e, weight))
					}
				}
			}
			sum += step
		}
		if math.Abs(sum-least.sum) > 1e-9*sum {
			t.Fatalf("%s: the path %v costs %g, want %g", text, path, sum, least.sum)
		}
	}
}

// TestPathLimits: a search in a large graph ends when it has looked at enough,
// has taken enough, or nobody waits any more.
func TestPathLimits(t *testing.T) {
	w := roads(t, rand.New(rand.NewPCG(7, 8)), 400, 1200)
	for _, weight := range []string{"", ", 'Cost'"} {
		for _, from := range []string{"G.V('Name', 'n0')", "G.V('Type', 'red')"} {
			for _, to := range []string{"'Name', 'nobody'", "'Name', REGEX('.*x')", "'Name', 'n7'"} {
				text := from + ".ShortestPathTo(METADATA(" + to + ")" + weight + ")"
				q := mustParse(t, text)
				for n := 1; n < 100_000; n *= 3 {
					for _, lim := range []Limits{{Visited: n}, {Memory: n}} {
						if r, err := q.run(t.Context(), w.view, Sources{}, w.Now, lim); err == nil {
							for path := range r.Paths() {
								if end := path[len(path)-1].Attrs.Get(entity.KeyName).Str(); end != "n7" {
									t.Errorf("%s: ends at %s", text, end)
								}
							}
						}
					}
				}
			}
		}
	}
}
