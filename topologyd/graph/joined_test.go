package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

func ovsID(uuid string) entity.UUID { return entity.RowRef(entity.TypeOvsInterface, "db", uuid).UUID() }

func ifaceID(index int) entity.UUID { return entity.InterfaceRef("h", "1", fmt.Sprint(index)).UUID() }

// gone is the end of what a source says of the entity of an event.
func gone(e entity.Event, at time.Time) entity.Event {
	return entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: e.Source, Time: at}
}

// TestJoinAndPart: one node while both are there, two as soon as they are not the
// same any more, and never both in one view.
func TestJoinAndPart(t *testing.T) {
	w := newWorld(t)
	w.setRow(portRow())
	kernel := link("h", "1", 2, "eth0", "tun")
	ovs := ovsRow("1", "eth0", "internal", entity.A("Ovs", entity.Map(entity.Attrs{entity.A("Tag", entity.Int(5))})))
	kernel.Source = "netlink"
	require.Equal(t, []string{"node_added"}, ops(w.apply(kernel)))
	require.Equal(t, []string{"node_updated"}, ops(w.apply(ovs)), "who joins at once is never a node")
	v := w.g.View()
	require.Equal(t, 1, v.NodeCount())
	n := v.Node(ifaceID(2))
	require.Equal(t, "netlink,ovsdb", n.Origin)
	require.Equal(t, "internal", n.Attrs.Get("Type").Str(), "the row prefers it")
	require.Equal(t, "h", n.Host)
	require.Nil(t, v.Node(ovsID("1")))
	require.Equal(t, n.ID, v.NodeByID(ovsID("1")).ID)
	state := v.NodeState(n)
	require.Len(t, state.Facets, 1)
	require.Equal(t, "port", state.Members[0].Row)

	w.tick(time.Second)
	other := ovs
	other.Attributes, other.Time = other.Attributes.With("Name", entity.String("eth1")), w.now
	require.Equal(t, []string{"node_added", "node_updated"}, ops(w.apply(other)))
	require.Equal(t, 2, w.g.View().NodeCount())
	w.tick(time.Second)
	again := ovs
	again.Time = w.now
	require.Equal(t, []string{"node_updated", "node_deleted", "node_updated"}, ops(w.apply(again)))

	// The entity whose node it is goes: the member has its own node in the same step.
	w.tick(time.Second)
	require.Equal(t, []string{"node_deleted", "node_added"}, ops(w.apply(gone(kernel, w.now))))
	require.Equal(t, "internal", w.g.View().Node(ovsID("1")).Attrs.Get("Type").Str())
	w.tick(time.Second)
	kernel.Time = w.now
	w.apply(kernel)
	require.Equal(t, 1, w.g.View().NodeCount())
	w.tick(time.Second)
	require.Equal(t, []string{"node_updated"}, ops(w.apply(gone(ovs, w.now))), "only what it said goes with it")
	checkTables(t, w.g)
	checkJoins(t, w.g)
}

// TestAmbiguousStayApart: who is not the only one of its kind joins nobody.
func TestAmbiguousStayApart(t *testing.T) {
	w := newWorld(t)
	w.setRow(portRow())
	w.apply(link("h", "1", 2, "eth0", "tun"), ovsRow("1", "eth0", "internal"))
	require.Equal(t, 1, w.g.Stats().Joined)
	w.apply(link("h", "2", 2, "eth0", "tun"))
	require.Zero(t, w.g.Stats().Joined)
	require.Equal(t, []JoinStatus{{Row: w.g.joins.rows["port"].row, Ambiguous: 1}}, w.g.Joins())
	// A row that comes before it may know better.
	first := portRow()
	first.Name, first.Priority = "first", 1
	first.From.Key, first.To.Key = []string{"Name", "id(namespace)"}, []string{"Name", "NetNS"}
	w.setRow(first)
	w.tick(time.Second)
	w.apply(ovsRow("1", "eth0", "internal", entity.A("NetNS", entity.Int(2))))
	x, ok := w.g.ExplainNode(ovsID("1"))
	require.True(t, ok)
	require.Equal(t, entity.InterfaceRef("h", "2", "2"), x.Entity)
	require.Equal(t, "first", x.Joined[0].Row)
	checkJoins(t, w.g)
}

