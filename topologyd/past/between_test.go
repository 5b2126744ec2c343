package past

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// between returns the changes of a time, as text, and the elements at its
// beginning.
func (m model) between(from, to int64, keep func(*graph.Change) bool) (out []string) {
	ends := m.ends()
	var found []entry
	shown := map[entity.UUID]*graph.Change{} // the state before
	for i := range m {
		c := m[i].change
		if m[i].valid > ends[i].at { // replaced from before it on
			continue
		}
		c.OldNode, c.OldEdge = nil, nil
		if old := shown[id(&c)]; old != nil && !isDeleted(old.Op) {
			c.OldNode, c.OldEdge = old.Node, old.Edge
		}
		had := c.OldNode != nil || c.OldEdge != nil
		switch {
		case isAdded(c.Op) && had:
			c.Op += graph.NodeUpdated - graph.NodeAdded
		case isDeleted(c.Op) && !had:
			continue
		}
		shown[id(&c)] = &c
		if m[i].valid >= from && m[i].valid <= to && keep(&c) {
			found = append(found, entry{m[i].valid, m[i].log, c})
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return cmp.Compare(a.valid, b.valid) })
	for i := range found {
		out = append(out, describeDated(&Dated{Change: found[i].change, Logged: time.UnixMilli(found[i].log)}))
	}
	return out
}

func describeDated(d *Dated) string {
	text := func(n *graph.Node, e *graph.Edge) string {
		switch {
		case n != nil:
			return plainNode(n)
		case e != nil:
			return plainEdge(e)
		}
		return "none"
	}
	return fmt.Sprint(d.At, " logged ", d.Logged.UnixMilli(), " revision ", d.Revision, " ", d.Op, " ", text(d.Node, d.Edge), " was ", text(d.OldNode, d.OldEdge))
}

// state is what each element was, edges without ends included.
func (m model) state(ms int64) map[entity.UUID]*graph.Change {
	out := map[entity.UUID]*graph.Change{}
	for i := range m {
		if c := &m[i].change; m[i].valid <= ms {
			if out[id(c)] = c; isDeleted(c.Op) {
				delete(out, id(c))
			}
		}
	}
	return out
}

// whole returns the elements of a state that a graph can show, as text.
func whole(state map[entity.UUID]*graph.Change) (out []string) {
	for _, c := range state {
		switch {
		case c.Node != nil:
			out = append(out, plainNode(c.Node))
		case state[c.Edge.Parent] != nil && state[c.Edge.Child] != nil:
			out = append(out, plainEdge(c.Edge))
		}
	}
	slices.Sort(out)
	return out
}

func checkBetween(t *testing.T, w *world, s *Store) {
	t.Helper()
	from, to := w.moment(), w.moment()
	if to.Before(from) {
		from, to = to, from
	}
	if w.rng.IntN(3) > 0 { // short ones too
		to = from.Add(time.Duration(w.rng.IntN(500)) * time.Millisecond)
	}
	limit := []int{1, 7, 100, 1 << 20}[w.rng.IntN(4)]
	q := Between{From: from, To: to, Limit: limit}
	keep := func(*graph.Change) bool { return true }
	switch w.rng.IntN(4) {
	case 0:
		q.Of = map[entity.UUID]struct{}{}
		for range w.rng.IntN(4) {
			q.Of[id(&w.model[w.rng.IntN(len(w.model))].change)] = struct{}{}
		}
		keep = func(c *graph.Change) bool {
			_, ok := q.Of[id(c)]
			return ok
		}
	case 1:
		keep = func(c *graph.Change) bool { return isAdded(c.Op) || c.Edge != nil }
		q.Keep = keep
	}
	got, err := s.Between(t.Context(), q)
	oldest, _, _ := s.Bounds()
	if to.UnixMilli() < oldest.UnixMilli() {
		require.ErrorAs(t, err, &ErrTooOld{})
		return
	}
	require.NoError(t, err)
	begin := from.UnixMilli()
	if begin < oldest.UnixMilli() {
		begin = oldest.UnixMilli()
		require.Equal(t, begin, got.From.UnixMilli())
	} else {
		require.Equal(t, from, got.From)
	}
	want := w.model.between(begin, to.UnixMilli(), keep)
	var texts []string
	for i := range got.Changes {
		d := &got.Changes[i]
		texts = append(texts, describeDated(d))
		if d.Edge != nil && i%16 == 0 {
			w.checkEnd(t, d, d.Edge.Parent, d.Parent)
			w.checkEnd(t, d, d.Edge.Child, d.Child)
		}
	}
	require.Equal(t, want[max(0, len(want)-limit):], texts, "from %d to %d, limit %d", begin, to.UnixMilli(), limit)
	require.Equal(t, len(want) > limit, got.More)
	if got.More || q.Of != nil || q.Keep != nil {
		return
	}
	state := w.model.state(begin)
	for i := range got.Changes {
		c := &got.Changes[i].Change
		if state[id(c)] = c; isDeleted(c.Op) {
			delete(state, id(c))
		}
	}
	v, err := s.At(t.Context(), to)
	require.NoError(t, err)
	require.Equal(t, dump(v), whole(state), "from %d to %d", begin, to.UnixMilli())
}

