package past

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// full fills a store with some segments and closes it.
func full(t testing.TB, cfg Config, w *world, records int) {
	t.Helper()
	w.settle = true
	s, err := Open(cfg, quiet())
	require.NoError(t, err)
	w.run(t, s, records)
	require.NoError(t, s.Close())
}

// check compares a store with a model at random times.
func (w *world) check(t testing.TB, s *Store, m model, moments int) {
	t.Helper()
	oldest, _, _ := s.Bounds()
	for range moments {
		at := w.moment()
		if at.UnixMilli() < oldest.UnixMilli() {
			at = oldest
		}
		v, err := s.At(t.Context(), at)
		require.NoError(t, err)
		require.Equal(t, m.at(at.UnixMilli()), dump(v), "at %d", at.UnixMilli())
	}
}

// upTo returns the changes up to a revision.
func (m model) upTo(revision uint64) model { return m[:revision] }

// TestTornTail cuts the last file, which a crash left open, at every length:
// what is whole is there, the rest is handed over again and the past is
// complete.
func TestTornTail(t *testing.T) {
	w := newWorld(1)
	cfg := config(t)
	cfg.SegmentChanges = 1 << 20
	s, err := Open(cfg, quiet())
	require.NoError(t, err)
	w.run(t, s, 12)
	require.NoError(t, s.Sync())
	last := files(t, cfg.Dir, "*"+suffixChanges)[0]
	whole := read(t, last)
	require.NoError(t, s.Close())
	step := max(1, len(whole)/150)
	for n := 0; n <= len(whole); n += step {
		cfg := config(t)
		require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, filepath.Base(last)), whole[:n], 0o600))
		s, err := Open(cfg, quiet())
		require.NoError(t, err, "first %d bytes", n)
		revision := s.Revision()
		if revision > 0 {
			w.check(t, s, w.model.upTo(revision), 2)
		}
		var rest []graph.Change
		for _, x := range w.model[revision:] {
			rest = append(rest, x.change)
		}
		require.NoError(t, s.Append(w.now, w.record, rest))
		require.Equal(t, len(w.model), int(s.Revision()))
		w.check(t, s, w.model, 2)
		require.NoError(t, s.Close())
		require.Empty(t, s.Stats().LostRevisions)
	}
}

// TestFlips changes single bits all over a store. Opening and asking never
// fails, the damage is counted, and what is answered is right but for the
// elements that were changed in the frame that is gone.
func TestFlips(t *testing.T) {
	w := newWorld(2)
	cfg := config(t)
	cfg.SegmentChanges = 150
	full(t, cfg, w, 100)
	names := files(t, cfg.Dir, "*")
	require.Greater(t, len(names), 5)
	rng := rand.New(rand.NewPCG(9, 9))
	damaged, lost := 0, 0
	for range 120 {
		dir := t.TempDir()
		hit := names[rng.IntN(len(names))]
		for _, name := range names {
			b := read(t, name)
			if name == hit {
				b = slices.Clone(b)
				b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600))
		}
		damagedCfg := cfg
		damagedCfg.Dir = dir
		s, err := Open(damagedCfg, quiet())
		require.NoError(t, err, hit)
		touched := w.answersOf(t, s)
		st := s.Stats()
		if st.LostRevisions+uint64(st.TornBytes)+st.BadBases+st.LostFiles > 0 {
			damaged++
		}
		for l := range s.lost {
			lost++
			for _, x := range w.model[l.from-1 : l.to] {
				delete(touched, id(&x.change).String())
			}
			// What the lost changes say of the ends of edges is gone with them.
			for _, x := range w.model {
				if e := x.change.Edge; e != nil {
					for _, y := range w.model[l.from-1 : l.to] {
						if n := y.change.Node; n != nil && (n.ID == e.Parent || n.ID == e.Child) {
							delete(touched, e.ID.String())
						}
					}
				}
			}
		}
		if st.TornBytes == 0 {
			require.Empty(t, touched, "%s: wrong without having been in what was lost", hit)
		}
		require.NoError(t, s.Close())
	}
	require.Greater(t, damaged, 60)
	require.Greater(t, lost, 10)
}

// answersOf asks for random times and returns the IDs of the elements for
// which the answer is not that of the model.
func (w *world) answersOf(t testing.TB, s *Store) map[string]bool {
	wrong := map[string]bool{}
	for range 12 {
		at := w.moment()
		v, err := s.At(t.Context(), at)
		if errors.As(err, &ErrTooOld{}) {
			continue
		}
		require.NoError(t, err)
		want, got := w.model.at(at.UnixMilli()), dump(v)
		for _, a := range want {
			if !slices.Contains(got, a) {
				wrong[a[7:43]] = true
			}
		}
		for _, a := range got {
			if !slices.Contains(want, a) {
				wrong[a[7:43]] = true
			}
		}
	}
	return wrong
}