// TestMembersStale: a node is stale when all its entities are, an edge when all
// who assert it are, and a member's reports are its own.
func TestMembersStale(t *testing.T) {
	w := newWorld(t)
	w.setRow(portRow())
	kernel, ovs := link("h", "1", 2, "eth0", "tun"), ovsRow("1", "eth0", "internal")
	kernel.Source, kernel.Time, ovs.Time = "netlink", w.now, w.now
	w.apply(host("h"), kernel)
	p := w.g.Prepare(&ovs, 99)
	w.g.Apply(&p, w.now, nil)
	require.Equal(t, 1, w.g.Stats().Joined)
	stale := func() bool { return w.g.View().Node(ifaceID(2)).Stale }
	w.tick(16 * time.Second)
	w.apply(host("h"))
	require.Equal(t, []string{"edge_updated"}, ops(w.sweep()), "of the edge only the kernel speaks; the member is not overdue")
	require.False(t, stale())
	require.Equal(t, 1, w.g.Stats().Stale)
	w.tick(13 * time.Second) // the kernel's facet expires at 30 s, the member's is overdue at 30 s
	hit := make([]bool, 1)
	marks := w.g.Touch([]uint64{99}, []int64{w.now.UnixNano()}, hit, w.now, nil)
	require.Empty(t, marks)
	require.Equal(t, []bool{true}, hit, "the member is found by its encoded form")
	w.tick(time.Second)
	w.apply(host("h"))
	require.Contains(t, ops(w.sweep()), "node_deleted")
	require.Equal(t, ovsID("1"), w.g.View().NodeByID(ovsID("1")).ID, "it goes on as its own node")
	w.tick(29 * time.Second)
	w.apply(host("h"))
	w.sweep()
	require.True(t, w.g.View().NodeByID(ovsID("1")).Stale)
	require.Empty(t, w.g.View().Node(ifaceID(2)))

	// It joins stale, and is shown stale until somebody speaks.
	kernel.Time, kernel.Interval = w.now, 0
	w.apply(kernel)
	require.False(t, stale())
	require.Equal(t, 1, w.g.Stats().Joined)
	checkTables(t, w.g)
}

// TestMembersHeard: replicas tell one another of members by their own IDs.
func TestMembersHeard(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	ovs := ovsRow("1", "eth0", "internal")
	for _, w := range []*world{a, b} {
		w.setRow(portRow())
		w.apply(link("h", "1", 2, "eth0", "tun"), ovs)
		w.g.CollectHeard()
	}
	a.tick(5 * time.Second)
	ovs.Time = a.now
	a.apply(ovs)
	heard := a.g.TakeHeard()
	require.Equal(t, []Heard{{ovsID("1"), "ovsdb", a.now.UnixNano()}}, heard)
	b.g.Hear(heard, a.now, nil)
	x, _ := b.g.ExplainNode(ifaceID(2))
	require.Equal(t, a.now, x.Facets[1].Confirmed)
	require.Equal(t, t0, x.Facets[0].Confirmed)
}

// TestMembersAreRemembered: late reports of a member that was deleted do not bring
// it back, and guests do not keep it.
func TestMembersAreRemembered(t *testing.T) {
	w := newWorld(t)
	w.setRow(portRow())
	ovs := ovsRow("1", "eth0", "internal")
	w.apply(link("h", "1", 2, "eth0", "tun"), ovs)
	w.apply(entity.Event{Ref: ovs.Ref, Source: entity.SourceFabric, Attributes: entity.Attrs{entity.A("Name", entity.String("mine")), entity.A("Note", entity.String("n"))}})
	n := w.g.View().Node(ifaceID(2))
	require.Equal(t, "eth0", n.Attrs.Get("Name").Str(), "guests come last")
	require.Equal(t, "n", n.Attrs.Get("Note").Str())
	require.Equal(t, "fabric,netlink,ovsdb", n.Origin)
	w.tick(time.Second)
	w.apply(gone(ovs, w.now))
	require.Zero(t, w.g.Stats().Joined)
	require.False(t, w.g.View().Node(ifaceID(2)).Attrs.Has("Note"))
	ovs.Time = t0.Add(time.Millisecond)
	require.Empty(t, w.apply(ovs))
	require.Nil(t, w.g.View().NodeByID(ovsID("1")))
}

