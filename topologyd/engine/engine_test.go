package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e := New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, e.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, e.Stop(context.Background())) })
	return e
}

func link(i int, name string, at time.Time) Item {
	return Item{Event: entity.Event{
		Ref: entity.InterfaceRef("h1", "1", fmt.Sprint(i)), Source: "netlink", Time: at, Interval: 10 * time.Second,
		Attributes:    entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String("veth"))},
		Relationships: []entity.Relationship{{Type: entity.RelPeerOf, Target: entity.InterfaceRef("h1", "1", fmt.Sprint(i^1))}},
	}}
}

func gone(i int, at time.Time) Item {
	return Item{Event: entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h1", "1", fmt.Sprint(i)), Source: "netlink", Time: at}}
}

func submit(t testing.TB, e *Engine, items ...Item) Summary {
	t.Helper()
	s, err := e.Submit(context.Background(), items)
	require.NoError(t, err)
	return s
}

func dump(v *graph.View) (out []string) {
	for n := range v.Nodes() {
		out = append(out, string(n.AppendJSON(nil)))
	}
	for e := range v.Edges() {
		out = append(out, string(e.AppendJSON(nil)))
	}
	slices.Sort(out)
	return out
}

func TestSurvivesRestart(t *testing.T) {
	for _, snapshots := range []uint64{1, 7, 1 << 40} {
		t.Run(fmt.Sprintf("snapshot every %d", snapshots), func(t *testing.T) {
			cfg := DefaultConfig(t.TempDir())
			cfg.SnapshotEvery = snapshots
			e := start(t, cfg)
			now := time.Now()
			for i := range 20 {
				submit(t, e, link(i, fmt.Sprint("a", i), now), link(i, fmt.Sprint("b", i), now.Add(1)))
			}
			submit(t, e, gone(3, now.Add(2)))
			v := e.View()
			require.Equal(t, 19, v.NodeCount())
			require.Equal(t, 9, v.EdgeCount())
			require.NoError(t, e.Stop(context.Background()))

			e = start(t, cfg)
			require.Equal(t, dump(v), dump(e.View()))
			require.Equal(t, v.Revision(), e.View().Revision())
			s := submit(t, e, link(5, "b5", now.Add(time.Second)))
			require.Equal(t, Summary{Unchanged: 1}, s, "what a source repeats after the restart is no change")
			submit(t, e, link(3, "b3", now.Add(time.Second)))
			require.Equal(t, 10, e.View().EdgeCount())
		})
	}
}

func TestSummaries(t *testing.T) {
	e := start(t, DefaultConfig(t.TempDir()))
	now := time.Now()
	require.Equal(t, Summary{Changed: 2}, submit(t, e, link(1, "a", now), link(2, "b", now)))
	require.Equal(t, Summary{Unchanged: 1, Changed: 1, Outdated: 1},
		submit(t, e, link(1, "a", now.Add(1)), link(2, "c", now.Add(1)), link(2, "b", now)))
	require.Equal(t, Summary{Changed: 2}, submit(t, e, link(2, "d", now.Add(2)), link(2, "c", now.Add(3))), "there and back within one batch")
	name := e.View().Node(entity.InterfaceRef("h1", "1", "2").UUID()).Attrs.Get("Name").Str()
	require.Equal(t, "c", name)
	// What was logged is counted when the log confirms it, which may be after it
	// came back.
	proctest.Eventually(t, time.Minute, "what is logged to be counted", func() error {
		st, err := e.Status(context.Background())
		if err == nil && st.Events != 6 { // the outdated one was in a batch with a newer one of its facet
			err = fmt.Errorf("%d events", st.Events)
		}
		return err
	})
	st, err := e.Status(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 3, st.LogRecords)
	require.Zero(t, st.Waiting)
}

func TestFingerprints(t *testing.T) {
	e := start(t, DefaultConfig(t.TempDir()))
	it := link(1, "a", time.Now())
	it.Fingerprint = 77
	submit(t, e, it)
	hit := make([]bool, 2)
	e.Touch([]uint64{78, 77}, make([]int64, 2), hit)
	require.Equal(t, []bool{false, true}, hit)
}

func TestSubscribe(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	e := start(t, DefaultConfig(t.TempDir()))
	now := time.Now()
	submit(t, e, link(1, "a", now))
	s, err := e.Subscribe(0)
	require.NoError(t, err)
	require.Equal(t, 1, s.View().NodeCount())
	submit(t, e, link(1, "b", now.Add(1)))
	cs, err := s.Next(ctx)
	require.NoError(t, err)
	require.Len(t, cs, 1)
	require.Equal(t, graph.NodeUpdated, cs[0].Op)
	at := cs[0].Revision
	s.Close()
	s.Close()

	submit(t, e, link(1, "c", now.Add(2)), link(4, "d", now.Add(2)))
	s, err = e.Subscribe(at)
	require.NoError(t, err)
	require.Nil(t, s.View(), "goes on where it left off")
	cs, err = s.Next(ctx)
	require.NoError(t, err)
	require.Len(t, cs, 2)
	require.Equal(t, at+1, cs[0].Revision)
	s.Close()

	s, err = e.Subscribe(at + 1000)
	require.NoError(t, err)
	require.NotNil(t, s.View(), "a revision that never was begins anew")
	short, stop := context.WithCancel(ctx)
	stop()
	_, err = s.Next(short)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, e.Stop(ctx))
	_, err = s.Next(ctx)
	require.ErrorIs(t, err, ErrStopped)
	_, err = e.Subscribe(0)
	require.ErrorIs(t, err, ErrStopped)
	_, err = e.Submit(ctx, []Item{link(1, "x", now)})
	require.ErrorIs(t, err, ErrStopped)
}

