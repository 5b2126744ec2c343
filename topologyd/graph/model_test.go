package graph

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// model is the graph done the obvious way: it keeps the last event of every
// facet and works everything out from them each time it is asked.
type model map[facetKey]entity.Event

func (m model) apply(e entity.Event) {
	key := facetKey{e.Ref.UUID(), e.Source}
	if e.Kind == entity.Delete {
		delete(m, key)
	} else {
		m[key] = e
	}
}

// sorted returns the facets of a node by source, or all when id is zero.
func (m model) sorted(id entity.UUID) []entity.Event {
	var out []entity.Event
	for k, e := range m {
		if id.IsZero() || k.node == id {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b entity.Event) int {
		return strings.Compare(a.Source+a.Ref.UUID().String(), b.Source+b.Ref.UUID().String())
	})
	return out
}

func (m model) attrs(id entity.UUID) map[string]string {
	out := map[string]string{}
	for _, e := range slices.Backward(m.sorted(id)) {
		for _, a := range e.Attributes {
			out[a.Key] = a.Value.Text()
		}
	}
	return out
}

func (m model) describe() (out []string) {
	ids := map[entity.UUID]bool{}
	for k := range m {
		ids[k.node] = true
	}
	for id := range ids {
		out = append(out, fmt.Sprint("node ", id, m.attrs(id)))
	}
	type edge struct {
		attrs   map[string]string
		sources map[string]bool
		entity.Edge
	}
	edges := map[entity.UUID]*edge{}
	for _, e := range m.sorted(entity.UUID{}) {
		for i := range e.Relationships {
			r := &e.Relationships[i]
			a := r.Edge(e.Ref.UUID())
			if !ids[a.Parent] || !ids[a.Child] {
				continue
			}
			x := edges[a.ID]
			if x == nil {
				x = &edge{map[string]string{}, map[string]bool{}, a}
				edges[a.ID] = x
			}
			x.sources[e.Source] = true
			for _, at := range r.Attributes {
				if _, ok := x.attrs[at.Key]; !ok {
					x.attrs[at.Key] = at.Value.Text()
				}
			}
		}
	}
	for _, x := range edges {
		out = append(out, fmt.Sprint("edge ", x.Parent, x.Child, x.RelationType, x.attrs, slices.Sorted(maps.Keys(x.sources))))
	}
	slices.Sort(out)
	return out
}

// describe says the same of a view, and checks that its tables agree.
func describe(t *testing.T, v *View) (out []string) {
	nodes, outs, ins := 0, 0, 0
	for n := range v.Nodes() {
		nodes++
		require.Equal(t, n.Slot, v.Node(n.ID).Slot)
		checkNodeSlot(t, v, n)
		attrs := map[string]string{}
		for _, a := range n.Attrs {
			if a.Key != entity.KeyTID {
				attrs[a.Key] = a.Value.Text()
			}
		}
		out = append(out, fmt.Sprint("node ", n.ID, attrs))
		degree := 0
		for e := range v.Out(n.Slot) {
			require.Equal(t, n.ID, e.Parent)
			require.Equal(t, v.NodeSlot(e.Child), e.ChildSlot)
			require.Equal(t, v.NodeSlot(e.Parent), e.ParentSlot)
			require.Equal(t, e.Slot, v.Edge(e.ID).Slot)
			checkEdgeSlot(t, v, e)
			require.Equal(t, e.RelationType, v.RelationType(e.Slot))
			attrs := map[string]string{}
			for _, a := range e.Attrs {
				attrs[a.Key] = a.Value.Text()
			}
			out = append(out, fmt.Sprint("edge ", e.Parent, e.Child, e.RelationType, attrs, strings.Split(e.Origin, ",")))
			degree++
		}
		require.Equal(t, degree, v.OutDegree(n.Slot))
		outs += degree
		degree = 0
		for e, parent := range v.InSlots(n.Slot) {
			require.Equal(t, n.ID, v.EdgeAt(e).Child)
			require.Equal(t, v.EdgeAt(e).ParentSlot, parent)
			degree++
		}
		require.Equal(t, degree, v.InDegree(n.Slot))
		ins += degree
	}
	require.Equal(t, nodes, v.NodeCount())
	require.Equal(t, outs, v.EdgeCount())
	require.Equal(t, ins, v.EdgeCount())
	slices.Sort(out)
	return out
}

