package feed_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon stands for what a source connects to.
type daemon struct {
	mu     sync.Mutex
	things map[string]string
	down   error
	// kill ends the connections of now; calls and times count them.
	kill  chan struct{}
	times []time.Time
	last  *feed.Sink
	// fail, when set, is what a connection does instead.
	fail func(*feed.Sink) error
}

func newDaemon(things ...string) *daemon {
	d := &daemon{things: make(map[string]string)}
	for _, name := range things {
		d.things[name] = "1"
	}
	return d
}

func ref(name string) entity.Ref { return entity.ContainerRef(name) }

func thing(name, state string) entity.Event {
	return entity.Event{Ref: ref(name), Attributes: entity.Attrs{
		entity.A("Name", entity.String(name)), entity.A("State", entity.String(state)),
	}}
}

func (d *daemon) Follow(ctx context.Context, out *feed.Sink) error {
	d.mu.Lock()
	d.times = append(d.times, time.Now())
	kill, down, fail := d.kill, d.down, d.fail
	d.last = out
	if down == nil && fail == nil {
		for name, state := range d.things {
			out.Set(thing(name, state))
		}
	}
	d.mu.Unlock()
	switch {
	case down != nil:
		return down
	case fail != nil:
		return fail(out)
	}
	out.Listed()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-kill:
		return errors.New("connection reset")
	}
}

// set changes a thing while connected, as an event does.
func (d *daemon) set(name, state string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.things[name] = state
	d.last.Set(thing(name, state))
}

// remove ends a thing while connected.
func (d *daemon) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.things, name)
	d.last.Delete(ref(name), "removed")
}

// crash ends the connection; down is what later ones get, change what happens
// meanwhile.
func (d *daemon) crash(down error, change func(map[string]string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
	if change != nil {
		change(d.things)
	}
	close(d.kill)
	d.kill = make(chan struct{})
}

func (d *daemon) back() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down, d.fail = nil, nil
}

func (d *daemon) calls() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]time.Time(nil), d.times...)
}

// run runs a feed of a daemon in fake time.
func run(t *testing.T, d *daemon, change func(*feed.Config), f func(t *testing.T, w *feedtest.World, f *feed.Feed, log *testutil.CaptureLogger)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d.kill = make(chan struct{}) // of this bubble
		w := feedtest.New(t)
		cfg := feed.DefaultConfig()
		cfg.Name = t.Name()
		cfg.Report.Source = "test"
		cfg.Report.Tags = map[string]string{"input": "test"}
		if change != nil {
			change(&cfg)
		}
		log := &testutil.CaptureLogger{}
		fd, err := feed.New(cfg, d, w.Accumulator(), log)
		require.NoError(t, err)
		fd.Start(t.Context())
		defer fd.Stop()
		synctest.Wait()
		f(t, w, fd, log)
	})
}

func names(w *feedtest.World) map[string]string {
	synctest.Wait()
	out := make(map[string]string)
	w.See(func(s feedtest.State) {
		for _, ev := range s.All(entity.TypeContainer) {
			out[feedtest.Text(&ev, "Name")] = feedtest.Text(&ev, "State")
		}
	})
	return out
}

// counter returns a figure of the test's feed as inputs.internal shows it.
func counter(t *testing.T, field string) any {
	t.Helper()
	for _, m := range selfstat.Metrics() {
		if m.Name() == "internal_topology_feed" && m.Tags()["connection"] == t.Name() {
			return m.Fields()[field]
		}
	}
	t.Fatal("the feed has no counters")
	return nil
}

func TestFollow(t *testing.T) {
	d := newDaemon("a", "b")
	run(t, d, nil, func(t *testing.T, w *feedtest.World, f *feed.Feed, log *testutil.CaptureLogger) {
		require.Equal(t, map[string]string{"a": "1", "b": "1"}, names(w))
		d.set("a", "2")
		d.set("c", "1")
		require.Equal(t, map[string]string{"a": "2", "b": "1", "c": "1"}, names(w))
		require.Equal(t, feed.Stats{Connected: true, Listings: 1, Entities: 3}, f.Stats())
		require.EqualValues(t, 3, counter(t, "entities"))
		d.remove("b")
		require.EqualValues(t, 2, counter(t, "entities"))
		require.Empty(t, log.Warnings())
	})
}

