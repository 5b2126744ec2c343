package overview_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/overview"
	"github.com/skein-net/skein/topologyd/overview/overviewtest"
)

// world is a random graph that can be told in any order.
type world []entity.Event

// randomWorld has nodes of a few types, some on hosts, that own one another, in
// loops too, and are linked at random.
func randomWorld(rng *rand.Rand, n int) world {
	var w world
	var refs []entity.Ref
	for i := range n {
		host := fmt.Sprint(rng.IntN(4))
		var ref entity.Ref
		typ := []string{"veth", "bridge", "device", "", "a/b=c"}[rng.IntN(5)]
		switch k := rng.IntN(12); {
		case k == 0:
			ref, typ = entity.HostRef(host), "host"
		case k < 3:
			ref, typ = entity.NetNSRef(host, fmt.Sprint(rng.IntN(3)), "4"), "netns"
		case k < 5:
			ref = entity.Ref{Type: "thing", ID: entity.NewIdentity("n", fmt.Sprint(i))}
		default:
			ref = entity.InterfaceRef(host, "1", fmt.Sprint(i))
		}
		e := entity.Event{Ref: ref, Source: "test", Time: overviewtest.Time(), Attributes: entity.Attrs{
			entity.A("Name", entity.String(fmt.Sprint("n", i))), entity.A("Type", entity.String(typ)),
			entity.A("State", entity.String([]string{"UP", "DOWN", "?"}[rng.IntN(3)])), entity.A("Zone", entity.Int(rng.Int64N(3))),
		}.Normalize()}
		refs = append(refs, ref)
		for range rng.IntN(4) {
			e.Relationships = append(e.Relationships, entity.Relationship{Target: refs[rng.IntN(len(refs))],
				Type: []string{entity.RelPartOf, entity.RelPartOf, entity.RelMemberOf, entity.RelPeerOf, "uses"}[rng.IntN(5)]})
		}
		if rng.IntN(20) == 0 {
			e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelPartOf, Target: ref})
		}
		w = append(w, e)
	}
	// Only the first report of an entity stays, so that the order of telling does
	// not matter.
	known := make(map[entity.UUID]bool)
	return slices.DeleteFunc(w, func(e entity.Event) bool {
		was := known[e.UUID()]
		known[e.UUID()] = true
		return was
	})
}

func (w world) graph(order []int) *graph.Graph {
	g := graph.New(graph.DefaultConfig())
	for _, i := range order {
		w.tell(g, w[i])
	}
	return g
}

func (w world) tell(g *graph.Graph, e entity.Event) {
	x := g.Prepare(&e, 0)
	g.Apply(&x, e.Time, nil)
}

func randomOptions(rng *rand.Rand, v *graph.View) overview.Options {
	names := []string{"host", "namespace", "owner", "type", "State", "Zone", "Name", "@Origin"}
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	opt := overview.Options{Levels: names[:1+rng.IntN(4)], Limit: 1 + rng.IntN(v.NodeCount()+3)}
	if rng.IntN(3) == 0 {
		opt.Levels = nil
	}
	return opt
}

// someGroups chooses paths of groups of a picture, and such that are around or
// inside them.
func someGroups(rng *rand.Rand, p *overview.Picture) []string {
	var out []string
	for i := range p.Nodes {
		if rng.IntN(6) != 0 {
			continue
		}
		parts := strings.Split(p.Nodes[i].Path, "/")
		out = append(out, strings.Join(parts[:1+rng.IntN(len(parts))], "/"))
	}
	if rng.IntN(6) == 0 {
		out = append(out, overview.All)
	}
	return out
}

// Every picture of every graph keeps the limit, accounts for all elements, and
// does not depend on the order in which the graph came to be.
func TestRandomGraphs(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := randomWorld(rng, 1+rng.IntN(120))
		order := rng.Perm(len(w))
		v := w.graph(order).View()
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		other := w.graph(order).View()
		for range 6 {
			opt := randomOptions(rng, v)
			p := draw(t, whole(v), opt)
			if encode(t, draw(t, whole(v), opt)) != encode(t, p) {
				t.Fatalf("seed %d %+v: it is not the same twice", seed, opt)
			}
			if told := shape(draw(t, whole(other), opt)); told != shape(p) {
				t.Fatalf("seed %d %+v: in another order\n%s\n%s", seed, opt, shape(p), told)
			}
			opt.Expand = someGroups(rng, p)
			p = draw(t, whole(v), opt)
			if told := shape(draw(t, whole(other), opt)); told != shape(p) {
				t.Fatalf("seed %d %+v: in another order\n%s\n%s", seed, opt, shape(p), told)
			}
		}
	}
}

// shape is a picture without what depends on the order of events: revisions,
// and TIDs where nodes own one another in a circle.
func shape(p *overview.Picture) string {
	var b strings.Builder
	b.WriteString(sketch(p))
	for i := range p.Nodes {
		n := &p.Nodes[i]
		fmt.Fprintf(&b, "%s %s %s %s\n", n.ID, n.Path, n.Parent, n.Host)
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		fmt.Fprintf(&b, "%v %s %s\n", e.ID, e.Source, e.Target)
	}
	return b.String()
}

