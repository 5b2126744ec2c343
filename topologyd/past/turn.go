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
	// users are who builds with it and the large views made with it; s.mu.
	users int
}

// together is what one request has taken; s.mu.
type together struct{ turn *turn }

type togetherKey struct{}

// Together returns a context for a request that needs several views at the same
// time: it does not wait until nobody uses the ones that it has itself.
func Together(ctx context.Context) context.Context {
	return context.WithValue(ctx, togetherKey{}, new(together))
}

// turn waits until a view may be built. A large one takes as much memory as the
// whole cache may hold: there is only one at a time, or those of one request,
// until nobody uses it any more.
func (s *Store) turn(ctx context.Context) (*turn, error) {
	t := &turn{s: s, users: 1}
	mine, _ := ctx.Value(togetherKey{}).(*together)
	n := 1
	s.mu.Lock()
	if mine != nil && mine.turn != nil && mine.turn.users > 0 {
		mine.turn.users++
		s.mu.Unlock()
		return mine.turn, nil
	}
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
	if mine != nil {
		s.mu.Lock()
		mine.turn = t
		s.mu.Unlock()
	}
	return t, nil
}

// collectAfter is how long to wait for a large view to go before garbage is
// collected, and before it is again.
const collectAfter = time.Second

// end gives the right back when nobody else uses it.
func (t *turn) end() {
	t.s.mu.Lock()
	t.users--
	used := t.users > 0
	t.s.mu.Unlock()
	if used {
		return
	}
	for ; t.taken > 0; t.taken-- {
		<-t.s.builds
	}
}

type holdingKey struct{}

// Holding returns a context with which a function is called by [Store.At] and
// [Store.Slice] before they give a large view: from then on others may wait until
// it is not used any more.
func Holding(ctx context.Context, fn func()) context.Context {
	return context.WithValue(ctx, holdingKey{}, fn)
}

// give tells who asked for a view when it is a large one.
func (s *Store) give(ctx context.Context, v *graph.View) {
	if fn, ok := ctx.Value(holdingKey{}).(func()); ok && v != nil && s.large(v) {
		fn()
	}
}

func (s *Store) large(v *graph.View) bool { return v.NodeCount()+v.EdgeCount() > s.cfg.LargeView }

// made ends a turn in which a view was built, if any: at once, or with the view
// when it is a large one.
func (t *turn) made(v *graph.View) {
	if v == nil || !t.s.large(v) {
		t.end()
		return
	}
	t.s.lent.Add(1)
	runtime.AddCleanup(v, func(t *turn) {
		t.s.lent.Add(-1)
		t.end()
	}, t)
}
