package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
)

// row is the event that unifies interfaces with those of Open vSwitch by name.
func row(at time.Time) Item {
	side := func(typ string) join.Side { return join.Side{Entity: typ, Key: []string{"Name"}} }
	r := join.Row{Name: "port", Kind: join.Same, From: side(entity.TypeInterface), To: side(entity.TypeOvsInterface)}
	return Item{Event: entity.Event{
		Ref: entity.JoinRef(r.Name), Source: entity.SourceJoin, Time: at,
		Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(r.JSON()))},
	}}
}

// port is an interface as OVSDB has it.
func port(i int, name string, at time.Time, interval time.Duration) Item {
	return Item{Event: entity.Event{
		Ref: entity.RowRef(entity.TypeOvsInterface, "db", fmt.Sprint(i)), Source: "ovsdb", Time: at, Interval: interval,
		Attributes: entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Ovs", entity.Map(entity.Attrs{entity.A("Tag", entity.Int(int64(i)))}))},
	}}
}

func portID(i int) entity.UUID {
	return entity.RowRef(entity.TypeOvsInterface, "db", fmt.Sprint(i)).UUID()
}

// TestJoinsSurviveRestart: rows and members are there again, whether from a
// snapshot or from the log.
func TestJoinsSurviveRestart(t *testing.T) {
	for _, snapshots := range []uint64{1, 7, 1 << 40} {
		t.Run(fmt.Sprintf("snapshot every %d", snapshots), func(t *testing.T) {
			cfg := DefaultConfig(t.TempDir())
			cfg.SnapshotEvery = snapshots
			e := start(t, cfg)
			now := time.Now()
			for i := range 10 {
				submit(t, e, link(i, fmt.Sprint("a", i), now))
				submit(t, e, port(i, fmt.Sprint("a", i), now, time.Minute))
			}
			require.Equal(t, Summary{Changed: 1}, submit(t, e, row(now)))
			require.Equal(t, Summary{Unchanged: 1}, submit(t, e, row(now.Add(1))))
			v := e.View()
			require.Equal(t, 10, v.NodeCount())
			require.Equal(t, v.NodeSlot(entity.InterfaceRef("h1", "1", "3").UUID()), v.SlotByID(portID(3)))
			require.Equal(t, 1, e.SubmitMetrics(t.Context(), []Metric{{Node: portID(3), Time: now, Values: entity.Attrs{entity.A("RxBytes", entity.Int(7))}}}))
			require.False(t, e.View().NodeByID(portID(3)).Metric.IsZero())
			before, err := e.Digest(t.Context())
			require.NoError(t, err)
			require.NoError(t, e.Stop(context.Background()))

			e = start(t, cfg)
			after, err := e.Digest(t.Context())
			require.NoError(t, err)
			require.Equal(t, before, after)
			require.Equal(t, dump(v), dump(e.View()))
			require.Equal(t, Summary{Unchanged: 2}, submit(t, e, port(5, "a5", now.Add(time.Second), time.Minute), row(now.Add(time.Second))))
			require.Equal(t, Summary{Changed: 1}, submit(t, e, Item{Event: entity.Event{
				Kind: entity.Delete, Ref: entity.JoinRef("port"), Source: entity.SourceJoin, Time: now.Add(2 * time.Second),
			}}))
			require.Equal(t, 20, e.View().NodeCount())
		})
	}
}

