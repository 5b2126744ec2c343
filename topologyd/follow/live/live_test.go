package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errGone = errors.New("the subscriber is too slow")

// fakeEngine is a graph whose changes can be followed.
type fakeEngine struct {
	mu      sync.Mutex
	g       *graph.Graph
	clock   int
	changes []graph.Change
	news    chan struct{}
	broken  int // subscriptions up to this number are broken
	subs    int
	refuse  error
}

func newEngine() *fakeEngine {
	return &fakeEngine{g: graph.New(graph.DefaultConfig()), news: make(chan struct{})}
}

func (e *fakeEngine) put(events ...entity.Event) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range events {
		e.clock++
		ev := events[i]
		ev.Source, ev.Time = "netlink", time.Unix(1_700_000_000, int64(e.clock)*1e6)
		p := e.g.Prepare(&ev, 0)
		e.changes, _ = e.g.Apply(&p, time.Unix(1_700_001_000, 0), e.changes)
	}
	close(e.news)
	e.news = make(chan struct{})
	return e.g.View().Revision()
}

// silence has all nodes go stale, which makes no revision.
func (e *fakeEngine) silence() {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, _, e.changes = e.g.Sweep(0, time.Unix(1_700_001_000, 0).Add(2*time.Minute), e.changes)
	close(e.news)
	e.news = make(chan struct{})
}

// breakOff ends all subscriptions that there are.
func (e *fakeEngine) breakOff() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.broken = e.subs
	close(e.news)
	e.news = make(chan struct{})
}

func (e *fakeEngine) deps() Deps {
	return Deps{View: e.g.View, Subscribe: func() (Changes, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.refuse != nil {
			return nil, e.refuse
		}
		e.subs++
		return &fakeSub{e: e, n: e.subs, view: e.g.View(), at: len(e.changes)}, nil
	}}
}

type fakeSub struct {
	e    *fakeEngine
	n    int
	view *graph.View
	at   int
}

func (s *fakeSub) View() *graph.View { return s.view }
func (s *fakeSub) Close()            {}
func (s *fakeSub) Next(ctx context.Context) ([]graph.Change, error) {
	for {
		s.e.mu.Lock()
		out, news := s.e.changes[s.at:min(len(s.e.changes), s.at+100)], s.e.news
		s.at += len(out)
		broken := s.e.broken >= s.n
		s.e.mu.Unlock()
		switch {
		case broken:
			return nil, errGone
		case len(out) > 0:
			return slices.Clone(out), nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func node(name, typ string, mtu int, targets ...string) entity.Event {
	e := entity.Event{Ref: entity.InterfaceRef("h", "1", name), Interval: time.Minute, Attributes: entity.Attrs{
		entity.A("MTU", entity.Int(int64(mtu))), entity.A("Name", entity.String(name)), entity.A("Type", entity.String(typ)),
	}}
	for _, t := range targets {
		e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelMemberOf, Target: entity.InterfaceRef("h", "1", t)})
	}
	return e
}

func gone(name string) entity.Event {
	return entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h", "1", name)}
}

func parse(t testing.TB, text string) *gremlin.Query {
	t.Helper()
	q, err := gremlin.Parse(text)
	require.NoError(t, err)
	return q
}

func testConfig() Config {
	c := DefaultConfig()
	c.Every, c.RunEvery, c.RunPause, c.Linger = time.Millisecond, time.Millisecond, 0, time.Second
	return c
}

func newHub(t testing.TB, e *fakeEngine, c Config) *Hub {
	h := New(c, e.deps())
	t.Cleanup(h.Stop)
	return h
}

// reader holds what a watch told.
type reader struct {
	t        testing.TB
	w        *Watch
	names    map[entity.UUID]string
	revision uint64
	anew     int
	ops      []string
}

func begin(t testing.TB, h *Hub, text string, from uint64) *reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	w, err := h.Follow(ctx, parse(t, text), from)
	require.NoError(t, err)
	r := &reader{t: t, w: w, names: map[entity.UUID]string{}}
	r.snapshot()
	return r
}

