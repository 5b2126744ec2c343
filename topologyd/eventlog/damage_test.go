package eventlog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crashed fills a log and returns a copy of its directory as kill -9 would have
// left it: nothing was flushed or closed.
func crashed(t *testing.T, n int, graceful bool) (dir string, records [][]byte) {
	t.Helper()
	cfg := DefaultConfig(t.TempDir())
	l := open(t, cfg)
	r := rand.New(rand.NewSource(1)) //nolint:gosec // only content
	for i := range n {
		b := make([]byte, 1000+r.Intn(1000))
		r.Read(b)
		records = append(records, append(fmt.Appendf(nil, "record %d ", i+1), b...))
		_, err := l.Append(context.Background(), records[i])
		require.NoError(t, err)
	}
	if graceful {
		require.NoError(t, l.Close())
	}
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(cfg.Dir)))
	return dir, records
}

// blocks returns the files of the stream's messages, the newest last.
func blocks(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "SKEIN_EVENTS", "msgs", "*.blk"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	slices.Sort(files)
	return files
}

// warnings collects what is logged as a warning or worse.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler           { return w }
func (w *warnings) WithGroup(string) slog.Handler                { return w }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
	return nil
}

func (w *warnings) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.all, "\n")
}

// TestDamagedFiles opens logs whose newest file is damaged, after a graceful
// end and after a crash: all that can be read is there under its number, what
// is lost is told, numbers are not used twice, and the log goes on.
func TestDamagedFiles(t *testing.T) {
	torn := func(b []byte) []byte { return b[:len(b)-500] }
	end := func(b []byte) []byte { b[len(b)-500] ^= 4; return b }
	middle := func(b []byte) []byte { b[len(b)/2] ^= 4; return b }
	zeros := func(b []byte) []byte { clear(b[len(b)-1000:]); return b }
	head := func(b []byte) []byte { b[2] ^= 0x40; return b }
	for _, x := range []struct {
		name     string
		graceful bool
		damage   func([]byte) []byte
		lost     []uint64 // first and last
		warning  string
	}{
		{"crash, intact", false, func(b []byte) []byte { return b }, nil, ""},
		{"crash, torn", false, torn, []uint64{100, 100}, "first=100 last=100 records=1"},
		{"crash, flipped at the end", false, end, []uint64{100, 100}, "first=100 last=100 records=1"},
		{"crash, flipped in the middle", false, middle, []uint64{51, 51}, "after=50 records=1"},
		{"crash, first length flipped", false, head, []uint64{1, 1}, "after=0 records=1"},
		{"crash, end of zeros", false, zeros, []uint64{100, 100}, "first=100 last=100 records=1"},
		{"stopped, torn", true, torn, []uint64{100, 100}, "records of the event log are gone after=99 missing=1"},
		{"stopped, flipped at the end", true, end, []uint64{100, 100}, "records of the event log are gone after=99 missing=1"},
		{"stopped, flipped in the middle", true, middle, []uint64{51, 51}, "records of the event log are gone after=50 missing=1"},
		{"stopped, first length flipped", true, head, []uint64{1, 1}, "after=0 records=1"},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir, records := crashed(t, 100, x.graceful)
			files := blocks(t, dir)
			path := files[len(files)-1]
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, x.damage(b), 0o640))

			for _, appended := range []bool{false, true} { // and after what follows is there, too
				var w warnings
				l, err := Open(context.Background(), DefaultConfig(dir), slog.New(&w))
				require.NoError(t, err)
				_, last, _, err := l.Bounds(context.Background())
				require.NoError(t, err)
				if !appended {
					require.EqualValues(t, 100, last)
				}
				got := map[uint64][]byte{}
				missing := uint64(0)
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				err = l.Follow(ctx, 0, func(e Entry) error {
					missing += e.Missing
					if e.Data != nil {
						got[e.Number] = e.Data
					}
					if e.Number >= last {
						return errEnd
					}
					return nil
				})
				cancel()
				require.ErrorIs(t, err, errEnd)
				require.EqualValues(t, last, uint64(len(got))+missing)
				for i, record := range records {
					n := uint64(i + 1)
					if x.lost != nil && n >= x.lost[0] && n <= x.lost[1] {
						require.NotContains(t, got, n)
					} else {
						require.True(t, bytes.Equal(record, got[n]), "record %d", n)
					}
				}
				if !appended {
					require.Contains(t, w.text(), x.warning)
				}
				n, err := l.Append(context.Background(), []byte("next"))
				require.NoError(t, err)
				require.Equal(t, last+1, n)
				require.NoError(t, l.Close())
			}
		})
	}
}

func FuzzLastInBlock(f *testing.F) {
	f.Add([]byte("\x40\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00 time...\x04\x00 and the rest of the record...................."))
	f.Fuzz(func(t *testing.T, b []byte) {
		if last := lastInBlock(b, "time"); last > 0 && len(b) < blockHead {
			t.Fatalf("record %d in %d bytes", last, len(b))
		}
	})
}
