package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// stateText is a node's state as text.
func stateText(s *NodeState) string {
	b := fmt.Append(nil, s.Ref, s.TID, s.CreatedAt, s.UpdatedAt, s.Revision)
	for _, f := range s.Facets {
		b = f.Attributes.AppendJSON(fmt.Append(b, f.Source, f.Time, f.Interval))
		for _, a := range f.Assertions {
			b = a.Attributes.AppendJSON(fmt.Append(b, a.Edge))
		}
	}
	return string(b)
}

// picture is all that a view shows, by slot.
func picture(v *View) (out []string) {
	for slot := range v.NodeList() {
		s := v.NodeStateAt(slot)
		out = append(out, fmt.Sprint(slot, " ", string(v.AppendNodeJSON(nil, slot)), stateText(&s), v.OutDegree(slot), v.InDegree(slot)))
		for e, child := range v.OutSlots(slot) {
			out = append(out, fmt.Sprint(e, child, v.RelationType(e)))
		}
	}
	for slot := range v.EdgeList() {
		out = append(out, fmt.Sprint(slot, " ", string(v.AppendEdgeJSON(nil, slot)), v.EdgeAt(slot).ParentSlot, v.EdgeAt(slot).ChildSlot))
	}
	for _, value := range []string{"v1", "v2", "a"} {
		slots, n := v.SlotsWith("Name", entity.String(value))
		out = append(out, fmt.Sprint(n, slices.Collect(slots)))
	}
	return append(out, fmt.Sprint(v.Revision(), v.NodeCount(), v.EdgeCount(), v.Digest()))
}

// TestDense does to a graph all that can be done, holds views meanwhile, and
// looks whether they stay what they were and the tables agree.
func TestDense(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 3))
		g := New(DefaultConfig())
		g.CollectHeard()
		type held struct {
			v    *View
			want []string
		}
		var views []held
		now := t0
		lines := []uint64{0, 1, 2, 3}
		for i := range 500 {
			now = now.Add(time.Duration(rng.IntN(2000)) * time.Millisecond)
			e := randomEvent(rng, now)
			switch rng.IntN(12) {
			case 0:
				e.Source = fmt.Sprint("rule.", rng.IntN(2)) // a guest
			case 1:
				e.Interval = time.Duration(rng.IntN(3)) * 10 * time.Second
			case 2:
				e.Ref = entity.HostRef(fmt.Sprint("h", rng.IntN(2)))
			case 3:
				for k := range rng.IntN(60) {
					e.Relationships = append(e.Relationships, entity.Relationship{Type: "uses", Target: entity.HostRef(fmt.Sprint("t", k))})
				}
			}
			if e.Kind == entity.Delete {
				e.Relationships = nil
			}
			p := g.Prepare(&e, 0)
			if rng.IntN(2) == 0 {
				lines = append(lines, uint64(100+i))
				p.Line = uint64(100 + i)
			}
			g.Apply(&p, now, nil)
			switch rng.IntN(6) {
			case 0:
				g.Touch(lines, make([]int64, len(lines)), make([]bool, len(lines)), now, nil)
			case 1:
				g.SetMetric(e.Ref.UUID(), now, entity.Attrs{entity.A("RxBytes", entity.Int(rng.Int64N(1000))), entity.A("TxBytes", entity.Int(rng.Int64N(3)))})
			case 2:
				expired, _, _ := g.Sweep(0, now.Add(time.Duration(rng.IntN(60))*time.Second), nil)
				for j := range expired[:min(len(expired), 2)] {
					p := g.Prepare(&expired[j], 0)
					g.Apply(&p, now, nil)
				}
			case 3:
				g.Hear(g.TakeHeard(), now, nil)
			}
			if rng.IntN(10) == 0 {
				v := g.View()
				views = append(views, held{v, picture(v)})
			}
			if i%50 == 49 {
				checkTables(t, g)
			}
		}
		for _, h := range views {
			require.Equal(t, h.want, picture(h.v), "seed %d: a view moved", seed)
			for n := range h.v.Nodes() {
				checkNodeSlot(t, h.v, n)
			}
			for e := range h.v.Edges() {
				checkEdgeSlot(t, h.v, e)
			}
		}
		require.Equal(t, g.View().Digest(), restored(g, now).View().Digest())
		for rounds := 0; g.View().NodeCount() > 0 && rounds < 10; rounds++ {
			for s := range g.View().NodeStates() {
				for _, f := range s.Facets {
					p := g.Prepare(&entity.Event{Kind: entity.Delete, Ref: s.Ref, Source: f.Source, Time: now.Add(time.Hour)}, 0)
					g.Apply(&p, now, nil)
				}
			}
		}
		checkEmpty(t, g)
		require.Empty(t, g.dangling)
	}
}