func (r *reader) snapshot() {
	s := r.w.Snapshot()
	if s == nil {
		return
	}
	clear(r.names)
	r.anew++
	r.revision = s.Revision
	nodes, edges := s.Elements()
	for _, slot := range nodes {
		n := s.View.NodeAt(slot)
		r.names[n.ID] = n.Attrs.Get("Name").Str()
	}
	for _, slot := range edges {
		r.names[s.View.EdgeID(slot)] = "edge"
	}
}

// until reads until the watch holds nodes of these names.
func (r *reader) until(want ...string) {
	r.t.Helper()
	slices.Sort(want)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for !slices.Equal(r.held(), want) {
		if !r.next(ctx) {
			r.t.Fatalf("have %v, want %v", r.held(), want)
		}
	}
}

func (r *reader) held() (out []string) {
	for _, n := range r.names {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (r *reader) next(ctx context.Context) bool {
	r.t.Helper()
	b, err := r.w.Next(ctx)
	if err != nil {
		r.t.Log(err)
		return false
	}
	if b == nil {
		r.snapshot()
		return true
	}
	require.LessOrEqual(r.t, r.revision, b.Before)
	require.LessOrEqual(r.t, b.Before, b.Revision)
	r.revision = b.Revision
	for _, c := range b.Changes {
		var id entity.UUID
		name := "edge"
		if c.Node != nil {
			id, name = c.Node.ID, c.Node.Attrs.Get("Name").Str()
		} else {
			id = c.Edge.ID
		}
		r.ops = append(r.ops, c.Op.String()+" "+name)
		_, have := r.names[id]
		added := c.Op == graph.NodeAdded || c.Op == graph.EdgeAdded
		require.Equal(r.t, !added, have, "%s %s", c.Op, name)
		if c.Op == graph.NodeDeleted || c.Op == graph.EdgeDeleted {
			delete(r.names, id)
		} else {
			r.names[id] = name
		}
	}
	return true
}

func TestFollow(t *testing.T) {
	e := newEngine()
	e.put(node("a", "veth", 1500), node("b", "bridge", 1500), node("c", "veth", 9000, "b"))
	h := newHub(t, e, testConfig())
	local := begin(t, h, "G.V().Has('Type', 'veth')", 0)
	bounded := begin(t, h, "G.V().Has('Name', 'b').Both()", 0)
	global := begin(t, h, "G.V().Has('Type', 'veth').Sort('Name').Limit(1)", 0)
	way, why := global.w.Way()
	require.Equal(t, gremlin.WayGlobal, way)
	require.Contains(t, why, "Limit")
	local.until("a", "c")
	bounded.until("c")
	global.until("a")
	e.put(node("d", "veth", 1, "b"), gone("a"))
	local.until("c", "d")
	bounded.until("c", "d")
	global.until("c")
	e.put(node("c", "tap", 9000))
	local.until("d")
	bounded.until("d")
	global.until("d")
	require.Equal(t, []string{"node_deleted c"}, local.ops[len(local.ops)-1:])
	st := h.Stats()
	require.Equal(t, 3, st.Watches)
	require.Equal(t, 1, st.Local.Queries)
	require.Equal(t, 1, st.Bounded.Queries)
	require.Equal(t, 1, st.Global.Queries)
	require.Positive(t, st.Told)
	local.w.Close()
	local.w.Close() // twice does no harm
	require.Equal(t, 2, h.Stats().Watches)
}

func TestEqualQueriesAreOne(t *testing.T) {
	e := newEngine()
	h := newHub(t, e, testConfig())
	a := begin(t, h, "G.V().Has('Type', 'veth')", 0)
	b := begin(t, h, " g.v().has( 'Type','veth' )", 0)
	e.put(node("x", "veth", 1))
	a.until("x")
	b.until("x")
	require.Equal(t, 1, h.Stats().Local.Queries)
	n := 0
	encode := func(*Batch) [][]byte { n++; return [][]byte{{1}} }
	b1 := a.w.feed.log[0]
	require.Equal(t, b1.Encoded(encode), b1.Encoded(encode))
	require.Equal(t, 1, n)
}

func TestResume(t *testing.T) {
	e := newEngine()
	e.put(node("a", "veth", 1), node("other", "tap", 1))
	h := newHub(t, e, testConfig())
	for _, text := range []string{"G.V().Has('Type', 'veth')", "G.V().Has('Type', 'veth').Limit(100)"} {
		r := begin(t, h, text, 0)
		e.put(node("other", "tap", 2), node("b", "veth", 1))
		r.until("a", "b")
		at := r.revision
		r.w.Close()
		e.put(node("c", "veth", 1), gone("b"))
		again := begin(t, h, text, at)
		require.Zero(t, again.anew, "nothing was lost")
		again.names = r.names
		again.until("a", "c")
		for again.w.Revision() == 0 { // it has read all there is
			again.next(t.Context())
		}
		quiet := again.w.Revision()
		again.w.Close()
		again = begin(t, h, text, quiet)
		require.Zero(t, again.anew)
		again.w.Close()

		for _, from := range []uint64{at - 1, quiet + 1000, 1} {
			fresh := begin(t, h, text, from)
			require.Equal(t, 1, fresh.anew, "revision %d is not one that was told", from)
			fresh.until("a", "c")
			fresh.w.Close()
		}
		e.put(gone("c"), node("other", "tap", 3))
	}
	require.Positive(t, h.Stats().Resumed)
}

// What makes no revision is not lost either, also when it is not kept any more.
func TestResumeWithoutRevision(t *testing.T) {
	for _, backlog := range []int{100, 1} {
		e := newEngine()
		e.put(node("a", "veth", 1), node("b", "veth", 1))
		c := testConfig()
		c.Backlog = backlog
		h := newHub(t, e, c)
		const text = "G.V().Has('@Stale', TRUE)"
		other, r := begin(t, h, text, 0), begin(t, h, text, 0)
		r.w.Close()
		e.silence()
		other.until("a", "b")
		if backlog == 1 {
			e.put(node("a", "veth", 2)) // is heard of again
			other.until("b")
		}
		again := begin(t, h, text, r.revision)
		require.Equal(t, other.held(), again.held())
		require.Equal(t, 1, again.anew)
	}
}

func TestLingerEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	e := newEngine()
	c := testConfig()
	c.Linger = time.Millisecond
	h := newHub(t, e, c)
	for range 3 {
		r := begin(t, h, "G.V()", 0)
		r.w.Close()
		require.Eventually(t, func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return !h.running && len(h.feeds) == 0
		}, 20*time.Second, 5*time.Millisecond)
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 20*time.Second, 5*time.Millisecond)
}