// TestMetricsOfMembers: a node shows its own counters, or those of a member.
func TestMetricsOfMembers(t *testing.T) {
	w := newWorld(t)
	w.setRow(portRow())
	w.apply(link("h", "1", 2, "eth0", "tun"), ovsRow("1", "eth0", "internal"))
	rx := func() int64 {
		return w.g.View().NodeByID(ovsID("1")).Metric.Map().Get("RxBytes").Int()
	}
	set := func(id entity.UUID, n int64) {
		w.tick(time.Second)
		require.True(t, w.g.SetMetric(id, w.now, entity.Attrs{entity.A("RxBytes", entity.Int(n))}))
	}
	set(ovsID("1"), 5)
	require.EqualValues(t, 5, rx())
	set(ifaceID(2), 100)
	set(ovsID("1"), 6)
	require.EqualValues(t, 100, rx())
	require.False(t, w.g.SetMetric(ovsID("2"), w.now, nil))
}

// TestOneEdgeOfTwo: what two sources assert by the IDs of two entities of one node
// is one edge, whichever way round their IDs are.
func TestOneEdgeOfTwo(t *testing.T) {
	for i := range 8 {
		w := newWorld(t)
		w.setRow(portRow())
		a, b := link("h", "1", 2*i, "a", "veth"), link("h", "1", 2*i+1, "b", "veth")
		ovs := ovsRow(fmt.Sprint(i), "a", "system")
		w.apply(related(a, entity.RelPeerOf, b.Ref), related(b, entity.RelPeerOf, ovs.Ref, entity.A("Type", entity.String("veth"))), related(ovs, entity.RelPeerOf, b.Ref), host("h"))
		v := w.g.View()
		require.Equal(t, 3, v.NodeCount())
		require.Equal(t, 3, v.EdgeCount(), "two of ownership, one of peers")
		for e := range v.Edges() {
			if e.RelationType == entity.Layer2 {
				require.True(t, smaller(e.Parent, e.Child))
				require.Equal(t, "netlink,ovsdb", e.Origin)
				require.Equal(t, "veth", e.Attrs.Get("Type").Str())
			}
		}
		w.tick(time.Second)
		b.Time = w.now
		w.apply(b)
		x, ok := w.g.ExplainEdge(peers(v))
		require.True(t, ok)
		require.Len(t, x.Evidence, 2)
		checkTables(t, w.g)
	}
}

func peers(v *View) entity.UUID {
	for e := range v.EdgesOf(entity.Layer2) {
		return v.EdgeID(e)
	}
	return entity.UUID{}
}

// TestNoEdgeToItself: entities of one node have no edge among them, until they
// part.
func TestNoEdgeToItself(t *testing.T) {
	w := newWorld(t)
	w.setRow(portRow())
	kernel, ovs := link("h", "1", 2, "a", "tun"), ovsRow("1", "a", "internal")
	w.apply(related(kernel, "uses", ovs.Ref), related(ovs, entity.RelPeerOf, kernel.Ref))
	require.Zero(t, w.g.View().EdgeCount())
	w.tick(time.Second)
	require.Equal(t, []string{"node_added", "edge_added", "edge_added", "node_updated"}, ops(w.dropRow("port")))
	checkTables(t, w.g)
	w.tick(time.Second)
	w.setRow(portRow())
	require.Zero(t, w.g.View().EdgeCount())
	checkTables(t, w.g)
}

