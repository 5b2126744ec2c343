package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// restored returns a graph that was made from what another one exports.
func restored(g *Graph, now time.Time) *Graph {
	v := g.View()
	tombs, logged := g.Tombstones()
	out := New(DefaultConfig())
	out.RestoreJoins(v.JoinStates(), now)
	states := slices.Collect(v.NodeStates())
	for i := range states {
		out.RestoreNode(&states[i], now)
	}
	out.RestoreHistory(slices.Values(states), v.EdgeStates(), v.Revision())
	out.RestoreTombstones(tombs, logged)
	return out
}

// told is a change as a watcher sees it.
func told(c *Change) string { return string(c.AppendJSON(nil)) }

// TestReplicas applies one log to several graphs: one hears all heartbeats, one
// has another clock and sweeps, one is made anew from an export now and then.
// All must make the same changes at the same revisions.
func TestReplicas(t *testing.T) { testReplicas(t, 30, randomEvent) }

// TestJoinedReplicas is TestReplicas with rows of the table of joins.
func TestJoinedReplicas(t *testing.T) { testReplicas(t, 30, livingEvent) }

func testReplicas(t *testing.T, seeds uint64, random func(*rand.Rand, time.Time) entity.Event) {
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 11))
		a, b, c := New(DefaultConfig()), New(DefaultConfig()), New(DefaultConfig())
		var sent []entity.Event
		for i := range 500 {
			logged := t0.Add(time.Duration(i) * time.Second)
			e := random(rng, logged.Add(-time.Duration(rng.IntN(400_000))*time.Millisecond))
			switch rng.IntN(8) {
			case 0: // owners, so that there are TIDs
				e = entity.Event{Ref: entity.HostRef(fmt.Sprint("h", rng.IntN(2))), Source: "host", Time: e.Time, Interval: time.Minute,
					Attributes: entity.Attrs{entity.A("Name", entity.String(fmt.Sprint("n", rng.IntN(3))))}}
			case 1:
				if e.Kind == entity.State && e.Type != entity.TypeJoin {
					e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelPartOf, Target: entity.HostRef(fmt.Sprint("h", rng.IntN(2)))})
				}
			case 2:
				e.Time = logged.Add(time.Hour) // a clock ahead
			case 3: // decided by a replica that heard nothing for a while
				e.Kind, e.Reason, e.Attributes, e.Relationships = entity.Delete, entity.ReasonExpired, nil, nil
			}
			require.NoError(t, e.Validate())
			sent = append(sent, e)

			// What only one replica hears.
			for range rng.IntN(3) {
				heard := sent[rng.IntN(len(sent))]
				heard.Time = logged
				p := a.Prepare(&heard, 0)
				a.Check(&p, logged, nil)
			}
			if rng.IntN(20) == 0 {
				for from := int32(0); ; {
					if _, from, _ = b.Sweep(from, logged.Add(time.Duration(rng.IntN(300))*time.Second), nil); from == 0 {
						break
					}
				}
			}
			if rng.IntN(25) == 0 {
				c = restored(c, logged)
			}

			force := rng.IntN(10) == 0
			var want []string
			for j, g := range []*Graph{a, b, c} {
				ev := e
				p := g.Prepare(&ev, 0)
				p.Force = force
				changes := g.ApplyLogged([]*Prepared{&p}, make([]Outcome, 1), logged, logged.Add(time.Duration(j)*time.Hour), nil)
				var got []string
				for k := range changes {
					if !changes[k].IsMark() {
						changes[k].Node, changes[k].Edge = plainNode(changes[k].Node), plainEdge(changes[k].Edge)
						got = append(got, told(&changes[k]))
					}
				}
				if j == 0 {
					want = got
				}
				require.Equal(t, want, got, "seed %d, event %d, replica %d", seed, i, j)
			}
			if i%50 == 49 {
				require.Equal(t, a.View().Digest(), b.View().Digest())
				require.Equal(t, a.View().Digest(), c.View().Digest())
			}
		}
		require.NotZero(t, a.View().NodeCount())
	}
}

// plainNode and plainEdge leave out the stale mark, which is a replica's own.
func plainNode(n *Node) *Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Stale = false
	return &c
}

func plainEdge(e *Edge) *Edge {
	if e == nil {
		return nil
	}
	c := *e
	c.Stale = false
	return &c
}