// A view may be ahead of the changes that lead to it.
func TestSnapshotAhead(t *testing.T) {
	e := newEngine()
	e.put(node("a", "veth", 1), node("b", "veth", 1, "a"), node("c", "veth", 1, "a"))
	c := testConfig()
	c.Patience = time.Millisecond
	h := newHub(t, e, c)
	for _, text := range []string{"G.V()", "G.E()"} {
		begin(t, h, text, 0)
	}
	ev := gone("b")
	ev.Source, ev.Time = "netlink", time.Unix(1_700_000_001, 0)
	p := e.g.Prepare(&ev, 0)
	_, _ = e.g.Apply(&p, time.Unix(1_700_001_000, 0), nil)
	nodes, edges := begin(t, h, "G.V()", 0), begin(t, h, "G.E()", 0)
	require.Equal(t, []string{"a", "c"}, nodes.held())
	require.Equal(t, []string{"edge"}, edges.held())
}

// A hub that cannot keep up starts over, and its watches with it.
func TestBehind(t *testing.T) {
	e := newEngine()
	e.put(node("a", "veth", 1))
	h := newHub(t, e, testConfig())
	r := begin(t, h, "G.V().Has('Type', 'veth')", 0)
	e.breakOff()
	e.put(node("b", "veth", 1))
	r.until("a", "b")
	require.Eventually(t, func() bool { return h.Stats().Behind == 1 }, 20*time.Second, 5*time.Millisecond)
	e.put(node("c", "veth", 1))
	r.until("a", "b", "c")
	require.GreaterOrEqual(t, r.anew, 1)
}

