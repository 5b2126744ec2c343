package past

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.UnixMilli(1_700_000_000_000)

// quiet is a logger for tests that look at counters instead.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg, quiet())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// entry is one change as the model keeps it: the element in text.
type entry struct {
	valid, log int64 // Unix ms
	change     graph.Change
}

// model is the past done the obvious way: all changes in a list.
type model []entry

func id(c *graph.Change) entity.UUID {
	if c.Node != nil {
		return c.Node.ID
	}
	return c.Edge.ID
}

func plainNode(n *graph.Node) string {
	c := *n
	c.Stale, c.Metric, c.LastUpdateMetric = false, entity.Value{}, entity.Value{}
	return string(c.AppendJSON(nil))
}

func plainEdge(e *graph.Edge) string {
	c := *e
	c.Stale = false
	return string(c.AppendJSON(nil))
}

// at returns the elements at a time, as text.
func (m model) at(ms int64) []string {
	last := map[entity.UUID]*graph.Change{}
	for i := range m {
		if m[i].valid <= ms {
			last[id(&m[i].change)] = &m[i].change
		}
	}
	var out []string
	there := func(id entity.UUID) bool { return last[id] != nil && last[id].Op != graph.NodeDeleted }
	for _, c := range last {
		switch {
		case isDeleted(c.Op):
		case c.Node != nil:
			out = append(out, plainNode(c.Node))
		case there(c.Edge.Parent) && there(c.Edge.Child):
			out = append(out, plainEdge(c.Edge))
		}
	}
	slices.Sort(out)
	return out
}

func dump(v *graph.View) (out []string) {
	for n := range v.Nodes() {
		out = append(out, plainNode(n))
	}
	for e := range v.Edges() {
		out = append(out, plainEdge(e))
	}
	slices.Sort(out)
	return out
}

// world makes random changes through a live graph.
type world struct {
	rng      *rand.Rand
	g        *graph.Graph
	now      time.Time
	record   uint64
	model    model
	entities int
	settle   bool // wait for every base
}

func newWorld(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 5)), g: graph.New(graph.DefaultConfig()), now: t0, entities: 20}
}

func (w *world) value() entity.Value {
	switch w.rng.IntN(8) {
	case 0:
		return entity.Int(int64(w.rng.IntN(300)) - 100)
	case 1:
		return entity.Strings("a", fmt.Sprint("v", w.rng.IntN(4)))
	case 2:
		return entity.Map(entity.Attrs{entity.A("x", entity.Int(int64(w.rng.IntN(3)))), entity.A("y", entity.List())})
	case 3:
		return entity.Float(float64(w.rng.IntN(3)) / 3)
	case 4:
		return entity.Bool(w.rng.IntN(2) == 0)
	case 5:
		return entity.String(entity.HostTID(fmt.Sprint(w.rng.IntN(3))).String())
	case 6:
		return entity.String(string(bytes.Repeat([]byte{'x'}, w.rng.IntN(400))))
	default:
		return entity.String(fmt.Sprint("v", w.rng.IntN(4)))
	}
}

func (w *world) event() entity.Event {
	ref := func() entity.Ref { return entity.InterfaceRef("h", "1", fmt.Sprint(w.rng.IntN(w.entities))) }
	at := w.now
	switch w.rng.IntN(4) { // late, and with a clock that is wrong
	case 0:
		at = at.Add(-time.Duration(w.rng.IntN(3000)) * time.Millisecond)
	case 1:
		at = at.Add(time.Duration(w.rng.IntN(3000)) * time.Millisecond)
	}
	e := entity.Event{Ref: ref(), Source: []string{"docker", "netlink", "ovsdb"}[w.rng.IntN(3)], Time: at, Interval: time.Minute}
	if w.rng.IntN(5) == 0 {
		e.Kind = entity.Delete
		return e
	}
	for _, key := range []string{"Name", "Type", "IPV4", "Ovs", "Flag"}[:1+w.rng.IntN(5)] {
		e.Attributes = append(e.Attributes, entity.A(key, w.value()))
	}
	e.Attributes = e.Attributes.Normalize()
	for range w.rng.IntN(4) {
		r := entity.Relationship{Type: []string{entity.RelPartOf, entity.RelMemberOf, entity.RelPeerOf, "uses"}[w.rng.IntN(4)], Target: ref()}
		if w.rng.IntN(2) == 0 {
			r.Attributes = entity.Attrs{entity.A("Type", w.value())}
		}
		dup := func(o entity.Relationship) bool { return o.Edge(e.Ref.UUID()).ID == r.Edge(e.Ref.UUID()).ID }
		if !slices.ContainsFunc(e.Relationships, dup) {
			e.Relationships = append(e.Relationships, r)
		}
	}
	return e
}

