package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
)

const (
	// replayChanges is about how many changes of the past a watcher holds at a
	// time. Each reading costs the store as much as 100,000 changes or so.
	replayChanges = 25_000
	// replayWait is how long a watcher waits for others to be done with the past.
	replayWait = time.Second
	// replayPause is how long to wait for the past to get changes that the graph
	// has already; replayPauses is how many times.
	replayPause  = 20 * time.Millisecond
	replayPauses = 250
)

// errEnough ends a reading of changes.
var errEnough = errors.New("enough")

// openWatch begins a watch: after a revision, at a time, or now.
func (a *API) openWatch(ctx context.Context, from watchStart) (Subscription, error) {
	if !from.since.IsZero() {
		return a.watchSince(ctx, from.since)
	}
	sub, err := a.deps.Subscribe(from.revision)
	if err != nil || from.revision == 0 || a.deps.Records == nil {
		return sub, err
	}
	v := sub.View()
	if v == nil || v.Revision() < from.revision {
		// Nothing was missed; or the revision is not of this graph.
		return sub, nil
	}
	s, f := a.newReplay(ctx, from.revision)
	if f != nil {
		sub.Close()
		return nil, f
	}
	if err := s.fill(ctx); err != nil {
		s.Close()
		if pastFailure(err) == nil {
			a.deps.Log.Warn("cannot read the past for a watch, it begins anew", "error", err)
		}
		return sub, nil
	}
	sub.Close()
	return s, nil
}

// newReplay begins to read the past, if not too many do. Closing the replay
// lets others.
func (a *API) newReplay(ctx context.Context, after uint64) (*replay, *failure) {
	if !a.replays.Acquire(ctx, replayWait) {
		f := fail(http.StatusServiceUnavailable, httpx.CodeBusy, "%d other watchers are reading the past; try again later", a.cfg.Replays)
		f.retry = 5
		return nil, f
	}
	return &replay{a: a, reading: true, end: time.Now().Add(a.cfg.ReplayTime), first: after, after: after}, nil
}

// watchSince begins with the graph at a time.
func (a *API) watchSince(ctx context.Context, t time.Time) (Subscription, error) {
	if a.deps.Past == nil || a.deps.Records == nil {
		return nil, errNoPast
	}
	v, err := a.viewInTime(ctx, t)
	if err != nil {
		return nil, err
	}
	after, err := a.before(ctx, t)
	if err != nil {
		return nil, err
	}
	s, f := a.newReplay(ctx, after)
	if f != nil {
		return nil, f
	}
	ms := t.UnixMilli()
	s.view, s.known = v, func(c *graph.Change) bool { return known(v, ms, c) }
	if err := s.fill(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// before returns a revision such that the graph at a time holds it and all
// before it. That of the view may be too large: it is that of a change that came
// late, after others that are not in the view.
func (a *API) before(ctx context.Context, t time.Time) (uint64, error) {
	if a.deps.RevisionAt != nil {
		return a.deps.RevisionAt(ctx, t)
	}
	_, _, oldest := a.deps.Records.Bounds()
	return oldest, nil
}

// viewInTime makes a view of the past as queries do.
func (a *API) viewInTime(ctx context.Context, t time.Time) (*graph.View, error) {
	ctx, done, f := a.work(ctx, a.cfg.Limits.Time)
	if f != nil {
		return nil, f
	}
	defer done()
	return a.viewAt(ctx, t)
}

// known reports whether a view of a time, in Unix milliseconds, holds a change
// already: one that was logged later than it became valid. An edge that the view
// has not got may wait there for an end that is younger: all of its changes are
// passed on.
func known(v *graph.View, ms int64, c *graph.Change) bool {
	if c.Node != nil {
		return c.Node.UpdatedAt <= ms
	}
	return c.Edge.UpdatedAt <= ms && v.Edge(c.Edge.ID) != nil
}

// replay is a subscription that reads the past until it meets the present.
type replay struct {
	a     *API
	view  *graph.View
	first uint64 // revision from which a watcher that has the view can resume
	after uint64 // revision up to which changes were read
	known func(*graph.Change) bool
	// next are changes that were read and not yet given.
	next []graph.Change
	live Subscription
	// reading is set while it counts among those that read the past, until end at
	// most.
	reading bool
	end     time.Time
}

// View implements [Subscription].
func (s *replay) View() *graph.View { return s.view }

// Close implements [Subscription].
func (s *replay) Close() {
	s.leave()
	if s.live != nil {
		s.live.Close()
	}
}

// leave lets another watcher read the past.
func (s *replay) leave() {
	if s.reading {
		s.reading = false
		s.a.replays.Release()
	}
}

// Next implements [Subscription].
func (s *replay) Next(ctx context.Context) ([]graph.Change, error) {
	s.view = nil // sent by now
	for pauses := 0; ; {
		if out := s.take(); len(out) > 0 {
			return out, nil
		}
		if s.live != nil {
			return s.live.Next(ctx)
		}
		if time.Now().After(s.end) {
			return nil, engine.ErrSlow
		}
		before := s.after
		if err := s.fill(ctx); err != nil {
			return nil, fmt.Errorf("read the past: %w", err)
		}
		if s.after > before {
			continue
		}
		met, err := s.meet()
		switch {
		case err != nil:
			return nil, err
		case met:
			continue
		}
		if pauses++; pauses > replayPauses {
			return nil, errBehind
		}
		select {
		case <-time.After(replayPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// errBehind ends a watch that waited in vain.
var errBehind = errors.New("the past does not get the changes that the graph has")

// take gives what was read, but for what the watcher knows.
func (s *replay) take() []graph.Change {
	out := s.next
	s.next = nil
	if s.known == nil {
		return out
	}
	kept := out[:0]
	for i := range out {
		if !s.known(&out[i]) {
			kept = append(kept, out[i])
		}
	}
	return kept
}

// fill reads the next changes of the past.
func (s *replay) fill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.a.cfg.WatchWriteTimeout)
	defer cancel()
	err := s.a.deps.Records.Changes(ctx, s.after, func(changes []graph.Change) error {
		s.next = append(s.next, changes...)
		if len(s.next) >= replayChanges {
			return errEnough
		}
		return nil
	})
	if n := len(s.next); n > 0 {
		s.after = s.next[n-1].Revision // also after an error: these were read
	}
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

// meet subscribes to what comes after the past. It reports false when there are
// changes between that neither has yet.
func (s *replay) meet() (bool, error) {
	sub, err := s.a.deps.Subscribe(s.after)
	if err != nil {
		return false, err
	}
	if v := sub.View(); v != nil && v.Revision() != s.after {
		sub.Close()
		return false, nil
	}
	s.live = sub
	s.leave()
	return true, nil
}