func TestSlowSubscriberIsCutOff(t *testing.T) {
	ctx := context.Background()
	cfg := DefaultConfig(t.TempDir())
	cfg.Recent = 10
	e := start(t, cfg)
	slow, err := e.Subscribe(0)
	require.NoError(t, err)
	defer slow.Close()
	fast, err := e.Subscribe(0)
	require.NoError(t, err)
	defer fast.Close()
	now := time.Now()
	for i := range 50 {
		submit(t, e, link(1, fmt.Sprint(i), now.Add(time.Duration(i))))
		cs, err := fast.Next(ctx)
		require.NoError(t, err)
		require.Len(t, cs, 1)
	}
	_, err = slow.Next(ctx)
	require.ErrorIs(t, err, ErrSlow)
	for from := uint64(35); from < 50; from++ {
		s, err := e.Subscribe(from)
		require.NoError(t, err)
		require.Equal(t, from < 40, s.View() != nil, "from %d: only the last ten are kept", from)
		s.Close()
	}
}

func TestMarksAreTold(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cfg := DefaultConfig(t.TempDir())
	cfg.SweepEvery = 20 * time.Millisecond
	e := start(t, cfg)
	s, err := e.Subscribe(0)
	require.NoError(t, err)
	defer s.Close()
	it := link(1, "a", time.Now())
	it.Event.Interval = time.Second
	submit(t, e, it)
	var seen []string
	for len(seen) < 3 {
		cs, err := s.Next(ctx)
		require.NoError(t, err)
		for _, c := range cs {
			seen = append(seen, fmt.Sprint(c.Op, c.Node.Stale, c.Revision))
		}
	}
	require.Equal(t, []string{"node_added false 1", "node_updated true 1", "node_deleted true 2"}, seen)
}

