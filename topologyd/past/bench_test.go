package past

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/graph"
)

const (
	benchNodes = 100_000
	benchBatch = 1000 // events a record
)

// history is a store of 100 k nodes and 200 k edges with a number of changes
// after them, a record of 1,000 changes every 100 ms of log time: of each
// change two keys of one interface, one in ten of them late.
type history struct {
	s        *Store
	from, to time.Time
	changes  int
	bytes    int64
}

// change is an event that changes two keys of one interface, one in ten late.
func change(rng *rand.Rand, now time.Time) entity.Event {
	i, at := rng.IntN(benchNodes), now
	if rng.IntN(10) == 0 {
		at = at.Add(-time.Duration(rng.IntN(5000)) * time.Millisecond)
	}
	e := entitytest.Network(i, at)
	if i%101 != 0 {
		e.Attributes = e.Attributes.With("MTU", entity.Int(int64(1000+rng.IntN(8000))))
		e.Attributes = e.Attributes.With("State", entity.String([...]string{"UP", "DOWN"}[rng.IntN(2)]))
	}
	return e
}

func fillHistory(b *testing.B, changes int) *history {
	b.Helper()
	g := graph.New(graph.DefaultConfig())
	s := open(b, DefaultConfig(b.TempDir()))
	h := &history{s: s}
	now, record := t0, uint64(0)
	var batch []graph.Change
	hand := func() {
		record++
		now = now.Add(100 * time.Millisecond)
		require.NoError(b, s.Append(now, record, batch))
		h.changes += len(batch)
		batch = batch[:0]
		if s.Due() {
			s.Base(g.View(), now, record)
		}
	}
	for i := range benchNodes {
		e := entitytest.Network(i, now)
		p := g.Prepare(&e, 0)
		if batch, _ = g.Apply(&p, now, batch); len(batch) >= benchBatch {
			hand()
		}
	}
	hand()
	s.Base(g.View(), now, record)
	s.background.Wait()
	h.from, h.changes = now, 0
	begun := s.Stats().Bytes
	rng := rand.New(rand.NewPCG(1, 2))
	for h.changes < changes {
		for len(batch) < benchBatch {
			e := change(rng, now)
			p := g.Prepare(&e, 0)
			batch, _ = g.Apply(&p, now, batch)
		}
		hand()
	}
	s.background.Wait()
	h.to = now
	require.NoError(b, s.Sync())
	h.bytes = s.Stats().Bytes - begun
	return h
}

// forget empties the cache.
func (h *history) forget() {
	h.s.mu.Lock()
	h.s.cache.clear()
	h.s.mu.Unlock()
}

// BenchmarkAtCold asks for times all over a million changes; nothing but the
// system's page cache helps.
func BenchmarkAtCold(b *testing.B) {
	h := fillHistory(b, 1_000_000)
	rng := rand.New(rand.NewPCG(3, 4))
	worst := time.Duration(0)
	b.ResetTimer()
	for b.Loop() {
		h.forget()
		at := h.from.Add(time.Duration(rng.Int64N(int64(h.to.Sub(h.from)))))
		begun := time.Now()
		v, err := h.s.At(b.Context(), at)
		worst = max(worst, time.Since(begun))
		require.NoError(b, err)
		require.Equal(b, benchNodes, v.NodeCount())
	}
	b.ReportMetric(float64(worst.Milliseconds()), "ms/worst")
	b.ReportMetric(float64(h.bytes)/float64(h.changes), "B/change")
	b.ReportMetric(float64(h.s.bases[0].size)/float64(h.s.bases[0].elements), "B/element")
}

// BenchmarkAtWarm asks again for one time.
func BenchmarkAtWarm(b *testing.B) {
	h := fillHistory(b, 100_000)
	at := h.from.Add(h.to.Sub(h.from) / 2)
	_, err := h.s.At(b.Context(), at)
	require.NoError(b, err)
	b.ResetTimer()
	for b.Loop() {
		_, err := h.s.At(b.Context(), at)
		require.NoError(b, err)
	}
}

// BenchmarkAppend reports the time and the bytes on disk of one change, bases
// apart: records of 1,000 changes, of two keys of one interface each.
func BenchmarkAppend(b *testing.B) {
	g := graph.New(graph.DefaultConfig())
	for i := range benchNodes {
		e := entitytest.Network(i, t0)
		p := g.Prepare(&e, 0)
		g.Apply(&p, t0, nil)
	}
	s := open(b, DefaultConfig(b.TempDir()))
	now := t0
	s.Base(g.View(), now, 1)
	s.background.Wait()
	empty := s.Stats().Bytes
	rng := rand.New(rand.NewPCG(1, 2))
	var batch []graph.Change
	changes := 0
	var spent time.Duration
	for b.Loop() {
		now = now.Add(100 * time.Millisecond)
		for batch = batch[:0]; len(batch) < benchBatch; {
			e := change(rng, now)
			p := g.Prepare(&e, 0)
			batch, _ = g.Apply(&p, now, batch)
		}
		begun := time.Now()
		if err := s.Append(now, uint64(changes), batch); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(begun)
		changes += len(batch)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(changes), "ns/change")
	b.ReportMetric(float64(s.Stats().Bytes-empty)/float64(changes), "B/change")
}

// BenchmarkRead times the other questions over 500,000 changes: the history of
// one interface, a slice of ten seconds, the last 4,096 changes, and the newest
// changes of all the time, of everything and of one interface.
func BenchmarkRead(b *testing.B) {
	h := fillHistory(b, 500_000)
	ref := entity.InterfaceRef("host-500", "4026531840", "7").UUID()
	b.Run("History", func(b *testing.B) {
		n := 0
		for b.Loop() {
			list, err := h.s.History(b.Context(), ref, time.Time{}, h.to, 100)
			require.NoError(b, err)
			n = len(list)
		}
		b.ReportMetric(float64(n), "revisions")
	})
	b.Run("Slice", func(b *testing.B) {
		n := 0
		for b.Loop() {
			v, err := h.s.Slice(b.Context(), h.to.Add(-15*time.Second), h.to.Add(-5*time.Second))
			require.NoError(b, err)
			n = v.NodeCount()
		}
		b.ReportMetric(float64(n), "revisions")
	})
	b.Run("Changes", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			require.NoError(b, h.s.Changes(b.Context(), h.s.Revision()-4096, func(c []graph.Change) error {
				n += len(c)
				return nil
			}))
		}
		b.ReportMetric(float64(n), "changes")
	})
	b.Run("Between", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			got, err := h.s.Between(b.Context(), Between{From: h.from, To: h.to, Limit: 100})
			require.NoError(b, err)
			require.Len(b, got.Changes, 100)
		}
	})
	b.Run("BetweenOfOne", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := h.s.Between(b.Context(), Between{From: h.from, To: h.to, Limit: 100, Of: map[entity.UUID]struct{}{ref: {}}})
			require.NoError(b, err)
		}
	})
	b.Run("BetweenNothing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := h.s.Between(b.Context(), Between{From: h.from, To: h.to, Limit: 100, Keep: func(*graph.Change) bool { return false }})
			require.NoError(b, err)
		}
	})
}