// checkEnd checks an end of an edge: the node's state at the time if it was
// there, else another one of it, none if there is none.
func (w *world) checkEnd(t *testing.T, d *Dated, of entity.UUID, got *graph.Node) {
	t.Helper()
	if c := w.model.state(d.At)[of]; c != nil {
		require.NotNil(t, got, "%s", describeDated(d))
		require.Equal(t, plainNode(c.Node), plainNode(got), "%s", describeDated(d))
	} else if got != nil {
		require.Equal(t, of, got.ID)
	}
}

// TestBetweenModel compares the changes of random times with the model.
func TestBetweenModel(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(seed + 50)
			w.settle = true
			s := open(t, config(t))
			for range 5 {
				w.run(t, s, 120)
				for range 25 {
					checkBetween(t, w, s)
				}
			}
			require.Greater(t, s.Stats().Bases, 1)
		})
	}
}

// TestBetweenExpired asks about times of which a part is gone.
func TestBetweenExpired(t *testing.T) {
	w := newWorld(77)
	w.settle = true
	cfg := config(t)
	cfg.MaxAge = 20 * time.Second
	s := open(t, cfg)
	s.now = func() time.Time { return w.now }
	w.run(t, s, 700)
	oldest, _, _ := s.Bounds()
	require.True(t, oldest.After(t0))
	_, err := s.Between(t.Context(), Between{From: t0, To: oldest.Add(-time.Millisecond)})
	require.ErrorAs(t, err, &ErrTooOld{})
	got, err := s.Between(t.Context(), Between{From: t0, To: w.now, Limit: 1 << 20})
	require.NoError(t, err)
	require.Equal(t, oldest, got.From)
	require.NotEmpty(t, got.Changes)
	// From the first moment after the oldest base on all of them are known.
	state := w.model.state(oldest.UnixMilli())
	for i := range got.Changes {
		c := &got.Changes[i].Change
		if state[id(c)] = c; isDeleted(c.Op) {
			delete(state, id(c))
		}
	}
	require.Equal(t, dump(w.g.View()), whole(state))
	for range 30 {
		from := oldest.Add(time.Millisecond + time.Duration(w.rng.Int64N(int64(w.now.Sub(oldest)))))
		got, err := s.Between(t.Context(), Between{From: from, To: w.now, Limit: 1 << 20})
		require.NoError(t, err)
		require.Len(t, got.Changes, len(w.model.between(from.UnixMilli(), w.now.UnixMilli(), func(*graph.Change) bool { return true })))
	}
}

func TestBetweenNothing(t *testing.T) {
	s := open(t, config(t))
	got, err := s.Between(t.Context(), Between{From: t0, To: t0.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, &Stretch{From: t0}, got)
	w := newWorld(3)
	w.run(t, s, 50)
	got, err = s.Between(t.Context(), Between{From: w.now.Add(time.Hour), To: w.now.Add(2 * time.Hour)})
	require.NoError(t, err)
	require.Empty(t, got.Changes)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Between(ctx, Between{From: t0, To: w.now})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, s.Close())
	_, err = s.Between(t.Context(), Between{From: t0, To: w.now})
	require.ErrorIs(t, err, ErrClosed)
}