// TestConvergence loses, doubles and reorders what a source sends: after one
// more report of everything the graph is the truth, and a subscriber that
// applied only changes has the same.
func TestConvergence(t *testing.T) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 5 {
		e := start(t, DefaultConfig(t.TempDir()))
		sub, err := e.Subscribe(0)
		require.NoError(t, err)
		truth := map[int]string{}
		clock := time.Now().Add(-time.Minute)
		var sent []Item
		for range 2000 {
			i := rng.IntN(40)
			clock = clock.Add(time.Millisecond)
			if rng.IntN(4) == 0 {
				delete(truth, i)
				sent = append(sent, gone(i, clock))
			} else {
				truth[i] = fmt.Sprint("n", rng.IntN(5))
				sent = append(sent, link(i, truth[i], clock))
			}
		}
		var way []Item
		for _, it := range sent {
			for range []int{0, 1, 1, 1, 2, 2}[rng.IntN(6)] {
				way = append(way, it)
			}
		}
		for i := range way {
			j := min(len(way)-1, i+rng.IntN(20))
			way[i], way[j] = way[j], way[i]
		}
		for i := range 40 { // the report interval passes
			clock = clock.Add(time.Millisecond)
			if name, ok := truth[i]; ok {
				way = append(way, link(i, name, clock))
			} else {
				way = append(way, gone(i, clock))
			}
		}
		for len(way) > 0 {
			n := min(len(way), 1+rng.IntN(100))
			submit(t, e, way[:n]...)
			way = way[n:]
		}
		got := map[int]string{}
		for i := range 40 {
			if n := e.View().Node(entity.InterfaceRef("h1", "1", fmt.Sprint(i)).UUID()); n != nil {
				got[i] = n.Attrs.Get("Name").Str()
			}
		}
		require.Equal(t, truth, got, "round %d", round)

		mirror := map[string]string{}
		for v := e.View(); sub.after < v.Revision(); {
			cs, err := sub.Next(ctx)
			require.NoError(t, err)
			for _, c := range cs {
				sub.after = c.Revision
				switch {
				case c.Node != nil && c.Op != graph.NodeDeleted:
					mirror[c.Node.ID.String()] = string(c.Node.AppendJSON(nil))
				case c.Node != nil:
					delete(mirror, c.Node.ID.String())
				case c.Op != graph.EdgeDeleted:
					mirror[c.Edge.ID.String()] = string(c.Edge.AppendJSON(nil))
				default:
					delete(mirror, c.Edge.ID.String())
				}
			}
		}
		var all []string
		for _, s := range mirror {
			all = append(all, s)
		}
		slices.Sort(all)
		require.Equal(t, dump(e.View()), all)
		sub.Close()
		require.NoError(t, e.Stop(ctx))
	}
}

func TestManyWritersAndReaders(t *testing.T) {
	e := start(t, DefaultConfig(t.TempDir()))
	var wg sync.WaitGroup
	now := time.Now()
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				items := make([]Item, 10)
				for j := range items {
					items[j] = link(w*1000+j, fmt.Sprint(i), now.Add(time.Duration(i)))
				}
				_, err := e.Submit(context.Background(), items)
				if err != nil {
					t.Error(err)
				}
				n := 0
				for range e.View().Nodes() {
					n++
				}
				if n < 10 {
					t.Errorf("%d nodes", n)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 80, e.View().NodeCount())
}

func TestBusyWhenTheQueueIsFull(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.Queue = 5
	e := start(t, cfg)
	e.waiting.Store(4)
	_, err := e.Submit(context.Background(), []Item{link(1, "a", time.Now()), link(2, "a", time.Now())})
	require.ErrorIs(t, err, ErrBusy)
	e.waiting.Store(0)
	submit(t, e, link(1, "a", time.Now()), link(2, "a", time.Now()))
}

func TestDamagedSnapshotIsNotTheEnd(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	e := start(t, cfg)
	submit(t, e, link(1, "a", time.Now()))
	v := e.View()
	require.NoError(t, e.Stop(context.Background()))
	require.NoError(t, os.WriteFile(e.snapshotPath(), []byte("SKEINSNP\x02x"), 0o600))
	e = start(t, cfg)
	require.Equal(t, dump(v), dump(e.View()))
}

