package overview_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/overview"
	"github.com/skein-net/skein/topologyd/overview/overviewtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // a test file
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestGolden draws two hosts with two namespaces of one pair of veth each, and a
// switch: 27 nodes.
func TestGolden(t *testing.T) {
	c := small()
	c.PerSwitch = 2
	v := c.Graph().View()
	for name, opt := range map[string]overview.Options{
		"everything":     {},
		"to-types":       {Limit: 25},
		"to-namespaces":  {Limit: 10},
		"to-hosts":       {Limit: 6},
		"left-out":       {Limit: 2},
		"one":            {Limit: 1},
		"host-open":      {Limit: 20, Expand: []string{hostPath(1)}},
		"host-next":      {Limit: 8, Expand: []string{hostPath(1)}},
		"host-by-name":   {Limit: 8, Expand: []string{"host=host-1"}},
		"namespace-open": {Limit: 8, Expand: []string{nsPath(1, 2)}},
		"namespace-part": {Limit: 6, Expand: []string{nsPath(1, 0)}},
		"both-open":      {Limit: 11, Expand: []string{hostPath(1), hostPath(0)}},
		"all-open":       {Limit: 20, Expand: []string{"*"}},
		"left-out-open":  {Limit: 2, Expand: []string{hostPath(1)}},
		"unknown-open":   {Limit: 6, Expand: []string{"host=nowhere", "type=veth", "", "others"}},
		"by-type":        {Limit: 10, Levels: []string{"type"}},
		"type-part":      {Limit: 10, Levels: []string{"type"}, Expand: []string{"type=veth"}},
		"by-owner":       {Limit: 20, Levels: []string{"owner"}},
		"by-namespace":   {Limit: 10, Levels: []string{"namespace"}},
		"by-key":         {Limit: 10, Levels: []string{"State", "MTU"}},
		"by-origin":      {Limit: 10, Levels: []string{"@Origin"}},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, sketch(draw(t, whole(v), opt))) })
	}
}

// Of what a query gives only a part is drawn; owners outside of it still say
// where something is.
func TestPartOfGraph(t *testing.T) {
	v := small().Graph().View()
	veth := overview.Source{View: v, Nodes: func(yield func(int32) bool) {
		for slot := range v.NodeList() {
			if v.NodeAttr(slot, "Type").Str() == "veth" && !yield(slot) {
				return
			}
		}
	}, Edges: v.EdgeList()}
	golden(t, "part-nodes", sketch(draw(t, veth, overview.Options{})))
	golden(t, "part-groups", sketch(draw(t, veth, overview.Options{Limit: 6, Levels: []string{"namespace"}})))
}

func TestEmpty(t *testing.T) {
	p := draw(t, whole(graph.New(graph.DefaultConfig()).View()), overview.Options{})
	if got := encode(t, p); got != `{"levels":["host","namespace","type"],"depth":3,"total":{"nodes":0,"edges":0},"grouped":{"nodes":0,"edges":0},"left_out":{"nodes":0,"edges":0},"hosts":{},"nodes":[],"edges":[]}` {
		t.Error(got)
	}
}

// Stale elements, loops of owners, an edge to itself and names that a path
// cannot hold as they are.
func TestOdd(t *testing.T) {
	g := graph.New(graph.DefaultConfig())
	at := overviewtest.Time()
	put := func(name, typ string, rel ...entity.Relationship) entity.Ref {
		ref := entity.Ref{Type: "thing", ID: entity.NewIdentity("name", name)}
		e := entity.Event{Ref: ref, Source: "test", Time: at, Attributes: entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String(typ))}, Relationships: rel}
		x := g.Prepare(&e, 0)
		g.Apply(&x, at, nil)
		return ref
	}
	thing := func(name string) entity.Ref {
		return entity.Ref{Type: "thing", ID: entity.NewIdentity("name", name)}
	}
	owned := func(by string) entity.Relationship {
		return entity.Relationship{Type: entity.RelPartOf, Target: thing(by)}
	}
	put("a", "x/y=z,%", owned("b"))
	put("b", "x/y=z,%", owned("c"))
	put("c", "λ \n", owned("a"))
	put("d", "λ \n", owned("d"), entity.Relationship{Type: "self", Target: thing("d")})
	put("e", "", owned("d"))
	put("f", "")
	v := g.View()
	for name, opt := range map[string]overview.Options{
		"odd":       {},
		"odd-type":  {Limit: 4, Levels: []string{"type"}},
		"odd-owner": {Limit: 5, Levels: []string{"owner"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := draw(t, whole(v), opt)
			golden(t, name, sketch(p)+encode(t, p)+"\n")
		})
	}
	p := draw(t, whole(v), overview.Options{Limit: 5, Levels: []string{"type"}, Expand: []string{"type=x%2Fy%3Dz%2C%25"}})
	if len(p.Nodes) != 4 {
		t.Error(sketch(p))
	}
}