// Opening a group shows exactly its inside when that fits, and leaves all else
// as it was.
func TestOpenedWhole(t *testing.T) {
	opened := 0
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 2))
		v := func() *graph.View {
			w := randomWorld(rng, 20+rng.IntN(100))
			return w.graph(rng.Perm(len(w))).View()
		}()
		opt := randomOptions(rng, v)
		before := draw(t, whole(v), opt)
		for i := range before.Nodes {
			n := &before.Nodes[i]
			if n.Group == nil || !n.Group.Expandable || len(before.Nodes)-1+n.Group.Nodes > max(opt.Limit, 1) {
				continue
			}
			opt.Expand = []string{n.Path}
			after := draw(t, whole(v), opt)
			opened++
			if len(after.Nodes) != len(before.Nodes)-1+n.Group.Nodes || after.Depth != before.Depth {
				t.Fatalf("seed %d: opening %s (%d nodes)\n%s\n%s", seed, n.ID, n.Group.Nodes, sketch(before), sketch(after))
			}
			inside := 0
			for j := range after.Nodes {
				if m := &after.Nodes[j]; m.Path == n.Path || strings.HasPrefix(m.Path, n.Path+"/") {
					if inside++; m.Node == nil {
						t.Fatalf("seed %d: %s is left of %s", seed, m.ID, n.ID)
					}
				}
			}
			if inside != n.Group.Nodes {
				t.Fatalf("seed %d: %d nodes of %s are shown, it has %d", seed, inside, n.ID, n.Group.Nodes)
			}
		}
	}
	if opened < 100 {
		t.Errorf("only %d groups were opened", opened)
	}
}

// A group that can not be opened whole still opens a bit, if there is room for
// anything at all.
func TestOpenedAtAll(t *testing.T) {
	v := overviewtest.Config{Hosts: 40, Namespaces: 6, Pairs: 1, At: overviewtest.Time()}.Graph().View()
	for limit := 42; limit < 400; limit += 17 {
		before := draw(t, whole(v), overview.Options{Limit: limit})
		for _, i := range []int{0, len(before.Nodes) / 2, len(before.Nodes) - 1} {
			n := &before.Nodes[i]
			if n.Group == nil {
				continue
			}
			after := draw(t, whole(v), overview.Options{Limit: limit, Expand: []string{n.Path}})
			if slices.ContainsFunc(after.Nodes, func(m overview.Node) bool { return m.ID == n.ID }) {
				t.Errorf("limit %d: %s (%d nodes) stayed closed:\n%s", limit, n.ID, n.Group.Nodes, sketch(after))
			}
		}
	}
}

// The difference says what package diff says, and nothing changed gets lost.
func TestRandomDifferences(t *testing.T) {
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := randomWorld(rng, 10+rng.IntN(80))
		g := w.graph(rng.Perm(len(w)))
		a := g.View()
		for range rng.IntN(20) {
			e := w[rng.IntN(len(w))]
			e.Time = e.Time.Add(1)
			switch rng.IntN(3) {
			case 0:
				e.Kind = entity.Delete
			case 1:
				e.Attributes = e.Attributes.With("State", entity.String("ELSE"))
			default:
				e.Ref = entity.InterfaceRef("0", "9", fmt.Sprint(rng.IntN(9)))
			}
			w.tell(g, e)
		}
		b := g.View()
		d, err := diff.Views(context.Background(), a, b, diff.Options{})
		if err != nil {
			t.Fatal(err)
		}
		nodes, edges := d.Summary()
		src := whole(b)
		src.Before, src.Diff = a, d
		opt := randomOptions(rng, b)
		p := draw(t, src, opt)
		sum := func(p *overview.Picture) (s diff.Summary) {
			for i := range p.Nodes {
				if gr := p.Nodes[i].Group; gr != nil {
					s.Added += gr.Changes.Added
					s.Removed += gr.Changes.Removed
					s.Changed += gr.Changes.Changed
				} else {
					tally(&s, p.Nodes[i].Change)
				}
			}
			return s
		}
		if got := sum(p); got != nodes || p.Total.Nodes != b.NodeCount()+nodes.Removed || p.Total.Edges != b.EdgeCount()+edges.Removed {
			t.Fatalf("seed %d: %+v, want %+v; total %v", seed, got, nodes, p.Total)
		}
		opt.ChangesOnly = true
		only := draw(t, src, opt)
		if got := sum(only); got != nodes {
			t.Fatalf("seed %d: changes only: %+v, want %+v", seed, got, nodes)
		}
		opt.Limit = overview.MaxLimit
		all := draw(t, src, opt)
		needed := ends(all)
		var marks diff.Summary
		for i := range all.Edges {
			tally(&marks, all.Edges[i].Change)
		}
		if marks != edges {
			t.Fatalf("seed %d: changes only: edges %+v, want %+v", seed, marks, edges)
		}
		for i := range all.Nodes {
			if n := &all.Nodes[i]; n.Change == 0 && !needed[n.ID] {
				t.Fatalf("seed %d: %s is shown without need", seed, n.ID)
			}
		}
	}
}

func tally(s *diff.Summary, op diff.Op) {
	switch op {
	case diff.Added:
		s.Added++
	case diff.Removed:
		s.Removed++
	case diff.Changed:
		s.Changed++
	}
}

// ends are the nodes at the ends of changed edges and those that own something.
func ends(p *overview.Picture) map[string]bool {
	out := make(map[string]bool)
	for i := range p.Edges {
		if e := &p.Edges[i]; e.Change != 0 {
			out[e.Source], out[e.Target] = true, true
		} else if e.Type == entity.Ownership {
			out[e.Source] = true
		}
	}
	return out
}

// after is a context that is cancelled after it was asked so often.
type after struct {
	context.Context
	left int
}

func (c *after) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestCancelled(t *testing.T) {
	v := overviewtest.Config{Hosts: 20, Namespaces: 30, Pairs: 3, At: overviewtest.Time()}.Graph().View()
	o, err := overview.New(overview.Options{})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for n := 0; ; n++ {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := o.Draw(&after{ctx, n}, whole(v))
		if err == nil {
			break
		}
		if asked++; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if asked < 4 {
		t.Errorf("the context was asked %d times", asked)
	}
}
