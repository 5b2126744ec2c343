package eventlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// noise returns bytes that nothing makes smaller.
// It begins as every record does: what begins otherwise may be taken for packed.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	b[0] = recordVersion
	return b
}

// outcome collects what Publish told.
type outcome struct {
	mu      sync.Mutex
	calls   map[int]int
	numbers map[int]uint64
	errs    map[int]error
	wait    sync.WaitGroup
}

func (o *outcome) done(i int) func(uint64, error) {
	o.wait.Add(1)
	return func(n uint64, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.calls == nil {
			o.calls, o.numbers, o.errs = map[int]int{}, map[int]uint64{}, map[int]error{}
		}
		o.calls[i]++
		if err != nil {
			o.errs[i] = err
		} else {
			o.numbers[i] = n
		}
		o.wait.Done()
	}
}

// follow collects what Follow delivers until stop is called.
type followed struct {
	mu      sync.Mutex
	entries []Entry
	ended   chan error
	stop    context.CancelFunc
}

func follow(t testing.TB, l *Log, after uint64) *followed {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &followed{ended: make(chan error, 1), stop: cancel}
	go func() {
		f.ended <- l.Follow(ctx, after, func(e Entry) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.entries = append(f.entries, e)
			return nil
		})
	}()
	t.Cleanup(cancel)
	return f
}

func (f *followed) all() []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Entry(nil), f.entries...)
}

// newest is the number of the last entry, and how many there are: all copies
// them, which is too much to ask every few milliseconds.
func (f *followed) newest() (number uint64, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n = len(f.entries); n > 0 {
		number = f.entries[n-1].Number
	}
	return number, n
}

func (f *followed) until(t testing.TB, n int) []Entry {
	t.Helper()
	require.Eventually(t, func() bool { _, got := f.newest(); return got >= n }, 30*time.Second, 5*time.Millisecond, "want %d records", n)
	return f.all()
}

func TestPublishIsFollowedInOrder(t *testing.T) {
	for _, d := range []Durability{Sync, Batched} {
		t.Run(string(d), func(t *testing.T) {
			cfg := DefaultConfig(t.TempDir())
			cfg.Durability, cfg.Queue = d, 2000
			l := open(t, cfg)
			require.NotEmpty(t, l.ID())
			f := follow(t, l, 0)
			const n = 500
			var o outcome
			for i := range n {
				require.NoError(t, l.Publish(fmt.Appendf(nil, "r%d", i), o.done(i)))
			}
			o.wait.Wait()
			require.Empty(t, o.errs)
			for i, e := range f.until(t, n) {
				require.Equal(t, 1, o.calls[i])
				require.EqualValues(t, i+1, o.numbers[i])
				require.EqualValues(t, i+1, e.Number)
				require.Zero(t, e.Missing)
				require.Equal(t, fmt.Sprintf("r%d", i), string(e.Data))
			}
			first, last, bytes, err := l.Bounds(context.Background())
			require.NoError(t, err)
			require.EqualValues(t, 1, first)
			require.EqualValues(t, n, last)
			require.Positive(t, bytes)
			late := follow(t, l, n-3)
			require.EqualValues(t, n-2, late.until(t, 3)[0].Number)
			late.stop()
			require.ErrorIs(t, <-late.ended, context.Canceled)
			f.stop()
			require.ErrorIs(t, <-f.ended, context.Canceled)

			id := l.ID()
			require.NoError(t, l.Close())
			require.Equal(t, id, open(t, cfg).ID())
		})
	}
}

func TestFollowTellsWhatIsGone(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.MaxBytes = 1 << 20
	l := open(t, cfg)
	for range 40 {
		_, err := l.Append(context.Background(), noise(64<<10))
		require.NoError(t, err)
	}
	first, last, _, err := l.Bounds(context.Background())
	require.NoError(t, err)
	require.Greater(t, first, uint64(20))
	f := follow(t, l, 2)
	got := f.until(t, int(last-first+1))
	require.EqualValues(t, first, got[0].Number)
	require.EqualValues(t, first-3, got[0].Missing)
	require.Zero(t, got[1].Missing)
	require.Zero(t, got[len(got)-1].Pending)
}