// step makes the changes of one log record.
func (w *world) step() (at time.Time, record uint64, changes []graph.Change) {
	w.now = w.now.Add(time.Duration(w.rng.IntN(1500)) * time.Microsecond * 100)
	w.record++
	for len(changes) == 0 || w.rng.IntN(3) > 0 {
		e := w.event()
		p := w.g.Prepare(&e, 0)
		changes, _ = w.g.Apply(&p, w.now, changes)
	}
	for _, c := range changes {
		if c.IsMark() {
			continue
		}
		valid := c.At
		w.model = append(w.model, entry{valid, w.now.UnixMilli(), c})
	}
	return w.now, w.record, changes
}

// run hands a number of records to a store, with bases when they are due.
func (w *world) run(t testing.TB, s *Store, records int) {
	t.Helper()
	for range records {
		at, record, changes := w.step()
		require.NoError(t, s.Append(at, record, changes))
		if s.Due() {
			if s.Base(w.g.View(), at, record); w.settle {
				s.background.Wait()
			}
		}
	}
}

// moment returns a random time that the world has seen.
func (w *world) moment() time.Time {
	return t0.Add(time.Duration(w.rng.Int64N(int64(w.now.Sub(t0) + 1))))
}

// config is one of small segments.
func config(t testing.TB) Config {
	cfg := DefaultConfig(t.TempDir())
	cfg.SegmentChanges = 300
	return cfg
}

// TestModel compares the store with the model at random times, while it is
// written, after it was closed, and after a crash.
func TestModel(t *testing.T) {
	for seed := range uint64(9) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(seed)
			cfg := config(t)
			cfg.CacheElements = []int{0, 100, 1 << 20}[seed%3]
			cfg.FileNames = []int{0, 7, 60, 200}[seed%4] // 0: the default
			s, err := Open(cfg, quiet())
			require.NoError(t, err)
			for round := range 8 {
				w.run(t, s, 100)
				if round%3 == 2 {
					require.NoError(t, s.Close())
					s, err = Open(cfg, quiet())
					require.NoError(t, err)
					require.Equal(t, w.model[len(w.model)-1].change.Revision, s.Revision())
				}
				for range 60 {
					at := w.moment()
					v, err := s.At(t.Context(), at)
					var old ErrTooOld
					if err != nil {
						require.ErrorAs(t, err, &old)
						require.True(t, at.Before(old.Oldest))
						require.Empty(t, w.model.at(at.UnixMilli()))
						continue
					}
					require.Equal(t, w.model.at(at.UnixMilli()), dump(v), "at %v, round %d", at, round)
				}
				for range 6 {
					checkSlice(t, w, s)
					checkHistory(t, w, s)
					checkChanges(t, w, s)
				}
				v, err := s.At(t.Context(), w.now)
				require.NoError(t, err)
				require.Equal(t, dump(w.g.View()), dump(v), "at the end it is the live graph")
				require.Equal(t, w.g.View().Revision(), v.Revision())
			}
			require.NoError(t, s.Close())
			require.Greater(t, s.Stats().Bases, 1)
			if cfg.FileNames == 7 {
				require.Greater(t, s.Stats().Files, 3*s.Stats().Bases)
			}
		})
	}
}

// files returns what a store's directory holds.
func files(t testing.TB, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	slices.Sort(names)
	return names
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// entity returns the ID of one that the world speaks of.
func (w *world) entity() entity.UUID { return entity.InterfaceRef("h", "1", "3").UUID() }
