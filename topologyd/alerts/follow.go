package alerts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// errAnew asks to follow the query anew.
var errAnew = errors.New("there is room again")

// wasPause is how often what a rule's Was finds is read at least.
const wasPause = 500 * time.Millisecond

// following keeps the machine current by what the hub tells, until that breaks
// off.
func (r *runner) following(ctx context.Context) error {
	var was *earlierFound
	if q := r.c.WasQuery; q != nil {
		w, err := r.watch(ctx, q)
		if err != nil {
			return fmt.Errorf("was: %w", err)
		}
		defer w.Close()
		was = newEarlier(r, w)
	}
	begun := time.Now()
	w, err := r.watch(ctx, r.c.Query)
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		if s := w.Snapshot(); s != nil {
			if err := was.upTo(ctx, s.Revision); err != nil {
				return err
			}
			r.whole(s)
			r.succeeded(time.Since(begun))
		}
		next := r.keepUp()
		if was != nil {
			next = earlier(next, time.Now().Add(wasPause))
		}
		waiting, cancel := context.WithDeadline(ctx, next)
		b, err := w.Next(waiting)
		cancel()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			if err := was.upTo(ctx, r.m.deps.View().Revision()); err != nil {
				return err
			}
			r.prune(false)
			if r.skipped.Load() && r.m.room() {
				return errAnew
			}
			continue
		default:
			return err
		}
		begun = time.Now()
		if b != nil {
			if err := was.upTo(ctx, b.Revision); err != nil {
				return err
			}
			r.changes(b)
		}
	}
}

// watch begins to follow a query, and does what time asks for meanwhile.
func (r *runner) watch(ctx context.Context, q *gremlin.Query) (w *live.Watch, err error) {
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		w, err = r.m.deps.Hub.Follow(ctx, q, 0)
	}()
	for t := time.NewTimer(0); ; {
		select {
		case <-ready: // the latest when ctx ends
			t.Stop()
			return w, err
		case <-t.C:
			t.Reset(time.Until(r.keepUp()))
		}
	}
}

// whole takes a whole result.
func (r *runner) whole(s *live.Snapshot) {
	nodes, edges := s.Elements()
	v := s.View
	r.prune(true)
	all := func(yield func(*alert.Subject) bool) {
		for _, slot := range nodes {
			if !yield(alert.NodeSubject(v.NodeAt(slot))) {
				return
			}
		}
		for _, slot := range edges {
			if !yield(alert.EdgeSubject(v.EdgeAt(slot), v)) {
				return
			}
		}
	}
	r.take(s.Revision, func(f *feed) { f.add(0, r.machine.Reset(f.now, r.admit(all))) })
}

// changes takes what happened to the result.
func (r *runner) changes(b *live.Batch) {
	r.m.n.evaluations.WithLabelValues(resultChanges).Inc()
	last := uint64(0)
	for i := range b.Changes {
		last = max(last, b.Changes[i].Revision)
	}
	r.take(last, func(f *feed) {
		var v *graph.View
		for i := range b.Changes {
			c := &b.Changes[i]
			if v == nil && (c.Edge != nil || isDeletion(c)) {
				v = r.m.deps.View()
			}
			since := c.At * int64(time.Millisecond)
			if isDeletion(c) {
				f.add(since, r.machine.Leave(f.now, idOf(c).String(), gone(v, c)))
				continue
			}
			if s := alert.ChangeSubject(c, v); r.may(s.Key) {
				f.add(since, r.machine.Enter(f.now, s))
			}
		}
	})
}

func isDeletion(c *graph.Change) bool { return c.Op == graph.NodeDeleted || c.Op == graph.EdgeDeleted }

func idOf(c *graph.Change) entity.UUID {
	if c.Node != nil {
		return c.Node.ID
	}
	return c.Edge.ID
}

// gone tells whether an element that left a result is no longer in the graph.
func gone(v *graph.View, c *graph.Change) bool {
	if c.Node != nil {
		return v.NodeSlot(c.Node.ID) < 0
	}
	return v.EdgeSlot(c.Edge.ID) < 0
}

// earlierFound is what a rule's Was finds. Its methods work on nil, which is a rule
// without.
type earlierFound struct {
	r    *runner
	w    *live.Watch
	held *live.Batch // read, and of later than was asked for
	over context.Context
}

func newEarlier(r *runner, w *live.Watch) *earlierFound {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	return &earlierFound{r: r, w: w, over: over}
}

// upTo takes what was found up to a revision, as far as it is known.
func (p *earlierFound) upTo(ctx context.Context, revision uint64) error {
	if p == nil {
		return nil
	}
	for {
		if s := p.w.Snapshot(); s != nil {
			p.snapshot(s)
		}
		if p.held == nil {
			b, err := p.w.Next(p.over)
			switch {
			case err == context.Canceled: //nolint:errorlint // as it is: there is nothing to read
				return nil
			case errors.Is(err, context.Canceled): // it begins anew, for which it has to wait
				if b, err = p.w.Next(ctx); err != nil {
					return fmt.Errorf("was: %w", err)
				}
			case err != nil:
				return fmt.Errorf("was: %w", err)
			}
			if p.held = b; b == nil {
				continue // with a snapshot
			}
		}
		if p.held.Revision > revision {
			return nil
		}
		p.changes(p.held)
		p.held = nil
	}
}

func (p *earlierFound) snapshot(s *live.Snapshot) {
	nodes, edges := s.Elements()
	all := func(yield func(entity.UUID) bool) {
		for _, slot := range nodes {
			if !yield(s.View.NodeID(slot)) {
				return
			}
		}
		for _, slot := range edges {
			if !yield(s.View.EdgeID(slot)) {
				return
			}
		}
	}
	p.r.take(s.Revision, func(f *feed) { f.arm(all) })
}

func (p *earlierFound) changes(b *live.Batch) {
	r := p.r
	r.take(b.Revision, func(f *feed) {
		var v *graph.View
		for i := range b.Changes {
			c := &b.Changes[i]
			switch c.Op {
			case graph.NodeAdded, graph.EdgeAdded:
				f.add(c.At*int64(time.Millisecond), r.machine.Arm(f.now, idOf(c)))
			case graph.NodeDeleted, graph.EdgeDeleted:
				if v == nil {
					v = r.m.deps.View()
				}
				if gone(v, c) { // else: what was, was
					f.add(c.At*int64(time.Millisecond), r.machine.Leave(f.now, idOf(c).String(), true))
				}
			}
		}
	})
}