func TestFollowBeyondTheEnd(t *testing.T) {
	l := open(t, DefaultConfig(t.TempDir()))
	_, err := l.Append(context.Background(), []byte("x"))
	require.NoError(t, err)
	var rewound *RewoundError
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.ErrorAs(t, l.Follow(ctx, 1<<40, func(Entry) error { return nil }), &rewound)
	require.Equal(t, RewoundError{After: 1 << 40, Last: 1}, *rewound)
	// Somebody knows records that the log has lost: their numbers are not used again.
	f := follow(t, l, 5)
	require.Eventually(t, func() bool { _, last, _, err := l.Bounds(ctx); return err == nil && last == 5 }, 10*time.Second, time.Millisecond)
	n, err := l.Append(ctx, []byte("y"))
	require.NoError(t, err)
	require.EqualValues(t, 6, n)
	require.Equal(t, Entry{Number: 6, Data: []byte("y")}, f.until(t, 1)[0])
	g := follow(t, l, 0)
	got := g.until(t, 2)
	require.Zero(t, got[0].Missing)
	require.EqualValues(t, 4, got[1].Missing)
}

func TestPublishIsBounded(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.Queue, cfg.QueueBytes, cfg.Timeout = 3, 1<<20, 300*time.Millisecond
	l := open(t, cfg)
	require.ErrorContains(t, l.Publish(make([]byte, MaxRecord+1), nil), "are possible")
	var largest atomic.Uint64
	require.NoError(t, l.Publish(make([]byte, MaxRecord), func(n uint64, err error) { largest.Store(n) }))
	require.Eventually(t, func() bool { return largest.Load() == 1 }, 10*time.Second, time.Millisecond)

	l.srv.stop() // nobody answers any more
	var o outcome
	require.NoError(t, l.Publish(make([]byte, 700<<10), o.done(0)))
	require.ErrorIs(t, l.Publish(make([]byte, 700<<10), o.done(9)), ErrFull)
	o.wait.Done()
	require.NoError(t, l.Publish([]byte("x"), o.done(1)))
	require.NoError(t, l.Publish([]byte("x"), o.done(2)))
	require.ErrorIs(t, l.Publish([]byte("x"), o.done(9)), ErrFull)
	o.wait.Done()
	o.wait.Wait()
	for i := range 3 {
		require.ErrorIs(t, o.errs[i], ErrTimeout)
		require.ErrorContains(t, o.errs[i], "not connected")
	}
	require.NoError(t, l.Publish([]byte("x"), o.done(3)))
	require.NoError(t, l.Close())
	o.wait.Wait()
	require.ErrorIs(t, o.errs[3], ErrClosed)
	require.ErrorIs(t, l.Publish([]byte("x"), nil), ErrClosed)
	require.ErrorContains(t, l.Publish(nil, nil), "0 bytes")
}

// TestServerIsReplaced stops the server under a load: all goes on with the next
// one, in order, and nothing is stored twice.
func TestServerIsReplaced(t *testing.T) {
	l := open(t, DefaultConfig(t.TempDir()))
	f := follow(t, l, 0)
	const n = 400
	var o outcome
	for i := range n {
		for l.Publish(fmt.Appendf(nil, "r%d", i), o.done(i)) != nil {
			o.wait.Done()
			time.Sleep(time.Millisecond) // the queue is full: that is the load
		}
		if i == n/3 || i == n/2 {
			l.srv.stop()
			require.NoError(t, l.srv.start())
		}
	}
	o.wait.Wait()
	require.Empty(t, o.errs)
	for i, e := range f.until(t, n) {
		require.Equal(t, fmt.Sprintf("r%d", i), string(e.Data))
		require.Equal(t, o.numbers[i], e.Number)
	}
}