func TestSlowWatch(t *testing.T) {
	e := newEngine()
	c := testConfig()
	c.Backlog = 5
	h := newHub(t, e, c)
	slow, fine := begin(t, h, "G.V()", 0), begin(t, h, "G.V()", 0)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("n%02d", i))
		e.put(node(names[i], "veth", 1))
		fine.until(names...)
	}
	_, err := slow.w.Next(t.Context())
	require.ErrorIs(t, err, ErrBehind)
	st := h.Stats()
	require.LessOrEqual(t, st.Kept, 5)
	require.Equal(t, uint64(1), st.Slow)
}

func TestTooLarge(t *testing.T) {
	e := newEngine()
	c := testConfig()
	c.Follow.MaxElements = 3
	h := newHub(t, e, c)
	for _, text := range []string{"G.V()", "G.V().Both().Dedup()", "G.V().Sort().Limit(50)"} {
		r := begin(t, h, text, 0)
		for i := range 6 {
			e.put(node(fmt.Sprint("x", i), "veth", 1, fmt.Sprint("x", (i+1)%6)))
		}
		var limit *gremlin.LimitError
		require.Eventually(t, func() bool {
			_, err := r.w.Next(t.Context())
			return errors.As(err, &limit)
		}, 20*time.Second, time.Millisecond, text)
		_, err := h.Follow(t.Context(), parse(t, text), 0)
		require.ErrorAs(t, err, &limit)
		for i := range 6 {
			e.put(gone(fmt.Sprint("x", i)))
		}
		r.w.Close()
	}
	require.Equal(t, uint64(3), h.Stats().TooLarge)
}

func TestRefused(t *testing.T) {
	e := newEngine()
	c := testConfig()
	c.MaxQueries = 1
	h := newHub(t, e, c)
	for text, want := range map[string]string{
		"G.V().Count()": "number", "G.V().Values('Name')": "values", "G": "without a query", "G.At('-1h').V()": "other times",
	} {
		_, err := h.Follow(t.Context(), parse(t, text), 0)
		require.ErrorContains(t, err, want, text)
	}
	begin(t, h, "G.V()", 0)
	_, err := h.Follow(t.Context(), parse(t, "G.E()"), 0)
	require.ErrorIs(t, err, ErrFull)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.Follow(ctx, parse(t, "G.V()"), 0)
	require.ErrorIs(t, err, context.Canceled)
}

// A result that has become too large while the subscription was broken is counted
// too; a hub that stops meanwhile says so.
func TestTooLargeAfterwards(t *testing.T) {
	e := newEngine()
	c := testConfig()
	c.Follow.MaxElements = 1
	h := New(c, e.deps())
	begun := &ask{ctx: t.Context(), query: parse(t, "G.V()")}
	require.NoError(t, newRunner(h, nil).begin(begun, e.g.View()))
	e.put(node("a", "veth", 1), node("b", "veth", 1))
	r, v := newRunner(h, nil), e.g.View()
	r.set.Apply(nil, v)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.renew(ctx, v)
	require.Zero(t, h.Stats().TooLarge)
	require.Nil(t, begun.w.feed.err)
	r.renew(t.Context(), v)
	require.Equal(t, uint64(1), h.Stats().TooLarge)
	_, err := begun.w.Next(t.Context())
	require.ErrorAs(t, err, new(*gremlin.LimitError))
}

