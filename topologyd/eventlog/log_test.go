package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func records(t *testing.T, l *Log, after uint64) (out []string) {
	t.Helper()
	next := uint64(0)
	require.NoError(t, l.Replay(context.Background(), after, func(n uint64, b []byte) error {
		if next != 0 {
			require.Equal(t, next, n)
		}
		next = n + 1
		out = append(out, string(b))
		return nil
	}))
	return out
}

func TestAppendAndReplay(t *testing.T) {
	for _, d := range []Durability{Sync, Batched} {
		t.Run(string(d), func(t *testing.T) {
			cfg := DefaultConfig(t.TempDir())
			cfg.Durability = d
			l := open(t, cfg)
			require.Empty(t, records(t, l, 0))
			for i := range 10 {
				n, err := l.Append(context.Background(), fmt.Appendf(nil, "r%d", i))
				require.NoError(t, err)
				require.EqualValues(t, i+1, n)
			}
			require.NoError(t, l.Close())

			l = open(t, cfg)
			require.Len(t, records(t, l, 0), 10)
			require.Equal(t, []string{"r8", "r9"}, records(t, l, 8))
			require.Empty(t, records(t, l, 10))
			stop := errors.New("stop")
			require.ErrorIs(t, l.Replay(context.Background(), 0, func(uint64, []byte) error { return stop }), stop)
		})
	}
}

func TestRetentionDropsTheOldest(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.MaxBytes = 1 << 20
	l := open(t, cfg)
	for range 40 {
		_, err := l.Append(context.Background(), noise(64<<10))
		require.NoError(t, err)
	}
	got := records(t, l, 1)
	require.NotEmpty(t, got)
	require.Less(t, len(got), 20)
}

func TestDirectoryIsLocked(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	open(t, cfg)
	_, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "is held by process")
}

// BenchmarkPublish stores records of 1,000 interfaces, eight in flight.
func BenchmarkPublish(b *testing.B) {
	for _, d := range []Durability{Sync, Batched} {
		b.Run(string(d), func(b *testing.B) {
			cfg := DefaultConfig(b.TempDir())
			cfg.Durability = d
			l := open(b, cfg)
			var ready [16][]byte
			for i := range ready {
				ready[i] = AppendRecord(nil, interfaces(1000, i))
			}
			flight := make(chan struct{}, 8)
			n := 0
			for b.Loop() {
				flight <- struct{}{}
				if err := l.Publish(ready[n%len(ready)], func(_ uint64, err error) {
					if err != nil {
						b.Error(err)
					}
					<-flight
				}); err != nil {
					b.Fatal(err)
				}
				n++
			}
			for range cap(flight) {
				flight <- struct{}{}
			}
			b.ReportMetric(float64(n)*1000/b.Elapsed().Seconds(), "events/s")
			_, _, bytes, err := l.Bounds(context.Background())
			require.NoError(b, err)
			b.ReportMetric(float64(bytes)/float64(n)/1000, "diskB/event")
		})
	}
}

// BenchmarkFollow reads them back.
func BenchmarkFollow(b *testing.B) {
	cfg := DefaultConfig(b.TempDir())
	cfg.Durability = Batched
	l := open(b, cfg)
	const n = 500
	for i := range n {
		_, err := l.Append(context.Background(), AppendRecord(nil, interfaces(1000, i)))
		require.NoError(b, err)
	}
	for b.Loop() {
		err := l.Follow(context.Background(), 0, func(e Entry) error {
			if e.Number == n {
				return errEnd
			}
			return nil
		})
		require.ErrorIs(b, err, errEnd)
	}
	b.ReportMetric(float64(b.N)*n*1000/b.Elapsed().Seconds(), "events/s")
}