func randomEvent(rng *rand.Rand, at time.Time) entity.Event {
	ref := func() entity.Ref { return entity.InterfaceRef("h", "1", fmt.Sprint(rng.IntN(25))) }
	e := entity.Event{
		Ref: ref(), Source: []string{"docker", "netlink", "ovsdb"}[rng.IntN(3)], Time: at, Interval: time.Minute,
	}
	if rng.IntN(4) == 0 {
		e.Kind = entity.Delete
		return e
	}
	for _, key := range []string{"Name", "Type", "IPV4", "Ovs", "Flag", "TID"}[:1+rng.IntN(6)] {
		v := entity.String(fmt.Sprint("v", rng.IntN(4)))
		switch rng.IntN(6) {
		case 0:
			v = entity.Int(int64(rng.IntN(3)))
		case 1:
			v = entity.Strings("a", fmt.Sprint("v", rng.IntN(4)), "a")
		case 2:
			v = entity.Map(entity.Attrs{entity.A("x", entity.Int(int64(rng.IntN(3))))})
		case 3:
			v = entity.Float(float64(rng.IntN(3)))
		}
		if key != entity.KeyTID {
			e.Attributes = append(e.Attributes, entity.A(key, v))
		}
	}
	e.Attributes = e.Attributes.Normalize()
	for range rng.IntN(4) {
		r := entity.Relationship{Type: []string{entity.RelPartOf, entity.RelMemberOf, entity.RelPeerOf, "uses"}[rng.IntN(4)], Target: ref()}
		if rng.IntN(2) == 0 {
			r.Attributes = entity.Attrs{entity.A("Type", entity.String(fmt.Sprint("t", rng.IntN(3))))}
		}
		dup := func(o entity.Relationship) bool { return o.Edge(e.Ref.UUID()).ID == r.Edge(e.Ref.UUID()).ID }
		if !slices.ContainsFunc(e.Relationships, dup) {
			e.Relationships = append(e.Relationships, r)
		}
	}
	return e
}

// TestModel applies random events to the graph and to the model; now and then
// both must say the same, the indexes must answer as a look at all nodes does,
// views of before must not have moved, and a watcher that only got changes must
// hold the same graph.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 7))
		g, m := New(DefaultConfig()), model{}
		mirror := map[entity.UUID]string{}
		var old *View
		var oldText []string
		revision := uint64(0)
		for i := range 600 {
			e := randomEvent(rng, t0.Add(time.Duration(i)*time.Millisecond))
			require.NoError(t, e.Validate())
			m.apply(e)
			p := g.Prepare(&e, 0)
			changes, _ := g.Apply(&p, t0, nil)
			for _, c := range changes {
				revision++
				require.Equal(t, revision, c.Revision)
				switch {
				case c.Op == NodeDeleted:
					delete(mirror, c.Node.ID)
				case c.Op == EdgeDeleted:
					delete(mirror, c.Edge.ID)
				case c.Node != nil:
					mirror[c.Node.ID] = string(c.Node.AppendJSON(nil))
				default:
					require.NotEmpty(t, mirror[c.Edge.Parent], "an edge is told after its ends")
					require.NotEmpty(t, mirror[c.Edge.Child])
					mirror[c.Edge.ID] = string(c.Edge.AppendJSON(nil))
				}
			}
			if i%50 != 49 {
				continue
			}
			v := g.View()
			require.Equal(t, m.describe(), describe(t, v), "seed %d, event %d", seed, i)
			require.Equal(t, dump(v), slices.Sorted(maps.Values(mirror)))
			checkIndex(t, v)
			if old != nil {
				require.Equal(t, oldText, dump(old), "an old view moved")
			}
			old, oldText = v, dump(v)
		}
		for k, e := range m {
			p := g.Prepare(&entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: k.source, Time: t0.Add(time.Hour)}, 0)
			g.Apply(&p, t0, nil)
		}
		s := g.Stats()
		require.Zero(t, s.Nodes+s.Edges+s.Facets+s.Dangling+s.Stale)
		require.Zero(t, g.t.nodeIDs.used+g.t.edgeIDs.used+g.t.index.terms.used, "tables are empty when the graph is")
		require.Empty(t, g.dangling)
		checkEmpty(t, g)
	}
}

func checkIndex(t *testing.T, v *View) {
	for _, key := range []string{"Name", "IPV4", "Flag", "Ovs.x"} {
		for _, value := range []entity.Value{
			entity.String("v1"), entity.String("a"), entity.Int(1), entity.Float(2), entity.String("none"),
		} {
			want := 0
			for n := range v.Nodes() {
				hit := false
				n.Lookup(key, func(got entity.Value) bool {
					hit = hit || got.IsScalar() && entity.Compare(got, value) == 0 ||
						slices.ContainsFunc(got.List(), func(x entity.Value) bool { return entity.Compare(x, value) == 0 })
					return true
				})
				if hit {
					want++
				}
			}
			nodes, count := v.NodesWith(key, value)
			if count < 0 {
				require.Contains(t, key, ".", "only paths are not served")
				continue
			}
			require.Equal(t, want, count, "%s = %s", key, value.Text())
			require.Len(t, slices.Collect(nodes), count)
		}
	}
}
