package pending

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSeesTheLast changes things and adds them, in a random order and from
// several goroutines: each was looked at after its last change, never twice at a
// time, and no more often than it was added.
func TestSeesTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const things = 20
		var now, seen [things]atomic.Int64
		var busy [things]atomic.Bool
		var looks, adds atomic.Int64
		q := New[int]()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			err := q.Run(ctx, 3, func(_ context.Context, k int) error {
				if !busy[k].CompareAndSwap(false, true) {
					t.Error("looked at twice at a time")
				}
				looks.Add(1)
				v := now[k].Load()
				time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
				seen[k].Store(v)
				busy[k].Store(false)
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		})
		for range 4 {
			wg.Go(func() {
				for range 500 {
					k := rand.IntN(things)
					now[k].Add(1)
					adds.Add(1)
					q.Add(k)
					if rand.IntN(10) == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		for k := range things {
			if seen[k].Load() != now[k].Load() {
				t.Errorf("%d is %d, seen %d", k, now[k].Load(), seen[k].Load())
			}
		}
		if len(q.order) != 0 || looks.Load() > adds.Load() || len(q.state) != 0 {
			t.Errorf("%d wait, %d looks for %d adds, %d states", len(q.order), looks.Load(), adds.Load(), len(q.state))
		}
		cancel()
		wg.Wait()
	})
}

// TestAddAfter: what asks to be looked at again whenever it is looked at is so
// once for each while, however often it is added besides.
func TestAddAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const adds, again = 100, 20
		q := New[string]()
		ctx, cancel := context.WithCancel(t.Context())
		looks := 0
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = q.Run(ctx, 1, func(context.Context, string) error {
				looks++
				q.AddAfter(time.Minute, "a")
				return nil
			})
		})
		for range adds {
			q.Add("a")
			time.Sleep(time.Millisecond)
		}
		time.Sleep(again * time.Minute)
		synctest.Wait()
		if looks != adds+again {
			t.Errorf("%d looks, want %d", looks, adds+again)
		}
		cancel()
		wg.Wait()
	})
}

func TestErrors(t *testing.T) {
	q := New[string]()
	q.Add("a")
	q.Add("a")
	if len(q.order) != 1 {
		t.Errorf("%d wait, want 1", len(q.order))
	}
	bad := errors.New("bad")
	if err := q.Run(t.Context(), 2, func(context.Context, string) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("ended with %v", err)
	}
	q.Add("a")
	if err := q.Run(t.Context(), 2, func(context.Context, string) error { panic("x") }); !errors.Is(err, errPanic) {
		t.Errorf("ended with %v", err)
	}
	if err := All(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
}
