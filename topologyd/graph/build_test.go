package graph

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// rebuilt is a view built from copies of what another shows, in random order.
func rebuilt(t *testing.T, v *View, rng *rand.Rand, nodes, edges int) *View {
	b := NewBuilder(nodes, edges)
	ns, es := slices.Collect(v.Nodes()), slices.Collect(v.Edges())
	rng.Shuffle(len(ns), func(i, j int) { ns[i], ns[j] = ns[j], ns[i] })
	rng.Shuffle(len(es), func(i, j int) { es[i], es[j] = es[j], es[i] })
	for _, e := range es {
		c := *e
		require.False(t, b.AddEdge(&c), "an edge without its ends")
	}
	for i, n := range ns {
		c := *n
		require.EqualValues(t, i, b.AddNode(&c))
	}
	for _, e := range es {
		c := *e
		require.True(t, b.AddEdge(&c))
	}
	return b.View(v.Revision())
}

// TestBuiltAsLive: a view that is built of what a live graph shows answers as
// that one does.
func TestBuiltAsLive(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 11))
		g := New(DefaultConfig())
		for i := range 400 {
			e := randomEvent(rng, t0.Add(time.Duration(i)*time.Millisecond))
			if rng.IntN(60) == 0 {
				e.Attributes = e.Attributes.With("Long", entity.String(strings.Repeat("x", maxIndexedString+rng.IntN(2))))
			}
			if rng.IntN(20) == 0 {
				e.Attributes = e.Attributes.With("Deep.y", entity.Int(int64(rng.IntN(3))))
			}
			p := g.Prepare(&e, 0)
			g.Apply(&p, t0, nil)
			if i%40 != 39 {
				continue
			}
			live := g.View()
			size := rng.IntN(2 * (live.EdgeCount() + 1))
			built := rebuilt(t, live, rng, rng.IntN(2*(live.NodeCount()+1)), size)
			require.Equal(t, describe(t, live), describe(t, built))
			require.Equal(t, dump(live), dump(built))
			require.Equal(t, live.Revision(), built.Revision())
			require.False(t, built.IsSlice() || live.IsSlice())
			require.Nil(t, built.NodeAt(int32(built.NodeSlots())))
			require.Nil(t, built.EdgeAt(int32(built.EdgeSlots())))
			require.Nil(t, built.Node(entity.UUID{1}))
			checkIndex(t, built)
			compareIndexes(t, live, built)
			for _, v := range []*View{live, built} {
				for e := range v.Edges() {
					require.Equal(t, map[int32]int32{e.ParentSlot: e.ChildSlot}, maps.Collect(v.Ends(e.Slot)))
				}
			}
		}
	}
}

// compareIndexes asks two views of the same graph for the same.
func compareIndexes(t *testing.T, a, b *View) {
	keys := []string{"Name", "Type", "IPV4", "Ovs", "Ovs.x", "Flag", "Flag.x", "Long", "Deep", "Deep.y", "@ID", "Metric", "Metric.x", "LastUpdateMetric.x.y", "Metrics", "TID", "none", "none.x"}
	values := []entity.Value{
		entity.String("v1"), entity.String("a"), entity.Int(1), entity.Float(2), entity.Float(1.5), entity.Bool(true), entity.String("none"),
		entity.String(strings.Repeat("x", maxIndexedString)), entity.String(strings.Repeat("x", maxIndexedString+1)),
		{}, entity.Map(nil), entity.List(),
	}
	ids := func(nodes func(func(*Node) bool)) (out []string) {
		nodes(func(n *Node) bool {
			out = append(out, n.ID.String())
			return true
		})
		slices.Sort(out)
		return out
	}
	for _, key := range keys {
		for _, value := range values {
			an, ac := a.NodesWith(key, value)
			bn, bc := b.NodesWith(key, value)
			if ac < 0 && bc >= 0 || bc < 0 && ac >= 0 {
				continue // one has an ordered index already
			}
			require.Equal(t, ac, bc, "%s = %s", key, value.Text())
			require.Equal(t, ids(an), ids(bn), "%s = %s", key, value.Text())
		}
	}
}