// TestJoinsInThePast: what was is told as it was shown then: two nodes, one while
// they were the same, and two again.
func TestJoinsInThePast(t *testing.T) {
	e := start(t, DefaultConfig(t.TempDir()))
	begin := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	second := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Second) }
	kernel := entity.InterfaceRef("h1", "1", "1")
	bridge := Item{Event: entity.Event{
		Ref: entity.RowRef(entity.TypeOvsBridge, "db", "b"), Source: "ovsdb", Time: second(0),
		Attributes:    entity.Attrs{entity.A("Name", entity.String("br0"))},
		Relationships: []entity.Relationship{{Type: entity.RelMemberOf, Target: entity.RowRef(entity.TypeOvsInterface, "db", "1")}},
	}}
	submit(t, e, row(second(0)), bridge)
	submit(t, e, link(1, "a1", second(10)))
	submit(t, e, port(1, "other", second(20), 0))
	submit(t, e, port(1, "a1", second(30), 0))
	submit(t, e, port(1, "other", second(40), 0))
	submit(t, e, port(1, "a1", second(50), 0))
	submit(t, e, gone(1, second(60)))
	at := func(n int) *graph.View {
		v, err := e.At(t.Context(), second(n))
		require.NoError(t, err)
		return v
	}
	for n, want := range map[int]struct{ kernel, own, ovs bool }{
		15: {kernel: true}, 25: {kernel: true, own: true}, 35: {kernel: true, ovs: true}, 45: {kernel: true, own: true},
		55: {kernel: true, ovs: true}, 65: {own: true},
	} {
		v := at(n)
		a, b := v.Node(kernel.UUID()), v.Node(portID(1))
		require.Equal(t, want.kernel, a != nil, "at %d", n)
		require.Equal(t, want.own, b != nil, "at %d", n)
		require.Equal(t, want.ovs, a != nil && a.Attrs.Has("Ovs"), "at %d", n)
		// The bridge's edge leads to whoever shows its port.
		var ends []entity.UUID
		for x := range v.Edges() {
			ends = append(ends, x.Parent, x.Child)
		}
		switch {
		case want.own:
			require.ElementsMatch(t, []entity.UUID{bridge.Event.Ref.UUID(), portID(1)}, ends, "at %d", n)
		case want.ovs:
			require.ElementsMatch(t, []entity.UUID{bridge.Event.Ref.UUID(), kernel.UUID()}, ends, "at %d", n)
		default:
			require.Empty(t, ends)
		}
	}
	keys, err := diff.ParseSelection("*")
	require.NoError(t, err)
	d, err := diff.Views(t.Context(), at(35), at(45), diff.Options{Keys: keys})
	require.NoError(t, err)
	require.Len(t, d.Nodes, 2, "the port appears, the interface says less")
	require.Len(t, d.Edges, 2, "the bridge's edge has another end")
	d, err = diff.Views(t.Context(), at(35), at(55), diff.Options{Keys: keys})
	require.NoError(t, err)
	require.Empty(t, d.Nodes)
	require.Empty(t, d.Edges)
}

// TestMemberExpires: what an entity said that joined a node goes with its reports,
// and the node stays.
func TestMemberExpires(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.SweepEvery = 20 * time.Millisecond
	e := start(t, cfg)
	now := time.Now()
	submit(t, e, row(now), link(1, "a1", now), port(1, "a1", now, time.Second))
	require.Equal(t, 1, e.View().NodeCount())
	require.True(t, e.View().NodeByID(portID(1)).Attrs.Has("Ovs"))
	proctest.Eventually(t, time.Minute, "the member to expire", func() error {
		if n := e.View().Node(entity.InterfaceRef("h1", "1", "1").UUID()); n == nil || n.Attrs.Has("Ovs") {
			return fmt.Errorf("it is %v", n)
		}
		return nil
	})
	require.Nil(t, e.View().NodeByID(portID(1)))
	// And the other way round: the node's own entity goes, the member is a node.
	submit(t, e, port(1, "a1", time.Now(), time.Minute), gone(1, time.Now()))
	require.Equal(t, portID(1), e.View().NodeByID(portID(1)).ID)
}

// TestJoinedReplicas: replicas agree on who joined whom, and tell one another of
// reports of members.
func TestJoinedReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes ten seconds to form")
	}
	e := startAll(t, clusterConfig(t))
	now := time.Now()
	for i := range 30 {
		trying(t, e[i%3], link(i, fmt.Sprint("a", i%20), now), port(i, fmt.Sprint("a", i%25), now, time.Minute))
		if i == 15 {
			trying(t, e[1], row(now))
		}
	}
	agree(t, e...)
	require.NotZero(t, e[0].graph.Stats().Joined)
	require.Equal(t, dump(e[0].View()), dump(e[2].View()))
	joined := func() (out []graph.NodeExplanation) {
		for i := range 30 {
			if x, ok := e[2].ExplainNode(portID(i)); ok && len(x.Joined) > 0 {
				out = append(out, x)
			}
		}
		return out
	}
	list := joined()
	require.NotEmpty(t, list)
	// What one replica hears is told to the others by the member's own ID.
	x := list[0]
	last := x.Facets[len(x.Facets)-1]
	proctest.Eventually(t, time.Minute, "another replica to hear of the member", func() error {
		again := Item{Event: entity.Event{Ref: last.Entity, Source: "ovsdb", Time: time.Now(), Interval: time.Minute, Attributes: attrsOf(e[0], x.Joined[0].ID)}}
		if s := trying(t, e[0], again); s.Unchanged != 1 {
			return fmt.Errorf("it is a change: %+v", s)
		}
		if y, ok := e[2].ExplainNode(x.Joined[0].ID); !ok || !y.Facets[len(y.Facets)-1].Confirmed.After(last.Confirmed) {
			return fmt.Errorf("confirmed %v", y)
		}
		return nil
	})
	agree(t, e...)
}

// attrsOf returns what OVSDB says of an entity that joined a node.
func attrsOf(e *Engine, id entity.UUID) entity.Attrs {
	v := e.View()
	for _, m := range v.NodeStateAt(v.SlotByID(id)).Members {
		if m.Ref.UUID() == id {
			return m.Facets[0].Attributes
		}
	}
	return nil
}
