package eventlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSalvage damages several places of a file, the numbers of records among
// them: of the whole ones none is lost, over a crash too, and there is nothing
// to be taken out a second time.
func TestSalvage(t *testing.T) {
	rng := rand.New(rand.NewSource(7)) //nolint:gosec // only places
	for round := range 10 {
		dir, records := crashed(t, 60, round%2 == 0)
		path := blocks(t, dir)[0]
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		s, err := newSums("SKEIN_EVENTS", 1)
		require.NoError(t, err)
		starts := starts(t, s, b)
		require.Len(t, starts, 60)
		hit := map[int]bool{}
		for range 1 + rng.Intn(5) {
			i := rng.Intn(55)
			hit[i] = true
			at := starts[i] + rng.Intn(starts[i+1]-starts[i])
			if rng.Intn(2) == 0 {
				at = starts[i] + rng.Intn(blockHead) // in its head
			}
			b[at] ^= 1 << rng.Intn(8)
		}
		require.NoError(t, os.WriteFile(path, b, 0o600))

		var w warnings
		l, err := Open(context.Background(), DefaultConfig(dir), slog.New(&w))
		require.NoError(t, err)
		require.Contains(t, w.text(), "taken out")
		_, err = l.Append(context.Background(), []byte("next"))
		require.NoError(t, err)
		again := t.TempDir()
		require.NoError(t, os.CopyFS(again, os.DirFS(dir))) // a crash
		require.NoError(t, l.Close())

		w = warnings{}
		l, err = Open(context.Background(), DefaultConfig(again), slog.New(&w))
		require.NoError(t, err)
		require.NotContains(t, w.text(), "taken out")
		got := map[uint64]string{}
		missing := uint64(0)
		err = l.Follow(t.Context(), 0, func(e Entry) error {
			got[e.Number] = string(e.Data)
			if missing += e.Missing; e.Number == 61 {
				return errEnd
			}
			return nil
		})
		require.ErrorIs(t, err, errEnd)
		require.EqualValues(t, len(hit), missing)
		require.Equal(t, "next", got[61])
		for i, r := range records {
			if !hit[i] {
				require.Equal(t, string(r), got[uint64(i+1)], "record %d, damaged: %v", i+1, hit)
			}
		}
		require.NoError(t, l.Close())
	}
}

// starts returns where the records of a whole file begin.
func starts(t *testing.T, s *sums, b []byte) (out []int) {
	for at := 0; at < len(b); {
		size, number, ok := s.record(b[at:])
		require.True(t, ok)
		require.EqualValues(t, len(out)+1, number)
		out = append(out, at)
		at += size
	}
	return out
}

func TestSalvageNothing(t *testing.T) {
	l := &Log{cfg: DefaultConfig(t.TempDir()), log: slog.New(slog.DiscardHandler)}
	require.NoError(t, l.salvage())
	msgs := filepath.Join(l.cfg.Dir, "jetstream", "A", "streams", "SKEIN_EVENTS", "msgs")
	require.NoError(t, os.MkdirAll(msgs, 0o700))
	for i, text := range []string{"", "short", "nothing of it is a record, but it is longer than one would be"} {
		path := filepath.Join(msgs, fmt.Sprint(i+1, ".blk"))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, l.salvage())
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(b))
	}
}

// whole returns a record as the server writes it.
func whole(s *sums, number uint64, subject, text string) []byte {
	b := make([]byte, blockHead, 100)
	binary.LittleEndian.PutUint64(b[4:], number)
	binary.LittleEndian.PutUint16(b[20:], uint16(len(subject))) //nolint:gosec // short
	b = append(append(b, subject...), text...)
	binary.LittleEndian.PutUint32(b, uint32(len(b)+8)) //nolint:gosec // short
	s.hash.Reset()
	_, _ = s.hash.Write(b[4:20])
	_, _ = s.hash.Write(b[blockHead:])
	return append(b, s.hash.Sum(nil)...)
}

// FuzzSalvage puts anything between two whole records: they stay, and when the
// damage is taken out there is none any more.
func FuzzSalvage(f *testing.F) {
	f.Add([]byte("\x40\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00 time...\x04\x00 and the rest of the record...................."))
	f.Add([]byte("time"))
	f.Fuzz(func(t *testing.T, middle []byte) {
		s, err := newSums("S", 1)
		if err != nil {
			t.Fatal(err)
		}
		first, last := whole(s, 1, "time", "first"), whole(s, 9, "time", "last")
		if len(middle) < blockLeast {
			middle = append(middle, make([]byte, blockLeast)...)
		}
		b := slices.Concat(first, middle, last)
		for _, d := range s.damage(b, "time") {
			if d.at < len(first) || d.size < blockLeast || d.at+d.size > len(b)-len(last) {
				t.Fatalf("%+v of %d bytes", d, len(b))
			}
			copy(b[d.at:], s.erased(d))
		}
		if again := s.damage(b, "time"); len(again) > 0 {
			t.Fatalf("damage stays: %+v", again)
		}
		for at := 0; ; {
			size, number, ok := s.record(b[at:])
			if !ok {
				t.Fatalf("cannot be read at %d of %d", at, len(b))
			}
			if at += size; at == len(b) {
				if number != 9 {
					t.Fatalf("ends with %d", number)
				}
				return
			}
		}
	})
}
