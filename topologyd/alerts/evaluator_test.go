package alerts

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

func parse(t testing.TB, text string) *gremlin.Query {
	t.Helper()
	q, err := gremlin.Parse(text)
	require.NoError(t, err)
	return q
}

// TestExpensive has queries that never end delay no others.
func TestExpensive(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Quick, cfg.QuickPause, cfg.SlowPause, cfg.Query.Time = 10*time.Millisecond, 0, 0, time.Hour
	slow, fast := parse(t, "G.V().Limit(1)"), parse(t, "G.V()")
	var tried, running, most atomic.Int32
	e := newEvaluator(&cfg, func(ctx context.Context, q *gremlin.Query, lim gremlin.Limits) (*gremlin.Result, error) {
		if q == fast {
			return nil, nil
		}
		if lim.Time > cfg.Quick {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
		}
		select {
		case <-time.After(lim.Time):
			tried.Add(1)
			return nil, &gremlin.LimitError{Limit: "time"}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c := new(cost)
			_, _, err := e.evaluate(ctx, slow, c)
			if !c.slow || !errors.Is(err, context.Canceled) {
				t.Error(c.slow, err)
			}
		})
	}
	require.Eventually(t, func() bool { return tried.Load() == 4 && running.Load() == 1 }, 30*time.Second, time.Millisecond)
	for range 100 {
		_, _, err := e.evaluate(ctx, fast, new(cost))
		require.NoError(t, err)
	}
	require.Equal(t, int32(1), running.Load(), "it still runs")
	stop()
	all.Wait()
	require.Equal(t, int32(1), most.Load(), "one at a time")
}

// TestCosts has a query that became cheap be among the quick ones again, and
// other errors than that of time end an evaluation.
func TestCosts(t *testing.T) {
	cfg := DefaultConfig()
	cfg.QuickPause, cfg.SlowPause = 0, 0
	var errs []error
	e := newEvaluator(&cfg, func(context.Context, *gremlin.Query, gremlin.Limits) (*gremlin.Result, error) {
		err := errs[0]
		errs = errs[1:]
		return nil, err
	})
	c := new(cost)
	slow := &gremlin.LimitError{Limit: "time"}
	for _, x := range []struct {
		errs []error
		want error
		slow bool
	}{
		{errs: []error{nil}},
		{errs: []error{&gremlin.LimitError{Limit: "visited"}}, want: &gremlin.LimitError{Limit: "visited"}},
		{errs: []error{slow, slow}, want: slow, slow: true},
		{errs: []error{slow}, want: slow, slow: true},
		{errs: []error{nil}},
	} {
		errs = x.errs
		_, _, err := e.evaluate(t.Context(), nil, c)
		require.Equal(t, x.want, err)
		require.Empty(t, errs)
		require.Equal(t, x.slow, c.slow)
	}
}

// marks counts how often somebody was told.
type marks struct {
	text string
	ok   bool
	n    int
}

func (m *marks) about() (string, bool) { return m.text, m.ok }
func (m *marks) mark()                 { m.n++ }

// TestInterest tells a rule of the changes that may matter to it, and of no
// others.
func TestInterest(t *testing.T) {
	node := func(origin string, attrs ...entity.Attr) *graph.Node {
		return &graph.Node{Origin: origin, Attrs: entity.Attrs(attrs).Normalize()}
	}
	update := func(a, b *graph.Node) graph.Change { return graph.Change{Op: graph.NodeUpdated, OldNode: a, Node: b} }
	mtu := func(n int64) entity.Attr { return entity.A("MTU", entity.Int(n)) }
	name := entity.A("Name", entity.String("x"))
	for _, c := range []struct {
		what   string
		change graph.Change
		want   []string // the texts that are told
	}{
		{"added", graph.Change{Op: graph.NodeAdded, Node: node("")}, []string{"Has('MTU')", "Has('@UpdatedAt')", "Has('@Origin')", `Has('M\u0054U')`, "V()"}},
		{"deleted edge", graph.Change{Op: graph.EdgeDeleted, Edge: &graph.Edge{}}, []string{"Has('MTU')", "Has('@UpdatedAt')", "Has('@Origin')", `Has('M\u0054U')`, "V()"}},
		{"changed", update(node("", mtu(1), name), node("", mtu(2), name)), []string{"Has('MTU')", "Has('@UpdatedAt')", `Has('M\u0054U')`}},
		{"came", update(node("", name), node("", mtu(2), name)), []string{"Has('MTU')", "Has('@UpdatedAt')", `Has('M\u0054U')`}},
		{"went", update(node("", mtu(2), name), node("", name)), []string{"Has('MTU')", "Has('@UpdatedAt')", `Has('M\u0054U')`}},
		{"another key", update(node(""), node("", name)), []string{"Has('@UpdatedAt')", `Has('M\u0054U')`}},
		{"origin", update(node("a"), node("b")), []string{"Has('@UpdatedAt')", "Has('@Origin')", `Has('M\u0054U')`}},
		{"edge", graph.Change{Op: graph.EdgeUpdated, OldEdge: &graph.Edge{}, Edge: &graph.Edge{Attrs: entity.Attrs{mtu(1)}}}, []string{"Has('MTU')", "Has('@UpdatedAt')", `Has('M\u0054U')`}},
	} {
		var i interest
		var all []caring
		for _, text := range []string{"Has('MTU')", "Has('@UpdatedAt')", "Has('@Origin')", `Has('M\u0054U')`, "V()"} {
			all = append(all, &marks{text: text, ok: true})
		}
		deaf := &marks{text: "MTU"}
		i.note([]graph.Change{c.change}) // before there is anybody
		i.set(append(all, deaf))
		i.note([]graph.Change{c.change})
		var got []string
		for _, m := range all {
			if m := m.(*marks); m.n > 0 { //nolint:forcetypeassert // they are
				got = append(got, m.text)
			}
		}
		require.Equal(t, c.want, got, c.what)
		require.Zero(t, deaf.n)
	}
}

// TestLinks leads to where people can look.
func TestLinks(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	node := id("eth0")
	c := &Config{Around: 15 * time.Minute}
	require.Empty(t, c.differenceURL(at, []entity.UUID{node}))
	require.Empty(t, c.queryURL("G.V()"))
	c.ExternalURL = "https://skein.example/x/"
	require.Equal(t, "https://skein.example/x/api/v1/query?gremlin=G.V%28%29", c.queryURL("G.V()"))
	require.Equal(t, "https://skein.example/x/api/v1/diff?from=2026-03-01T11%3A45%3A00Z&to=2026-03-01T12%3A01%3A00Z", c.differenceURL(at, nil))
	require.Contains(t, c.differenceURL(at, []entity.UUID{node}), "gremlin=G.V%28%29.Has%28%27%40ID%27%2C+WITHIN%28%27"+node.String()+"%27%29%29.Neighbors%28%29")
	c.GrafanaURL = "http://grafana:3000"
	require.Equal(t, "http://grafana:3000/d/skein-changes?from=1772365500000&to=1772366460000&var-node="+node.String(), c.differenceURL(at, []entity.UUID{node}))
}