// TestManyRelationTypes asserts edges of more types than have a number.
func TestManyRelationTypes(t *testing.T) {
	w := newWorld(t)
	w.apply(host("h"))
	for i := range maxRelations + 20 {
		w.apply(related(link("h", "1", i, "x", "veth"), fmt.Sprint("uses", i), entity.HostRef("h"), entity.A("n", entity.Int(int64(i%3)))))
	}
	checkTables(t, w.g)
	v := w.g.View()
	seen := map[string]bool{}
	for e := range v.Edges() {
		seen[v.RelationType(e.Slot)] = true
		checkEdgeSlot(t, v, e)
	}
	require.Len(t, seen, maxRelations+21)
	before := picture(v)
	w.tick(time.Second)
	for i := range maxRelations + 20 {
		w.apply(entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h", "1", fmt.Sprint(i))})
	}
	require.Zero(t, w.g.View().EdgeCount())
	require.Equal(t, before, picture(v))
	checkTables(t, w.g)
}

// TestLongLists has a facet assert many edges, some of them twice, and change
// them.
func TestLongLists(t *testing.T) {
	w := newWorld(t)
	w.apply(host("h"))
	event := func(from, to int, attr string) entity.Event {
		e := link("h", "1", 1, "eth0", "veth")
		for i := from; i < to; i++ {
			e = related(e, "uses", entity.InterfaceRef("h", "1", fmt.Sprint(i)), entity.A("x", entity.String(attr)))
		}
		e = related(e, "uses", entity.InterfaceRef("h", "1", fmt.Sprint(from)), entity.A("x", entity.String("again")))
		w.tick(time.Second)
		return e
	}
	w.apply(event(2, 300, "a"))
	require.Equal(t, 298, w.g.Stats().Dangling, "they wait for their ends, once each")
	for i := 2; i < 400; i++ {
		w.apply(link("h", "1", i, "e", "veth"))
	}
	require.Zero(t, w.g.Stats().Dangling)
	out := func() (n int) {
		for range w.g.View().Out(w.g.View().NodeSlot(entity.InterfaceRef("h", "1", "1").UUID())) {
			n++
		}
		return n
	}
	require.Equal(t, 298, out())
	require.Empty(t, w.apply(event(2, 300, "a")))
	cs := w.apply(event(200, 400, "a"))
	require.Len(t, cs, 198+100, "what is not said any more goes, what is new comes, the rest stays")
	require.Equal(t, 200, out())
	w.apply(event(200, 400, "b"))
	checkTables(t, w.g)
	w.apply(event(0, 0, ""))
	require.Zero(t, w.g.Stats().Dangling-1)
	checkTables(t, w.g)
}

// TestOddAssertions: what was stored with IDs that its ends do not give comes
// back as it was.
func TestOddAssertions(t *testing.T) {
	a, b, c := entity.HostRef("a"), entity.HostRef("b"), entity.HostRef("c")
	odd := entity.Edge{ID: entity.UUID{1}, Parent: a.UUID(), Child: b.UUID(), RelationType: "odd"}
	far := entity.Edge{ID: entity.EdgeID(b.UUID(), c.UUID(), "far"), Parent: b.UUID(), Child: c.UUID(), RelationType: "far"}
	attrs := entity.Attrs{entity.A("x", entity.Strings("y", "z"))}
	g := New(DefaultConfig())
	states := []NodeState{
		{Ref: a, CreatedAt: 1, UpdatedAt: 2, Revision: 3, Facets: []FacetState{{Source: "s", Time: 5, Interval: time.Second + 7, Assertions: []Assertion{{Edge: odd, Attributes: attrs}, {Edge: far}}}}},
		{Ref: b, CreatedAt: 1, UpdatedAt: 2, Revision: 3, Facets: []FacetState{{Source: "s", Time: 5}}},
		{Ref: c, CreatedAt: 1, UpdatedAt: 2, Revision: 3, Facets: []FacetState{{Source: "s", Time: 5}, {Source: "t", Time: 6, Attributes: attrs}}},
	}
	for i := range states {
		g.RestoreNode(&states[i], t0)
	}
	g.RestoreHistory(slices.Values(states), slices.Values([]EdgeState{{odd.ID, 4, 5, 6}}), 9)
	checkTables(t, g)
	v := g.View()
	require.Equal(t, 2, v.EdgeCount())
	require.Equal(t, "odd", v.Edge(entity.UUID{1}).RelationType)
	require.EqualValues(t, 6, v.Edge(entity.UUID{1}).Revision)
	require.Equal(t, 1, v.InDegree(v.NodeSlot(c.UUID())))
	got := slices.Collect(v.NodeStates())
	for i := range got {
		got[i].TID = entity.UUID{}
		require.Equal(t, stateText(&states[i]), stateText(&got[i]))
	}
	p := g.Prepare(&entity.Event{Ref: a, Source: "s", Time: t0}, 0)
	g.Apply(&p, t0, nil)
	require.Zero(t, g.View().EdgeCount())
	checkTables(t, g)
}

// TestEvidence has both ends and several sources assert one edge.
func TestEvidence(t *testing.T) {
	w := newWorld(t)
	a, b := entity.InterfaceRef("h1", "1", "1"), entity.InterfaceRef("h1", "2", "1")
	say := func(of, to entity.Ref, source string, attrs ...entity.Attr) []Change {
		w.tick(time.Second)
		return w.apply(entity.Event{Ref: of, Source: source, Interval: 10 * time.Second, Relationships: []entity.Relationship{
			{Type: entity.RelPeerOf, Target: to, Attributes: entity.Attrs(attrs).Normalize()},
		}})
	}
	x := func(s string) entity.Attr { return entity.A("x", entity.String(s)) }
	edge := func() *Edge {
		checkTables(t, w.g)
		for e := range w.g.View().Edges() {
			return e
		}
		return nil
	}
	say(a, b, "m", x("m"))
	say(b, a, "m", x("m"))
	require.Equal(t, "m", edge().Origin)
	require.Equal(t, "m", edge().Attrs.Get("x").Str())
	v := w.g.View()
	require.Equal(t, []string{"node_updated", "edge_updated"}, ops(say(a, b, "k", x("k"), entity.A("y", entity.Int(1)))))
	require.Equal(t, "k,m", edge().Origin)
	require.Equal(t, "k", edge().Attrs.Get("x").Str())
	require.EqualValues(t, 1, edge().Attrs.Get("y").Int())
	require.Equal(t, "m", v.Edge(edge().ID).Origin, "the view of before")
	require.Equal(t, []string{"node_updated", "edge_updated"}, ops(say(b, a, "z")), "one more source")
	require.Equal(t, "k,m,z", edge().Origin)
}

// TestContentWithoutNumbers fills the dictionary, so that names are written in
// place.
func TestContentWithoutNumbers(t *testing.T) {
	w := newWorld(t)
	for i := 0; ; i++ {
		if _, ok := w.g.t.dict.Number(fmt.Sprint("filler ", i)); !ok {
			break
		}
	}
	w.apply(host("h"))
	e := related(link("h", "1", 1, "eth0", "veth", entity.A("Long", entity.String(strings.Repeat("x", 300)))), "relation", entity.HostRef("h"), entity.A("z", entity.Bool(true)))
	e.Source = "a source that has no number"
	w.apply(e, func() entity.Event { o := link("h", "1", 1, "eth0", "veth"); o.Source = "other"; return o }())
	checkTables(t, w.g)
	v := w.g.View()
	require.Equal(t, 2, v.EdgeCount())
	slot := v.NodeSlot(e.Ref.UUID())
	require.Equal(t, "a source that has no number,other", v.NodeOrigin(slot))
	require.Equal(t, e.Ref, v.NodeStateAt(slot).Ref)
	require.Equal(t, "relation", v.NodeStateAt(slot).Facets[0].Assertions[1].RelationType)
	require.Equal(t, v.Digest(), restored(w.g, w.now).View().Digest())
}
