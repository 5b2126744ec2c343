package past

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestTurn has many take turns: as many at a time as may build, and when the
// graph is large one.
func TestTurn(t *testing.T) {
	s := &Store{cfg: Config{LargeView: 10}, builds: make(chan struct{}, 3), gate: make(chan struct{}, 1)}
	for elements, most := range map[int]int64{10: 3, 11: 1} {
		s.elements = elements
		var now atomic.Int64
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 300 {
					mine, err := s.turn(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if n := now.Add(1); n > most {
						t.Errorf("%d build at a time", n)
					}
					now.Add(-1)
					mine.end()
				}
			})
		}
		wait.Wait()
		if len(s.builds) != 0 || len(s.gate) != 0 {
			t.Errorf("%d are still building, %d waiting", len(s.builds), len(s.gate))
		}
	}

	s.elements = 11
	first, err := s.turn(t.Context())
	if err != nil || len(s.builds) != 3 {
		t.Fatal(err, len(s.builds))
	}
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	for range 2 { // one at the gate, one behind it
		go func() {
			_, err := s.turn(ctx)
			errs <- err
		}()
	}
	cancel()
	for range 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	first.end()
	if second, err := s.turn(t.Context()); err != nil || len(s.builds) != 3 {
		t.Error(err, len(s.builds))
	} else {
		second.end()
	}
}

// TestLargeViewsOneByOne asks for large views: the next one is built when the one before is not used any more.
func TestLargeViewsOneByOne(t *testing.T) {
	w := newWorld(3)
	cfg := config(t)
	cfg.CacheElements, cfg.LargeView = 0, 1
	s := open(t, cfg)
	w.run(t, s, 400)
	s.background.Wait()
	for i := range 3 {
		at := w.now.Add(-time.Duration(i) * time.Millisecond)
		v, err := s.At(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if v.NodeCount()+v.EdgeCount() <= cfg.LargeView || len(s.builds) != cap(s.builds) || s.lent.Load() != 1 {
			t.Fatalf("%d nodes; %d of %d turns are taken, %d views in use", v.NodeCount(), len(s.builds), cap(s.builds), s.lent.Load())
		}
		short, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Slice(short, w.start(), w.now); !errors.Is(err, context.Canceled) {
			t.Errorf("a second view beside the first: %v", err)
		}
		runtime.KeepAlive(v)
	}
}

// TestIdleViews: what nobody asked for is let go, what was used stays.
func TestIdleViews(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	c := cache{limit: 100}
	for i := range int64(5) {
		c.put(cached{elements: 10, low: i * 10, high: i*10 + 10, used: at})
	}
	c.get(5, at.Add(time.Minute)) // the view is nil, and found
	c.idle(at)
	if len(c.views) != 5 || c.elements != 50 {
		t.Errorf("%d views, %d elements", len(c.views), c.elements)
	}
	c.idle(at.Add(time.Second))
	if len(c.views) != 1 || c.elements != 10 || c.views[0].low != 0 {
		t.Errorf("%d views, %d elements", len(c.views), c.elements)
	}
	c.idle(at.Add(2 * time.Minute))
	if len(c.views) != 0 || c.elements != 0 {
		t.Errorf("%d views, %d elements", len(c.views), c.elements)
	}
}

// TestLargeViewsTogether has one request use two large views: it does not wait
// for itself, and others wait until both have gone.
func TestLargeViewsTogether(t *testing.T) {
	w := newWorld(3)
	cfg := config(t)
	cfg.CacheElements, cfg.LargeView = 0, 1
	s := open(t, cfg)
	w.run(t, s, 400)
	s.background.Wait()
	large := 0
	ctx, cancel := context.WithTimeout(Holding(Together(t.Context()), func() { large++ }), 20*time.Second)
	defer cancel()
	before, err := s.At(ctx, w.now.Add(-time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	after, err := s.At(ctx, w.now)
	if err != nil {
		t.Fatalf("the second view of a request: %v", err)
	}
	if n := s.lent.Load(); n != 2 || large != 2 || len(s.builds) != cap(s.builds) {
		t.Errorf("%d views in use, %d told, %d turns taken", n, large, len(s.builds))
	}
	runtime.KeepAlive(before)
	for end := time.Now().Add(20 * time.Second); s.lent.Load() > 1 && time.Now().Before(end); {
		runtime.GC()
		runtime.Gosched()
	}
	if n := s.lent.Load(); n != 1 || len(s.builds) != cap(s.builds) {
		t.Errorf("one has gone: %d views in use, %d turns taken", n, len(s.builds))
	}
	runtime.KeepAlive(after)
	v, err := s.At(t.Context(), w.now.Add(-2*time.Millisecond))
	if err != nil || s.lent.Load() != 1 {
		t.Errorf("afterwards: %v, %d views in use", err, s.lent.Load())
	}
	runtime.KeepAlive(v)
}