// at returns the graph at a time, as text.
func at(t testing.TB, e *Engine, when time.Time) []string {
	t.Helper()
	v, err := e.At(context.Background(), when)
	require.NoError(t, err)
	return dump(v)
}

func TestPast(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.Past.SegmentChanges = 10
	e := start(t, cfg)
	type moment struct {
		at    time.Time
		graph []string
	}
	var moments []moment
	begin := time.Now().Truncate(time.Millisecond)
	for i := range 40 {
		now := begin.Add(time.Duration(i-40) * time.Second)
		submit(t, e, link(i%12, fmt.Sprint("a", i), now))
		if i%5 == 4 {
			submit(t, e, gone(i%7, now.Add(time.Millisecond)))
		}
		moments = append(moments, moment{now.Add(500 * time.Millisecond), dump(e.View())})
	}
	check := func(e *Engine) {
		t.Helper()
		for i, m := range moments {
			require.Equal(t, m.graph, at(t, e, m.at), "moment %d", i)
		}
		require.Equal(t, dump(e.View()), at(t, e, time.Now().Add(time.Hour)))
	}
	check(e)
	digest, err := e.Digest(context.Background())
	require.NoError(t, err)
	for _, remove := range []string{"", "snapshot", "past", "jetstream"} {
		require.NoError(t, e.Stop(context.Background()))
		if remove != "" {
			require.NoError(t, os.RemoveAll(filepath.Join(cfg.Log.Dir, remove)))
		}
		e = start(t, cfg)
		again, err := e.Digest(context.Background())
		require.NoError(t, err)
		if remove == "jetstream" {
			digest.Log, digest.Record = again.Log, again.Record
		}
		require.Equal(t, digest, again, "without %q", remove)
		if remove != "past" {
			check(e)
		} else { // it begins anew with what the snapshot holds
			require.Equal(t, moments[39].graph, dump(e.View()))
			require.NoError(t, e.Stop(context.Background()))
			require.NoError(t, os.RemoveAll(filepath.Join(cfg.Log.Dir, "past")))
			require.NoError(t, os.RemoveAll(filepath.Join(cfg.Log.Dir, "snapshot")))
			e = start(t, cfg) // and with what the log holds
			check(e)
		}
	}
}

// TestLostEnd has the log end before the snapshot and the past do.
func TestLostEnd(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	e := start(t, cfg)
	now := time.Now()
	for i := range 5 {
		submit(t, e, link(i, "a", now))
	}
	require.NoError(t, e.Stop(context.Background()))
	kept := filepath.Join(t.TempDir(), "jetstream")
	require.NoError(t, os.CopyFS(kept, os.DirFS(filepath.Join(cfg.Log.Dir, "jetstream"))))
	e = start(t, cfg)
	for i := range 5 {
		submit(t, e, link(i, "b", now.Add(time.Second)))
	}
	v := e.View()
	require.NoError(t, e.Stop(context.Background()))
	restore := func() {
		require.NoError(t, os.RemoveAll(filepath.Join(cfg.Log.Dir, "jetstream")))
		require.NoError(t, os.CopyFS(filepath.Join(cfg.Log.Dir, "jetstream"), os.DirFS(kept)))
	}

	restore()
	e = start(t, cfg)
	require.Equal(t, dump(v), dump(e.View()), "the snapshot has what the log lost")
	submit(t, e, link(9, "c", now.Add(2*time.Second)))
	v = e.View()
	require.NoError(t, e.Stop(context.Background()))
	e = start(t, cfg)
	require.Equal(t, dump(v), dump(e.View()))
	require.NoError(t, e.Stop(context.Background()))

	restore()
	require.NoError(t, os.Remove(e.snapshotPath()))
	e = start(t, cfg)
	require.NotEqual(t, dump(v), dump(e.View()), "what only the log had is gone")
	require.GreaterOrEqual(t, e.View().Revision(), v.Revision(), "revisions that were told mean nothing else")
	require.Equal(t, Summary{Changed: 1}, submit(t, e, link(3, "b", now.Add(3*time.Second))), "sources repeat themselves")
	require.Equal(t, dump(e.View()), at(t, e, time.Now()))
	v = e.View()
	require.NoError(t, e.Stop(context.Background()))
	e = start(t, cfg)
	require.Equal(t, dump(v), dump(e.View()))
	require.Equal(t, v.Revision(), e.View().Revision())
	require.Eventually(t, func() bool { _, newest, _ := e.past.Bounds(); return !newest.IsZero() }, 5*time.Second, time.Millisecond)
}