// TestTooManyPairs: a key that very many have makes no edges, and costs little.
func TestTooManyPairs(t *testing.T) {
	w := newWorld(t)
	w.setRow(join.Row{Name: "many", Kind: join.Edge, Relation: "uses", From: side(entity.TypeInterface, "Type"), To: side(entity.TypeOvsInterface, "Type")})
	w.apply(ovsRow("1", "x", "t"))
	edges := func() int { return w.g.View().EdgeCount() }
	for i := range maxPairs + 5 {
		w.apply(link("h", "1", i, fmt.Sprint(i), "t"))
		if i < maxPairs {
			require.Equal(t, i+1, edges())
		} else {
			require.Zero(t, edges())
		}
	}
	require.Equal(t, 1, w.g.Joins()[0].TooMany)
	w.tick(time.Second)
	for i := range 5 {
		require.Zero(t, edges())
		w.apply(entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h", "1", fmt.Sprint(i)), Source: "netlink", Time: w.now})
	}
	require.Equal(t, maxPairs, edges())
	require.Equal(t, maxPairs, w.g.Joins()[0].Pairs)
	w.dropRow("many")
	require.Zero(t, edges())
	checkJoins(t, w.g)
}

// TestRowsAreRefused: what cannot be used changes nothing and is counted, and the
// newest event of a row counts.
func TestRowsAreRefused(t *testing.T) {
	w := newWorld(t)
	outcome := func(e entity.Event) Outcome {
		p := w.g.Prepare(&e, 0)
		_, checked := w.g.Check(&p, w.now, nil)
		_, applied := w.g.Apply(&p, w.now, nil)
		require.Equal(t, checked, applied)
		return applied
	}
	for name, change := range map[string]func(*entity.Event){
		"another source": func(e *entity.Event) { e.Source = "netlink" },
		"another name":   func(e *entity.Event) { e.Ref = entity.JoinRef("other") },
		"no row":         func(e *entity.Event) { e.Attributes = nil },
		"not JSON":       func(e *entity.Event) { e.Attributes = entity.Attrs{entity.A(entity.KeyRow, entity.String("{"))} },
		"a number":       func(e *entity.Event) { e.Attributes = entity.Attrs{entity.A(entity.KeyRow, entity.Int(1))} },
	} {
		e := rowEvent(portRow(), w.now)
		change(&e)
		require.Equal(t, Outdated, outcome(e), name)
	}
	require.EqualValues(t, 10, w.g.Stats().JoinsRefused)
	require.Empty(t, w.g.Joins())
	require.Empty(t, w.g.View().JoinStates())

	require.Equal(t, Changed, outcome(rowEvent(portRow(), w.now)))
	require.Equal(t, Unchanged, outcome(rowEvent(portRow(), w.now.Add(time.Second))))
	require.Equal(t, Outdated, outcome(rowEvent(tunnelNamed("port"), w.now.Add(-time.Second))))
	require.Equal(t, Changed, outcome(rowEvent(tunnelNamed("port"), w.now.Add(2*time.Second))))
	require.Equal(t, join.Edge, w.g.Joins()[0].Row.Kind)
	drop := entity.Event{Kind: entity.Delete, Ref: entity.JoinRef("port"), Source: entity.SourceJoin, Time: w.now.Add(3 * time.Second)}
	require.Equal(t, Changed, outcome(drop))
	require.Equal(t, Unchanged, outcome(drop))
	require.Equal(t, Outdated, outcome(rowEvent(portRow(), w.now.Add(2*time.Second))), "deleted since")

	// The clock of who keeps the table was set back.
	w.setRow(portRow())
	w.tick(4 * time.Second)
	require.Equal(t, Changed, outcome(rowEvent(portRow(), w.now)))
	w.tick(2 * time.Minute)
	e := rowEvent(tunnelNamed("port"), w.now.Add(-time.Hour))
	require.Equal(t, Changed, outcome(e))
}

func tunnelNamed(name string) join.Row {
	row := tunnelRow()
	row.Name = name
	return row
}

// FuzzJoins applies events that the bytes choose; the graph must be what the
// living facets say, and its tables must agree.
func FuzzJoins(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, uint16(40+10*seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16) {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		g, m := New(DefaultConfig()), living{model{}, map[string]*join.Row{}}
		for i := range min(int(n), 120) {
			e := livingEvent(rng, t0.Add(time.Duration(i)*time.Millisecond))
			m.apply(e)
			p := g.Prepare(&e, 0)
			g.Apply(&p, t0, nil)
		}
		require.Equal(t, m.describe(), describe(t, g.View()))
		checkTables(t, g)
		checkJoins(t, g)
		again := restored(g, t0)
		require.Equal(t, g.View().Digest(), again.View().Digest())
		require.True(t, slices.Equal(dump(g.View()), dump(again.View())))
		checkTables(t, again)
		checkJoins(t, again)
	})
}