// Who gives up while a query is run for him ends nothing for the others.
func TestRefreshGivenUp(t *testing.T) {
	e := newEngine()
	e.put(node("a", "veth", 1))
	h := New(testConfig(), e.deps())
	sub, err := h.deps.Subscribe()
	require.NoError(t, err)
	r := newRunner(h, sub)
	query := parse(t, "G.V().Has('Type', 'veth').Limit(9)")
	v := e.g.View()
	r.set.Apply(nil, v)
	first := &ask{ctx: t.Context(), query: query}
	require.NoError(t, r.begin(first, v))
	e.put(node("b", "veth", 1))
	changes, err := sub.Next(t.Context())
	require.NoError(t, err)
	v = e.g.View()
	r.publish(r.set.Apply(changes, v))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, r.begin(&ask{ctx: ctx, query: query}, v), context.Canceled)
	require.Zero(t, h.Stats().TooLarge)
	second := &ask{ctx: t.Context(), query: query}
	require.NoError(t, r.begin(second, v))
	nodes, _ := second.w.Snapshot().Elements()
	require.Len(t, nodes, 2)
	b, err := first.w.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, b.Changes, 1)
}

func TestStop(t *testing.T) {
	e := newEngine()
	h := newHub(t, e, testConfig())
	r := begin(t, h, "G.V()", 0)
	h.Stop()
	_, err := r.w.Next(t.Context())
	require.ErrorIs(t, err, ErrStopped)
	_, err = h.Follow(t.Context(), parse(t, "G.V()"), 0)
	require.ErrorIs(t, err, ErrStopped)

	e.refuse = errors.New("starting")
	h = newHub(t, e, testConfig())
	_, err = h.Follow(t.Context(), parse(t, "G.V()"), 0)
	require.ErrorIs(t, err, e.refuse)
}

// TestRace has watches come and go while the graph changes; each that stays
// ends with the result of its query.
func TestRace(t *testing.T) {
	e := newEngine()
	c := testConfig()
	c.Linger = 20 * time.Millisecond
	h := newHub(t, e, c)
	texts := []string{"G.V().Has('Type', 'veth')", "G.V().Has('Name', 'n1').Both()", "G.E()", "G.V().Has('Type', 'tap').Limit(3)", "G.V().Both().Dedup()"}
	readers := make([]*reader, len(texts))
	for i, text := range texts {
		readers[i] = begin(t, h, text, 0)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 600 {
			name := fmt.Sprint("n", rng.IntN(10))
			if rng.IntN(4) == 0 {
				e.put(gone(name))
			} else {
				e.put(node(name, []string{"veth", "tap"}[rng.IntN(2)], i, fmt.Sprint("n", rng.IntN(10))))
			}
			if i%100 == 50 {
				e.breakOff()
			}
		}
	})
	for i := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(i)))
			for range 20 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rng.IntN(5000))*time.Microsecond)
				if w, err := h.Follow(ctx, parse(t, texts[rng.IntN(len(texts))]), 0); err == nil {
					_, _ = w.Next(ctx)
					w.Close()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	for i, text := range texts {
		r := readers[i]
		res, err := parse(t, text).Run(t.Context(), e.g.View(), gremlin.Limits{})
		require.NoError(t, err)
		var want []string
		seen := map[entity.UUID]bool{}
		for n := range res.Nodes() {
			if !seen[n.ID] {
				want = append(want, n.Attrs.Get("Name").Str())
			}
			seen[n.ID] = true
		}
		for range res.Edges() {
			want = append(want, "edge")
		}
		if i != 3 { // Limit gives any three
			r.until(want...)
		}
		r.w.Close()
	}
	require.Eventually(t, func() bool { return h.Stats().Watches == 0 }, 20*time.Second, time.Millisecond)
}

var _ Changes = (*fakeSub)(nil)