// TestBadBase damages the newest base: the one before it stands in.
func TestBadBase(t *testing.T) {
	w := newWorld(3)
	cfg := config(t)
	full(t, cfg, w, 200)
	bases := files(t, cfg.Dir, "*"+suffixBase)
	require.Greater(t, len(bases), 2)
	for _, name := range bases[1:] {
		b := read(t, name)
		b[len(b)/2] ^= 4
		require.NoError(t, os.WriteFile(name, b, 0o600))
	}
	s := open(t, cfg)
	w.check(t, s, w.model, 30)
	require.Positive(t, s.Stats().BadBases)
	w.run(t, s, 20)
	w.check(t, s, w.model, 10)
}

// TestNewerVersion refuses a directory of a later format and leaves it as it
// is.
func TestNewerVersion(t *testing.T) {
	for _, suffix := range []string{suffixChanges, suffixBase} {
		w := newWorld(4)
		cfg := config(t)
		full(t, cfg, w, 100)
		name := files(t, cfg.Dir, "*"+suffix)[0]
		b := read(t, name)
		b[magicLen]++
		at := magicLen + 1 + frameHead + 1
		b[at]++
		_, end, _ := frameAt(string(read(t, name)), magicLen+1)
		endFrame(b[:end], magicLen+1)
		require.NoError(t, os.WriteFile(name, b, 0o600))
		before := files(t, cfg.Dir, "*")
		_, err := Open(cfg, quiet())
		require.ErrorIs(t, err, ErrNewer)
		require.ErrorContains(t, err, "version 2, this daemon reads up to 1; use a newer daemon")
		require.Equal(t, before, files(t, cfg.Dir, "*"))
	}
}

func TestOtherLog(t *testing.T) {
	w := newWorld(4)
	cfg := config(t)
	cfg.Log = "one"
	full(t, cfg, w, 100)
	full(t, cfg, w, 1)
	cfg.Log = "two"
	_, err := Open(cfg, quiet())
	require.ErrorIs(t, err, ErrOtherLog)
}

// TestReadOnly refuses a directory that cannot be written.
func TestReadOnly(t *testing.T) {
	w := newWorld(4)
	cfg := config(t)
	full(t, cfg, w, 10)
	if os.Geteuid() == 0 {
		mount(t, cfg.Dir, "ro")
	} else {
		require.NoError(t, os.Chmod(cfg.Dir, 0o500))
	}
	_, err := Open(cfg, quiet())
	require.ErrorContains(t, err, "open past")
	require.ErrorContains(t, err, "must be able to write there")
}

// TestDiskFull runs out of room on a real file system: what is whole stays, and
// it goes on with a base when there is room again.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a small file system can be mounted by root only")
	}
	cfg := config(t)
	mount(t, cfg.Dir, "size=256k")
	ballast := filepath.Join(cfg.Dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 128<<10), 0o600))
	cfg.SegmentChanges = 1 << 20
	s, err := Open(cfg, quiet())
	require.NoError(t, err)
	testFull(t, cfg, s, func() { require.NoError(t, os.Remove(ballast)) })
}

// TestWriteFails does the same with a writer that refuses.
func TestWriteFails(t *testing.T) {
	cfg := config(t)
	cfg.SegmentChanges = 1 << 20
	s, err := Open(cfg, quiet())
	require.NoError(t, err)
	room := 100 << 10
	s.create = func(path string) (file, error) {
		f, err := createFile(path)
		return &small{f, &room}, err
	}
	testFull(t, cfg, s, func() { room = 1 << 30 })
}

// small is a file on a disk with little room.
type small struct {
	file
	room *int
}

func (f *small) Write(b []byte) (int, error) {
	n := min(len(b), *f.room)
	*f.room -= n
	if n < len(b) {
		m, _ := f.file.Write(b[:n])
		return m, syscall.ENOSPC
	}
	return f.file.Write(b)
}