// TestBreak: what happened while there was no connection is seen, what did not
// change is not touched, and a person reads of it twice.
func TestBreak(t *testing.T) {
	d := newDaemon("a", "b")
	run(t, d, nil, func(t *testing.T, w *feedtest.World, f *feed.Feed, log *testutil.CaptureLogger) {
		d.crash(errors.New("refused"), func(things map[string]string) {
			delete(things, "a")
			things["c"] = "1"
		})
		time.Sleep(20 * time.Second)
		require.Equal(t, map[string]string{"a": "1", "b": "1"}, names(w), "a break is not an end")
		require.False(t, f.Stats().Connected)
		d.back()
		time.Sleep(6 * time.Second)
		require.Equal(t, map[string]string{"b": "1", "c": "1"}, names(w))
		s := f.Stats()
		require.True(t, s.Connected)
		require.EqualValues(t, 2, s.Listings)
		require.Equal(t, 2, s.Entities)
		w.See(func(s feedtest.State) { require.Equal(t, 1, s.Deleted, "only a ended") })
		require.Len(t, log.Warnings(), 1)
		require.Empty(t, log.Errors())
	})
}

// TestBackOff: the pauses grow to the longest and begin anew after a success.
func TestBackOff(t *testing.T) {
	d := newDaemon()
	d.down = errors.New("refused")
	run(t, d, nil, func(t *testing.T, _ *feedtest.World, f *feed.Feed, log *testutil.CaptureLogger) {
		time.Sleep(time.Minute)
		at := d.calls()
		want := 200 * time.Millisecond
		for i := 1; i < len(at); i++ {
			pause := at[i].Sub(at[i-1])
			require.GreaterOrEqual(t, pause, want*3/4, "pause %d", i)
			require.LessOrEqual(t, pause, want+time.Millisecond, "pause %d", i)
			want = min(2*want, 2*time.Second)
		}
		require.Greater(t, len(at), 10)
		require.Len(t, log.Warnings(), 1, "said once")
		d.back()
		time.Sleep(6 * time.Second)
		require.True(t, f.Stats().Connected)
		d.crash(nil, nil)
		time.Sleep(250 * time.Millisecond)
		require.True(t, f.Stats().Connected, "after a success the first pause is the shortest")
	})
}

// TestAbsent: a host without the daemon hears nothing of it.
func TestAbsent(t *testing.T) {
	d := newDaemon("a")
	d.down = feed.Absent(fmt.Errorf("dial: %w", errors.New("no such file")))
	run(t, d, nil, func(t *testing.T, w *feedtest.World, _ *feed.Feed, log *testutil.CaptureLogger) {
		time.Sleep(time.Minute)
		require.InDelta(t, 34, len(d.calls()), 8)
		for _, m := range log.Messages() {
			require.EqualValues(t, 'D', m.Level, "%s", m.Text)
		}
		d.back()
		time.Sleep(6 * time.Second)
		require.Equal(t, map[string]string{"a": "1"}, names(w))
	})
}

