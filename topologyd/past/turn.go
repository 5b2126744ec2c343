package past

import (
	"context"
	"runtime"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// turn is the right to build something from what is kept.
type turn struct {
	s     *Store
	taken int
}

// turn waits until a view may be built. A large one takes as much memory as the
// whole cache may hold: there is only one at a time, until nobody uses it any
// more.
func (s *Store) turn(ctx context.Context) (*turn, error) {
	t := &turn{s: s}
	n := 1
	s.mu.Lock()
	if s.elements > s.cfg.LargeView {
		n = cap(s.builds)
	}
	s.mu.Unlock()
	// Who takes several does not do so together with another.
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// That nobody uses a view any more is known when garbage is collected.
	collect := time.NewTicker(collectAfter)
	defer collect.Stop()
	for t.taken < n {
		select {
		case s.builds <- struct{}{}:
			t.taken++
		case <-collect.C:
			if s.lent.Load() > 0 {
				runtime.GC()
			}
		case <-ctx.Done():
			t.end()
			return nil, ctx.Err()
		}
	}
	return t, nil
}

// collectAfter is how long to wait for a large view to go before garbage is
// collected, and before it is again.
const collectAfter = time.Second

// end gives the right back.
func (t *turn) end() {
	for ; t.taken > 0; t.taken-- {
		<-t.s.builds
	}
}

// made ends a turn in which a view was built, if any: at once, or with the view
// when it is a large one.
func (t *turn) made(v *graph.View) {
	if v == nil || v.NodeCount()+v.EdgeCount() <= t.s.cfg.LargeView {
		t.end()
		return
	}
	t.s.lent.Add(1)
	runtime.AddCleanup(v, func(t *turn) {
		t.s.lent.Add(-1)
		t.end()
	}, t)
}