func testFull(t *testing.T, cfg Config, s *Store, relieve func()) {
	clock := t0
	s.now = func() time.Time { return clock }
	w := newWorld(5)
	failed := 0
	for range 4000 {
		at, record, changes := w.step()
		if err := s.Append(at, record, changes); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			failed++
		} else if failed == 0 && w.record%20 == 0 {
			if err := s.Sync(); err != nil {
				require.ErrorIs(t, err, syscall.ENOSPC)
				failed++
			}
		}
		if failed > 0 && s.Stats().DroppedDisk > 100 {
			break
		}
	}
	require.Equal(t, 1, failed, "the error is returned once")
	kept := s.Revision()
	require.Less(t, kept, uint64(len(w.model)))
	require.False(t, s.Due(), "not at once")
	_, newest, _ := s.Bounds()
	st := s.Stats()
	require.Equal(t, uint64(len(w.model))-kept, st.DroppedDisk)
	require.Equal(t, uint64(1), st.DiskErrors)
	v, err := s.At(t.Context(), w.now)
	require.NoError(t, err)
	require.Equal(t, kept, v.Revision())

	clock = clock.Add(time.Minute)
	require.True(t, s.Due())
	relieve()
	s.Base(w.g.View(), w.now, w.record)
	s.background.Wait()
	require.False(t, s.Due())
	gap := w.now
	healed := len(w.model)
	for range 50 {
		at, record, changes := w.step()
		require.NoError(t, s.Append(at, record, changes))
	}
	check := func(s *Store) {
		for range 20 {
			at := t0.Add(time.Duration(w.rng.Int64N(int64(newest.Sub(t0)))))
			v, err := s.At(t.Context(), at)
			require.NoError(t, err)
			// Late changes of after the gap may be missing where they build on what was
			// lost; what was known by then is there.
			if late := w.model[kept:]; !slices.ContainsFunc(late, func(e entry) bool { return e.valid <= at.UnixMilli() }) {
				require.Equal(t, w.model.upTo(kept).at(at.UnixMilli()), dump(v))
			}
		}
		for range 20 {
			at := gap.Add(time.Duration(w.rng.Int64N(int64(w.now.Sub(gap) + 1))))
			v, err := s.At(t.Context(), at)
			require.NoError(t, err)
			require.Equal(t, w.model.at(at.UnixMilli()), dump(v))
		}
		var got []graph.Change
		err := s.Changes(t.Context(), 0, func(c []graph.Change) error {
			got = append(got, c...)
			return nil
		})
		var old ErrTooOld
		require.ErrorAs(t, err, &old)
		require.Len(t, got, int(kept), "all that there is before the gap")
		require.Equal(t, uint64(healed), old.Revision)
		require.NoError(t, s.Changes(t.Context(), old.Revision, func(c []graph.Change) error { return nil }))
	}
	check(s)
	require.NoError(t, s.Close())
	check(open(t, cfg))
}

// TestHeals damages changes after the newest base: once that is noticed a base
// is due, from which on everything is right again.
func TestHeals(t *testing.T) {
	cfg := config(t)
	cfg.SegmentChanges = 1 << 20
	w := newWorld(11)
	full(t, cfg, w, 60)
	names := files(t, cfg.Dir, "*"+suffixChanges)
	b := read(t, names[0])
	b[len(b)/4] ^= 0x20
	require.NoError(t, os.WriteFile(names[0], b, 0o600))

	s := open(t, cfg)
	require.False(t, s.Due())
	_, err := s.At(t.Context(), w.now.Add(-time.Millisecond))
	require.NoError(t, err)
	require.NotZero(t, s.Stats().LostRevisions)
	require.True(t, s.Due())
	s.Base(w.g.View(), w.now, w.record)
	s.background.Wait()
	require.False(t, s.Due())
	from := w.now
	w.run(t, s, 40)
	for _, at := range []time.Time{from, w.now.Add(-time.Millisecond), w.now} {
		v, err := s.At(t.Context(), at)
		require.NoError(t, err)
		require.Equal(t, w.model.at(at.UnixMilli()), dump(v))
	}
	require.NoError(t, s.Close())
	require.False(t, open(t, cfg).Due())
}

// TestHole hands over changes with some missing.
func TestHole(t *testing.T) {
	cfg := config(t)
	cfg.SegmentChanges = 1 << 20
	s := open(t, cfg)
	w := newWorld(6)
	w.run(t, s, 30)
	before, kept := w.now, s.Revision()
	known := dump(w.g.View())
	for range 5 {
		w.step() // never handed over
	}
	lost := w.now
	at, record, changes := w.step()
	require.NoError(t, s.Append(at, record, changes))
	require.Equal(t, kept, s.Revision(), "it does not pretend")
	require.True(t, s.Due())
	st := s.Stats()
	require.Equal(t, uint64(1), st.Holes)
	require.Equal(t, uint64(len(changes)), st.DroppedHole)
	s.Base(w.g.View(), at, record)
	require.Equal(t, w.g.Revision(), s.Revision())
	w.run(t, s, 30)
	s.background.Wait()
	require.False(t, s.Due())
	v, err := s.At(t.Context(), before)
	require.NoError(t, err)
	if late := w.model[kept:]; !slices.ContainsFunc(late, func(e entry) bool { return e.valid <= lost.UnixMilli() && e.log > at.UnixMilli() }) {
		v, err := s.At(t.Context(), lost)
		require.NoError(t, err)
		require.Equal(t, known, dump(v), "inside the hole: what was known before it")
	}
	require.NotNil(t, v)
	v, err = s.At(t.Context(), at)
	require.NoError(t, err)
	require.Equal(t, w.model.at(at.UnixMilli()), dump(v))
	require.ErrorAs(t, s.Changes(t.Context(), kept-1, func([]graph.Change) error { return nil }), &ErrTooOld{})
}