// TestDigestSeesEverything changes one thing at a time.
func TestDigestSeesEverything(t *testing.T) {
	digest := func(change func(*entity.Event)) Digest {
		w := newWorld(t)
		e := link("h", "1", 2, "eth0", "veth")
		e.Time, e.Source, e.Attributes = t0, "netlink", e.Attributes.Normalize()
		if change != nil {
			change(&e)
		}
		w.apply(host("h"), e)
		return w.g.View().Digest()
	}
	want := digest(nil)
	require.Equal(t, want, digest(nil))
	require.Len(t, want.String(), 64)
	for name, change := range map[string]func(*entity.Event){
		"attribute":    func(e *entity.Event) { e.Attributes = e.Attributes.With("MTU", entity.Int(1)) },
		"kind":         func(e *entity.Event) { e.Attributes = e.Attributes.With("IfIndex", entity.Float(2)) },
		"source":       func(e *entity.Event) { e.Source = "other" },
		"time":         func(e *entity.Event) { e.Time = e.Time.Add(-time.Nanosecond) },
		"interval":     func(e *entity.Event) { e.Interval = time.Hour },
		"relationship": func(e *entity.Event) { e.Relationships = nil },
		"its attributes": func(e *entity.Event) {
			e.Relationships[0].Attributes = entity.Attrs{entity.A("a", entity.Bool(true))}
		},
		"identity": func(e *entity.Event) { e.Ref = entity.InterfaceRef("h", "1", "3") },
	} {
		require.NotEqual(t, want, digest(change), name)
	}
}

// TestValidFrom checks the time from which revisions hold.
func TestValidFrom(t *testing.T) {
	at := func(c []Change) (out []string) {
		for i := range c {
			require.Equal(t, c[i].OldNode == nil && c[i].OldEdge == nil, c[i].Op == NodeAdded || c[i].Op == EdgeAdded)
			out = append(out, fmt.Sprint(c[i].Op, " ", (c[i].At-t0.UnixMilli())/1000))
		}
		return out
	}
	w := newWorld(t)
	h := host("h")
	h.Time = t0.Add(-20 * time.Second)
	require.Equal(t, []string{"node_added -20"}, at(w.apply(h)), "late: its own time")
	ahead := link("h", "1", 1, "eth0", "veth")
	ahead.Time = t0.Add(time.Hour)
	require.Equal(t, []string{"node_added 0", "edge_added 0"}, at(w.apply(ahead)), "a clock ahead: when it was logged")
	w.tick(30 * time.Second)
	other := link("h", "1", 1, "eth0", "veth", entity.A("Docker.Name", entity.String("x")))
	other.Source, other.Time, other.Relationships = "docker", t0.Add(-5*time.Second), nil
	require.Equal(t, []string{"node_updated 0"}, at(w.apply(other)), "not before the revision before it")
	gone := other
	gone.Kind, gone.Reason, gone.Attributes = entity.Delete, entity.ReasonExpired, nil
	require.Equal(t, []string{"node_updated 30"}, at(w.apply(gone)), "expired: when it was noticed")
}

// TestDigestOfElements: the digest is that of the elements as they are made.
func TestDigestOfElements(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	g := New(DefaultConfig())
	for i := range 300 {
		e := randomEvent(rng, t0.Add(time.Duration(i)*time.Millisecond))
		if rng.IntN(10) == 0 {
			e = host(fmt.Sprint("h", rng.IntN(3)))
			e.Time = t0
			e.Attributes = append(e.Attributes, entity.A("Uptime", entity.Int(3))).Normalize()
		}
		p := g.Prepare(&e, 0)
		g.Apply(&p, t0, nil)
	}
	v := g.View()
	tids := 0
	for n := range v.Nodes() {
		if n.Attrs.Has("TID") {
			tids++
		}
		want := append([]byte("n"), n.ID[:]...)
		want = appendNumbers(appendText(appendText(want, n.Host), n.Origin), n.CreatedAt, n.UpdatedAt, int64(n.Revision))
		want = appendAttrs(want, n.Attrs)
		for _, f := range v.NodeState(n).Facets {
			want = appendNumbers(appendText(want, f.Source), f.Time, int64(f.Interval))
			for _, a := range f.Attributes {
				want = appendValue(appendText(want, a.Key), a.Value)
			}
			for _, a := range f.Assertions {
				want = appendAttrs(append(want, a.ID[:]...), a.Attributes)
			}
		}
		require.Equal(t, want, v.t.digestNode(nil, n.Slot))
	}
	require.NotZero(t, tids)
	for e := range v.Edges() {
		want := append(append(append([]byte("e"), e.ID[:]...), e.Parent[:]...), e.Child[:]...)
		want = appendText(appendText(appendText(want, e.RelationType), e.Host), e.Origin)
		want = appendAttrs(appendNumbers(want, e.CreatedAt, e.UpdatedAt, int64(e.Revision)), e.Attrs)
		require.Equal(t, want, v.t.digestEdge(nil, e.Slot, e.RelationType))
	}
}
