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
			n, size, err := l.Size(context.Background())
			require.NoError(t, err)
			require.EqualValues(t, 10, n)
			require.Positive(t, size)
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
		_, err := l.Append(context.Background(), make([]byte, 64<<10))
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

func BenchmarkAppend(b *testing.B) {
	for _, d := range []Durability{Sync, Batched} {
		b.Run(string(d), func(b *testing.B) {
			cfg := DefaultConfig(b.TempDir())
			cfg.Durability = d
			l := open(b, cfg)
			record := make([]byte, 256<<10) // 1,000 events of 256 bytes
			b.SetBytes(int64(len(record)))
			for b.Loop() {
				if _, err := l.Append(context.Background(), record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
