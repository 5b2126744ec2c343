package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
)

// ring is a subscription source that keeps the changes after one revision.
type ring struct {
	p *aged
	// from is the first revision after which it has everything.
	from uint64
	subs atomic.Int32
}

// ringSub reads a ring.
type ringSub struct {
	r     *ring
	view  *graph.View
	after uint64
}

// keepFrom has watches served by a ring that begins at a revision.
func (p *aged) keepFrom(revision uint64) *ring {
	r := &ring{p: p, from: revision}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subscribe = func(from uint64) (Subscription, error) {
		r.subs.Add(1)
		if v := p.graph.View(); from < r.from || from > v.Revision() || from == 0 {
			return &ringSub{r: r, view: v, after: v.Revision()}, nil
		}
		return &ringSub{r: r, after: from}, nil
	}
	return r
}

func (s *ringSub) View() *graph.View { return s.view }
func (s *ringSub) Close()            { s.r.subs.Add(-1) }
func (s *ringSub) Next(ctx context.Context) ([]graph.Change, error) {
	for {
		s.r.p.fake.mu.Lock()
		for _, c := range s.r.p.fake.changes {
			if c.Revision > s.after {
				s.after = c.Revision
				s.r.p.fake.mu.Unlock()
				return []graph.Change{c}, nil
			}
		}
		s.r.p.fake.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// revisions reads changes from a watch until there are n.
func revisions(t *testing.T, read func() wireMessage, n int) (out []uint64) {
	t.Helper()
	for len(out) < n {
		m := read()
		if m.Type != "changes" {
			t.Fatalf("%+v after %v", m, out)
		}
		for _, c := range m.Changes {
			out = append(out, c.Revision)
		}
	}
	return out
}

// A watch that resumes where the ring does not reach gets what it missed from
// the past, then goes on live.
func TestWatchResumesFromThePast(t *testing.T) {
	for _, from := range []uint64{1, 2, 5, 6, 8} {
		p := lived(t, nil)
		r := p.keepFrom(6)
		c := dialSocket(t, p.bench, fmt.Sprint("?from=", from))
		got := revisions(t, func() wireMessage { return receive(t, c) }, int(8-from))
		for i, x := range got {
			if x != from+1+uint64(i) {
				t.Fatalf("from %d: %v", from, got)
			}
		}
		p.put(eth(0, 1400))
		if got := revisions(t, func() wireMessage { return receive(t, c) }, 1); got[0] != 9 {
			t.Errorf("live after %d: %v", from, got)
		}
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		eventually(t, "the subscriptions are closed", func() bool { return r.subs.Load() == 0 })
	}
}

// What nobody keeps any more begins with a snapshot, and so does a revision of
// another life.
func TestWatchBeginsAnew(t *testing.T) {
	for _, from := range []uint64{3, 99} {
		p := lived(t, nil)
		p.keepFrom(6)
		p.fake.oldestRevision = 4
		c := dialSocket(t, p.bench, fmt.Sprint("?from=", from))
		if m := receive(t, c); m.Type != "snapshot" || m.Revision != 8 {
			t.Errorf("from %d: %+v", from, m)
		}
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
	}
}

// A watch since a time begins with the graph of that time, whether or not it is
// known which revision that was.
func TestWatchSince(t *testing.T) {
	for _, revision := range []uint64{0, 3} {
		p := lived(t, nil)
		p.keepFrom(6)
		if revision > 0 {
			p.api.deps.RevisionAt = func(_ context.Context, at time.Time) (uint64, error) {
				if !at.Equal(t0.Add(150 * time.Second)) {
					t.Errorf("asked about %v", at)
				}
				return revision, nil
			}
		}
		// Logged last, and valid before the time that is asked about: the view of
		// then holds it.
		late := p.fake.changes[len(p.fake.changes)-1]
		node := *p.graph.View().Node(entity.HostRef("h").UUID())
		late.Op, late.Revision, late.Edge, late.Node = graph.NodeUpdated, 9, nil, &node
		p.fake.changes = append(p.fake.changes, late)
		c := dialSocket(t, p.bench, "?since=2026-03-01T12:02:30Z")
		m := receive(t, c)
		if m.Type != "snapshot" || m.Revision != revision || len(m.Nodes) != 2 || len(m.Edges) != 1 || *m.More {
			t.Fatalf("%+v", m)
		}
		want := []uint64{4, 5, 6, 7, 8}
		for i, x := range revisions(t, func() wireMessage { return receive(t, c) }, len(want)) {
			if x != want[i] {
				t.Errorf("%d: %d", i, x)
			}
		}
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		eventually(t, "the watcher is gone", func() bool { return p.api.watchers.count() == 0 })
	}
}

func TestKnown(t *testing.T) {
	p := lived(t, nil)
	v := p.graph.View()
	id := eth(0, 0).Ref.UUID()
	var edge *graph.Edge
	for e := range v.Edges() {
		edge = e
	}
	other := *edge
	other.ID = id
	for _, x := range []struct {
		ms   int64
		c    graph.Change
		want bool
	}{
		{edge.UpdatedAt, graph.Change{Op: graph.EdgeAdded, Edge: edge}, true},
		{edge.UpdatedAt - 1, graph.Change{Op: graph.EdgeAdded, Edge: edge}, false},
		{edge.UpdatedAt, graph.Change{Op: graph.EdgeAdded, Edge: &other}, false},
		{edge.UpdatedAt, graph.Change{Op: graph.EdgeDeleted, Edge: &other}, false},
		{v.Node(id).UpdatedAt, graph.Change{Op: graph.NodeUpdated, Node: v.Node(id)}, true},
		{0, graph.Change{Op: graph.NodeUpdated, Node: v.Node(id)}, false},
	} {
		if got := known(v, x.ms, &x.c); got != x.want {
			t.Errorf("%+v at %d: %v", x.c, x.ms, got)
		}
	}
}

// A past that lags behind the graph is waited for; one that fails ends the
// watch, and the engine's end is passed on.
func TestReplayMeetsThePresent(t *testing.T) {
	p := lived(t, nil)
	p.keepFrom(8)
	all := p.fake.changes
	p.fake.changes = all[:4]
	s, err := p.api.openWatch(t.Context(), watchStart{revision: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := 0
	for got < 6 {
		changes, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got += len(changes); got == 2 {
			time.AfterFunc(30*time.Millisecond, func() {
				p.fake.mu.Lock()
				p.fake.changes = all
				p.fake.mu.Unlock()
			})
		}
	}
	s, err = p.api.openWatch(t.Context(), watchStart{revision: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if changes, err := s.Next(t.Context()); err != nil || len(changes) != 6 {
		t.Fatal(err, changes)
	}
	p.mu.Lock()
	p.subscribe = func(uint64) (Subscription, error) { return nil, engine.ErrStopped }
	p.mu.Unlock()
	if _, err := s.Next(t.Context()); !errors.Is(err, engine.ErrStopped) {
		t.Error(err)
	}
	if resp, answer := p.do(http.MethodGet, "/api/v1/watch?from=2", ""); resp.StatusCode != 503 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

// Few watchers read the past at the same time, and none for ever.
func TestReplaysAreBounded(t *testing.T) {
	p := lived(t, func(c *Config) { c.Replays = 1; c.ReplayTime = time.Hour })
	p.keepFrom(8)
	first, err := p.api.openWatch(t.Context(), watchStart{revision: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, params := range []string{"?from=2", "?since=-57m"} {
		if resp, answer := p.do(http.MethodGet, "/api/v1/watch"+params, ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(answer, `"busy"`) {
			t.Errorf("%s: %d %s", params, resp.StatusCode, answer)
		}
	}
	// The one that got to the present makes room; closing it changes nothing more.
	for got := 0; got < 6; {
		changes, err := first.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got += len(changes)
	}
	if p.api.replays.InUse() != 1 {
		t.Error("it is not known yet that this was all")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := first.Next(ctx); !errors.Is(err, context.DeadlineExceeded) || p.api.replays.InUse() != 0 {
		t.Error(err, p.api.replays.InUse())
	}
	second, err := p.api.openWatch(t.Context(), watchStart{since: t0.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	second.(*replay).end = time.Now().Add(-time.Second)
	if changes, err := second.Next(t.Context()); err != nil || len(changes) == 0 {
		t.Error("what was read is given: ", changes, err)
	}
	if _, err := second.Next(t.Context()); !errors.Is(err, engine.ErrSlow) {
		t.Error(err)
	}
	second.Close()
	if p.api.replays.InUse() != 0 {
		t.Error("a slot is left over")
	}
}