// TestClockBack has the log be ahead of the clock.
func TestClockBack(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	e := start(t, cfg)
	ahead := time.Now().Add(time.Hour)
	it := link(1, "a", ahead)
	rec := eventlog.AppendRecord(nil, &eventlog.Record{Head: eventlog.Head{At: ahead}, Events: []entity.Event{it.Event}})
	_, err := e.log.Append(context.Background(), rec)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return e.View().NodeCount() == 1 }, 5*time.Second, time.Millisecond)

	submit(t, e, link(2, "b", time.Now()), gone(1, ahead.Add(time.Second)))
	st, err := e.Status(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, st.ClockBack)
	require.Equal(t, 1, e.View().NodeCount())
	require.False(t, e.graph.LogTime().Before(ahead))
	require.Len(t, at(t, e, ahead.Add(-time.Second)), 1, "before the hour there was the second one alone")
	require.Len(t, at(t, e, ahead.Add(time.Second)), 1)
	v := e.View()
	require.NoError(t, e.Stop(context.Background()))
	e = start(t, cfg)
	require.Equal(t, dump(v), dump(e.View()))
}

func TestNewerDirectory(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	e := start(t, cfg)
	require.NoError(t, e.Stop(context.Background()))
	path := filepath.Join(cfg.Log.Dir, formatFile)
	for content, want := range map[string]string{"3\n": "has format 3, this program knows up to 2", "x": "should hold a number"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		err := New(cfg, slog.New(slog.DiscardHandler)).Start(context.Background())
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	start(t, cfg)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "2\n", string(b))
}

func TestHeardMessage(t *testing.T) {
	var origin entity.UUID
	origin[3] = 7
	list := []graph.Heard{{Source: "a", Time: 5}, {Source: "a", Time: -6}, {Source: "b", Time: 7}, {Source: "a", Time: 8}}
	for i := range list {
		list[i].Node[0] = byte(i)
	}
	b := appendHeard(nil, origin, list)
	gotOrigin, got, err := readHeard(b)
	require.NoError(t, err)
	require.Equal(t, origin, gotOrigin)
	require.Equal(t, list, got)
	for i := range b {
		_, _, err := readHeard(b[:i])
		require.Error(t, err)
	}
}

// TestLogCannotBeRead has a record in the log that a newer daemon wrote: the
// engine reports it, refuses what it cannot apply any more, and still stops.
func TestLogCannotBeRead(t *testing.T) {
	e := start(t, DefaultConfig(t.TempDir()))
	submit(t, e, link(1, "a", time.Now()))
	_, err := e.log.Append(context.Background(), []byte{99, 1, 2, 3})
	require.NoError(t, err)
	select {
	case err := <-e.Failed():
		require.ErrorContains(t, err, "use a newer one")
	case <-time.After(10 * time.Second):
		t.Fatal("not reported")
	}
	begin := time.Now()
	_, err = e.Submit(context.Background(), []Item{link(2, "b", time.Now())})
	require.ErrorIs(t, err, ErrLog)
	require.Equal(t, 1, e.View().NodeCount(), "what was known is still served")
	require.NoError(t, e.Stop(context.Background()))
	require.Less(t, time.Since(begin), e.cfg.Log.Timeout, "nobody waits for what never comes")
}
