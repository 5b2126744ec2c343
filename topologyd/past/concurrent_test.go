package past

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/graph"
)

// TestConcurrent asks from several goroutines while the store is written and
// old segments go; afterwards what the cache holds is right as well.
func TestConcurrent(t *testing.T) {
	w := newWorld(20)
	cfg := config(t)
	cfg.SegmentChanges, cfg.MaxAge, cfg.CacheElements = 200, 5*time.Second, 2000
	s := open(t, cfg)
	w.run(t, s, 20)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for ctx.Err() == nil {
				oldest, newest, revision := s.Bounds()
				at := oldest.Add(time.Duration(rng.Int64N(int64(newest.Sub(oldest) + 1))))
				var err error
				switch rng.IntN(8) {
				case 0:
					_, err = s.Slice(ctx, at, newest)
				case 1:
					_, err = s.History(ctx, w.entity(), time.Time{}, newest, 5)
				case 2:
					err = s.Changes(ctx, revision, func([]graph.Change) error { return nil })
				case 3:
					short, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(500))*time.Microsecond)
					_, err = s.At(short, at)
					cancel()
				default:
					_, err = s.At(ctx, at)
				}
				if err != nil && !errors.As(err, &ErrTooOld{}) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
					return
				}
			}
		}()
	}
	for range 30 {
		w.run(t, s, 10)
		require.NoError(t, s.Sync())
	}
	stop()
	wg.Wait()
	s.background.Wait()
	w.check(t, s, w.model, 60)
	st := s.Stats()
	require.LessOrEqual(t, st.Elements, cfg.CacheElements)
	require.Positive(t, st.Cached)
	require.Positive(t, st.ExpiredAge)
}

// TestClosed answers nothing after Close.
func TestClosed(t *testing.T) {
	w := newWorld(21)
	s := open(t, config(t))
	w.run(t, s, 5)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	at, record, changes := w.step()
	require.ErrorIs(t, s.Append(at, record, changes), ErrClosed)
	require.ErrorIs(t, s.Sync(), ErrClosed)
	_, err := s.At(t.Context(), at)
	require.ErrorIs(t, err, ErrClosed)
	_, err = s.Slice(t.Context(), at, at)
	require.ErrorIs(t, err, ErrClosed)
	_, err = s.History(t.Context(), w.entity(), at, at, 1)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, s.Changes(t.Context(), 0, nil), ErrClosed)
	require.False(t, s.Due())
	s.Base(w.g.View(), at, record)
}

// TestEmpty is a store that has seen nothing.
func TestEmpty(t *testing.T) {
	s := open(t, config(t))
	require.False(t, s.Due())
	v, err := s.At(t.Context(), t0)
	require.NoError(t, err)
	require.Zero(t, v.NodeCount())
	oldest, newest, revision := s.Bounds()
	require.True(t, oldest.IsZero() && newest.IsZero())
	require.Zero(t, revision)

	// One that began with a graph that was there before wants a base.
	w := newWorld(22)
	w.step()
	at, record, changes := w.step()
	require.NoError(t, s.Append(at, record, changes))
	require.True(t, s.Due())
	_, err = s.At(t.Context(), t0)
	require.ErrorAs(t, err, &ErrTooOld{})
	s.Base(w.g.View(), at, record)
	s.background.Wait()
	v, err = s.At(t.Context(), at)
	require.NoError(t, err)
	require.Equal(t, dump(w.g.View()), dump(v))
	_, err = s.At(t.Context(), at.Add(-time.Second))
	require.ErrorAs(t, err, &ErrTooOld{})
}

// TestTooLarge bounds slices.
func TestTooLarge(t *testing.T) {
	w := newWorld(23)
	cfg := config(t)
	cfg.MaxSlice = 50
	s := open(t, cfg)
	w.run(t, s, 100)
	_, err := s.Slice(t.Context(), time.Time{}, w.now)
	require.ErrorIs(t, err, ErrTooLarge)
}