// TestEqualNumbersInList: 2 and 2.0 in one list are one entry of the index, also
// when the nodes that have them go.
func TestEqualNumbersInList(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.apply(link(name, "1", 1, name, "veth", entity.A("L", entity.List(entity.Int(2), entity.Float(2), entity.Int(2)))))
	}
	v := w.g.View()
	_, count := v.SlotsWith("L", entity.Int(2))
	require.Equal(t, 3, count)
	compareIndexes(t, v, rebuilt(t, v, rand.New(rand.NewPCG(1, 1)), 3, 0))
	_, count = rebuilt(t, v, rand.New(rand.NewPCG(1, 1)), 3, 0).SlotsWith("L", entity.Float(2))
	require.Equal(t, 3, count)
	w.tick(time.Second)
	for _, name := range []string{"b", "a", "c"} {
		w.apply(entity.Event{Kind: entity.Delete, Ref: link(name, "1", 1, name, "veth").Ref})
	}
	require.Zero(t, w.g.View().NodeCount())
	require.Zero(t, w.g.t.index.terms.used)
}

// TestLazyIndexBounded asks for more keys than are kept, from several
// goroutines.
func TestLazyIndexBounded(t *testing.T) {
	b := NewBuilder(0, 0)
	for i := range 300 {
		a := entity.Attrs{}
		for k := range 2 * maxLazyKeys {
			a = append(a, entity.A(fmt.Sprint("k", k), entity.Int(int64(i%(k+1)))))
		}
		b.AddNode(&Node{ID: entity.UUID{byte(i), byte(i >> 8)}, Attrs: a.Normalize()})
	}
	v := b.View(1)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for k := range 2 * maxLazyKeys {
				k = (k + g*7) % (2 * maxLazyKeys)
				if _, n := v.SlotsWith(fmt.Sprint("k", k), entity.Int(0)); n != (300+k)/(k+1) {
					t.Errorf("key %d: %d nodes", k, n)
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, len(v.built.index.keys), maxLazyKeys)
	for slot := range first(v.SlotsWith("k0", entity.Int(0))) {
		require.Zero(t, slot)
		break
	}
}

func first[A, B any](a A, _ B) A { return a }

// revision gives a node of a slice.
func revision(id byte, from int64) *Node { return &Node{ID: entity.UUID{id}, UpdatedAt: from} }

func TestSlice(t *testing.T) {
	b := NewBuilder(1, 1)
	p1, p2 := b.AddNode(revision('p', 10)), b.AddNode(revision('p', 20))
	c2, c1 := b.AddNode(revision('c', 20)), b.AddNode(revision('c', 10))
	edge := func(from int64, attr string) *Edge {
		return &Edge{ID: entity.UUID{'e'}, Parent: entity.UUID{'p'}, Child: entity.UUID{'c'}, RelationType: "layer2", UpdatedAt: from, Attrs: entity.Attrs{entity.A("x", entity.String(attr))}}
	}
	first, second := edge(10, "first"), edge(25, "second")
	b.AddEdgeBetween(first, [][2]int32{{p1, c1}, {p1, c2}, {p2, c2}})
	b.AddEdgeBetween(second, [][2]int32{{p2, c2}})
	b.AddEdgeBetween(edge(30, "nowhere"), nil)
	own := &Edge{ID: entity.UUID{'o'}, Parent: entity.UUID{'c'}, Child: entity.UUID{'p'}, RelationType: "ownership"}
	require.True(t, b.AddEdge(own), "between the newest revisions")
	v := b.View(7)

	require.True(t, v.IsSlice())
	require.Equal(t, 4, v.NodeCount())
	require.Equal(t, 3, v.EdgeCount())
	require.Equal(t, 5, v.EdgeSlots())
	require.Equal(t, p2, v.Node(entity.UUID{'p'}).Slot)
	require.Equal(t, c2, v.Node(entity.UUID{'c'}).Slot, "the newest, though added first")
	require.Same(t, second, v.Edge(entity.UUID{'e'}))
	require.Equal(t, []*Edge{first, second, own}, slices.Collect(v.Edges()))
	var byslot []*Edge
	for i := range v.EdgeSlots() {
		if e := v.EdgeAt(int32(i)); e != nil {
			byslot = append(byslot, e)
		}
		require.NotEmpty(t, v.RelationType(int32(i)))
	}
	require.Equal(t, []*Edge{first, second, own}, byslot)

	pairs := func(seq func(func(a, b int32) bool)) (out [][2]int32) {
		for a, b := range seq {
			out = append(out, [2]int32{a, b})
		}
		return out
	}
	require.Equal(t, [][2]int32{{p1, c1}, {p1, c2}, {p2, c2}}, pairs(v.Ends(first.Slot)))
	require.Equal(t, [][2]int32{{p2, c2}}, pairs(v.Ends(second.Slot)))
	require.Equal(t, [][2]int32{{c2, p2}}, pairs(v.Ends(own.Slot)))
	require.Empty(t, pairs(v.Ends(first.Slot+1)), "not the slot of an edge")
	require.Equal(t, [][2]int32{{first.Slot, c1}, {first.Slot, c2}}, pairs(v.OutSlots(p1)))
	require.Equal(t, [][2]int32{{second.Slot, c2}, {first.Slot, c2}}, pairs(v.OutSlots(p2)))
	require.Equal(t, [][2]int32{{second.Slot, p2}, {first.Slot, p1}, {first.Slot, p2}}, pairs(v.InSlots(c2)))
	require.Equal(t, []*Edge{first}, slices.Collect(v.Out(p1)), "each edge once")
	require.Equal(t, []*Edge{second, first}, slices.Collect(v.In(c2)))
	require.Equal(t, 2, v.OutDegree(p1))
	require.Equal(t, 3, v.InDegree(c2))
	for range v.Ends(first.Slot) {
		break
	}
	for range v.Out(p1) {
		break
	}
}

// TestSliceWithEdgesOnly: an edge that changed between nodes that did not.
func TestSliceWithEdgesOnly(t *testing.T) {
	b := NewBuilder(-1, -1)
	p, c := b.AddNode(revision('p', 1)), b.AddNode(revision('c', 1))
	for i := range int64(3) {
		b.AddEdgeBetween(&Edge{ID: entity.UUID{'e'}, Revision: uint64(i), UpdatedAt: i}, [][2]int32{{p, c}})
	}
	v := b.View(1)
	require.True(t, v.IsSlice())
	require.EqualValues(t, 2, v.Edge(entity.UUID{'e'}).Revision)
	require.Len(t, slices.Collect(v.Out(p)), 3)
}

// TestManyRelations adds more relation types than have a number.
func TestManyRelations(t *testing.T) {
	b := NewBuilder(2, 0)
	b.AddNode(revision(1, 0))
	b.AddNode(revision(2, 0))
	for i := range 2 * maxRelations {
		require.True(t, b.AddEdge(&Edge{ID: entity.UUID{byte(i), byte(i >> 8)}, Parent: entity.UUID{1}, Child: entity.UUID{2}, RelationType: fmt.Sprint(i)}))
	}
	v := b.View(1)
	for e := range v.Edges() {
		require.Equal(t, e.RelationType, v.RelationType(e.Slot))
	}
}

// BenchmarkBuild fills a view with 100,000 nodes and 200,000 edges that are
// there already.
func BenchmarkBuild(b *testing.B) {
	const count = 100_000
	g := New(DefaultConfig())
	fill(g, count)
	var nodes []Node
	var edges []Edge
	for n := range g.View().Nodes() {
		nodes = append(nodes, *n)
	}
	for e := range g.View().Edges() {
		edges = append(edges, *e)
	}
	for i := 0; len(edges) < 2*count; i++ {
		e := edges[i]
		e.ID = entity.Ref{Type: "edge", ID: entity.NewIdentity("n", fmt.Sprint(i))}.UUID()
		edges = append(edges, e)
	}
	b.ReportAllocs()
	for b.Loop() {
		nb := NewBuilder(count, 2*count)
		for i := range nodes {
			nb.AddNode(&nodes[i])
		}
		for i := range edges {
			nb.AddEdge(&edges[i])
		}
		if v := nb.View(1); v.EdgeCount() != 2*count {
			b.Fatal(v.EdgeCount())
		}
	}
}

// BenchmarkLazyIndex makes the index of a key that is different for each of
// 100,000 nodes, and of one that has few values.
func BenchmarkLazyIndex(b *testing.B) {
	g := New(DefaultConfig())
	fill(g, 100_000)
	nb := NewBuilder(100_000, 0)
	for n := range g.View().Nodes() {
		c := *n
		nb.AddNode(&c)
	}
	v := nb.View(1)
	for _, key := range []string{"Name", "Type"} {
		b.Run(key, func(b *testing.B) {
			for b.Loop() {
				v.built.index.keys = make(map[string]*keyIndex)
				v.SlotsWith(key, entity.String("veth"))
			}
		})
	}
}