// TestSilence: after a report interval without a connection nothing is reported
// any more; when it is back everything is, at once.
func TestSilence(t *testing.T) {
	d := newDaemon("a", "b")
	run(t, d, func(c *feed.Config) { c.Report.Interval = 10 * time.Second }, func(t *testing.T, w *feedtest.World, f *feed.Feed, _ *testutil.CaptureLogger) {
		newest := func() (at time.Time) {
			synctest.Wait()
			w.See(func(s feedtest.State) {
				for _, ev := range s.All(entity.TypeContainer) {
					if ev.Time.After(at) {
						at = ev.Time
					}
				}
			})
			return at
		}
		time.Sleep(time.Minute)
		require.Less(t, time.Since(newest()), 10*time.Second)
		began := time.Now()
		d.crash(errors.New("refused"), nil)
		time.Sleep(time.Minute)
		require.LessOrEqual(t, newest().Sub(began), 11*time.Second, "reports go on for one interval")
		d.back()
		time.Sleep(5 * time.Second)
		require.Less(t, time.Since(newest()), 5*time.Second)
		w.See(func(s feedtest.State) {
			for _, ev := range s.All(entity.TypeContainer) {
				require.Less(t, time.Since(ev.Time), 5*time.Second, "all are reported at once")
			}
			require.Zero(t, s.Deleted)
		})
		require.True(t, f.Stats().Connected)
	})
}

// TestBadSources: a source that panics, ends without a word, or speaks after its
// end does no harm.
func TestBadSources(t *testing.T) {
	for name, fail := range map[string]func(*feed.Sink) error{
		"panic":      func(*feed.Sink) error { panic("oh") },
		"silent end": func(*feed.Sink) error { return nil },
		"no listing": func(s *feed.Sink) error { s.Set(thing("half", "1")); return errors.New("broken") },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon("a")
			d.fail = fail
			run(t, d, nil, func(t *testing.T, w *feedtest.World, f *feed.Feed, log *testutil.CaptureLogger) {
				time.Sleep(time.Second)
				require.False(t, f.Stats().Connected)
				require.Len(t, log.Warnings(), 1)
				old := d.last
				d.back()
				time.Sleep(6 * time.Second)
				old.Set(thing("late", "1"))
				old.Delete(ref("a"), "late")
				old.Listed()
				require.Equal(t, map[string]string{"a": "1"}, names(w))
			})
		})
	}
}

// TestLost: a source that lost events lists again.
func TestLost(t *testing.T) {
	d := newDaemon("a")
	d.fail = func(s *feed.Sink) error {
		s.Lost(3)
		return errors.New("overrun")
	}
	run(t, d, nil, func(t *testing.T, w *feedtest.World, f *feed.Feed, _ *testutil.CaptureLogger) {
		d.back()
		time.Sleep(time.Second)
		require.EqualValues(t, 3, f.Stats().Lost)
		require.Equal(t, map[string]string{"a": "1"}, names(w))
	})
}

// TestResync: a source without events is listed again and again, without a
// break.
func TestResync(t *testing.T) {
	d := newDaemon("a")
	run(t, d, func(c *feed.Config) { c.Resync = 10 * time.Second }, func(t *testing.T, w *feedtest.World, f *feed.Feed, log *testutil.CaptureLogger) {
		d.mu.Lock()
		d.things = map[string]string{"b": "1"}
		d.mu.Unlock()
		time.Sleep(35 * time.Second)
		require.Equal(t, map[string]string{"b": "1"}, names(w))
		require.Equal(t, feed.Stats{Connected: true, Listings: 4, Entities: 1}, f.Stats())
		require.Len(t, d.calls(), 4)
		require.Empty(t, log.Warnings())
	})
}

func TestConfig(t *testing.T) {
	w := feedtest.New(t)
	for name, change := range map[string]func(*feed.Config){
		"no name":         func(c *feed.Config) { c.Name = "" },
		"no source":       func(c *feed.Config) { c.Report.Source = "" },
		"pauses":          func(c *feed.Config) { c.RetryMax = c.RetryMin / 2 },
		"negative resync": func(c *feed.Config) { c.Resync = -1 },
	} {
		cfg := feed.DefaultConfig()
		cfg.Name, cfg.Report.Source = "x", "test"
		change(&cfg)
		_, err := feed.New(cfg, newDaemon(), w.Accumulator(), testutil.Logger{})
		require.Error(t, err, name)
	}
	require.NoError(t, feed.Absent(nil))
}