// TestReplay hands the same changes over again, as after a restart.
func TestReplay(t *testing.T) {
	cfg := config(t)
	s := open(t, cfg)
	w := newWorld(7)
	var all []graph.Change
	for range 60 {
		at, record, changes := w.step()
		all = append(all, changes...)
		require.NoError(t, s.Append(at, record, changes))
		require.NoError(t, s.Append(at, record, all))
	}
	require.Equal(t, uint64(len(w.model)), s.Stats().Appended)
	require.Zero(t, s.Stats().Holes)
	w.check(t, s, w.model, 20)
}

// TestRetention keeps what was promised and removes the rest.
func TestRetention(t *testing.T) {
	t.Run("by age", func(t *testing.T) {
		w := newWorld(10)
		cfg := config(t)
		cfg.SegmentChanges, cfg.MaxAge = 100, 2*time.Second
		cfg.FileNames = 30
		s := open(t, cfg)
		for range 40 {
			w.run(t, s, 10)
			s.background.Wait()
			oldest, _, revision := s.Bounds()
			require.False(t, oldest.After(later(w.now.Add(-cfg.MaxAge), w.start())), "all that is promised is there")
			w.check(t, s, w.model, 2)
			if revision > 0 {
				_, err := s.At(t.Context(), oldest.Add(-time.Millisecond))
				var old ErrTooOld
				require.ErrorAs(t, err, &old)
				require.Equal(t, oldest, old.Oldest)
				require.ErrorAs(t, s.Changes(t.Context(), revision-1, nil), &old)
				require.Equal(t, revision, old.Revision)
			}
		}
		require.Positive(t, s.Stats().ExpiredAge)
		require.Zero(t, s.Stats().ExpiredBytes)
		// What made the states of the oldest base is not known any more; the states
		// are.
		oldest, _, revision := s.Bounds()
		v, err := s.At(t.Context(), oldest)
		require.NoError(t, err)
		unknown := 0
		for n := range v.Nodes() {
			list, err := s.History(t.Context(), n.ID, time.Time{}, w.now, 0)
			require.NoError(t, err)
			require.NotEmpty(t, list)
			if first := list[0]; first.Revision == 0 {
				unknown++
				require.True(t, first.LogTime.IsZero())
				require.Empty(t, first.Changed)
				require.Equal(t, plainNode(w.model.upTo(revision).last(n.ID).Node), plainNode(first.Node))
			}
		}
		require.Positive(t, unknown)
		require.Less(t, s.Stats().Files, 12)
	})
	t.Run("by bytes", func(t *testing.T) {
		w := newWorld(11)
		cfg := config(t)
		cfg.SegmentChanges, cfg.MaxBytes = 100, 100<<10
		s := open(t, cfg)
		for range 60 {
			w.run(t, s, 10)
			s.background.Wait()
			w.check(t, s, w.model, 2)
		}
		require.Positive(t, s.Stats().ExpiredBytes)
		require.Less(t, s.Stats().Bytes, cfg.MaxBytes+50<<10)
		onDisk := int64(0)
		require.NoError(t, s.Sync())
		for _, name := range files(t, cfg.Dir, "*") {
			onDisk += int64(len(read(t, name)))
			require.False(t, strings.HasSuffix(name, suffixNew))
		}
		require.InDelta(t, s.Stats().Bytes, onDisk, 1024)
	})
}

// last returns the last change of an element.
func (m model) last(of entity.UUID) *graph.Change {
	for i := len(m) - 1; i >= 0; i-- {
		if id(&m[i].change) == of {
			return &m[i].change
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (w *world) start() time.Time {
	ms := w.model[0].log
	for _, e := range w.model {
		if e.valid < ms {
			ms = e.valid
		}
	}
	return time.UnixMilli(ms)
}
