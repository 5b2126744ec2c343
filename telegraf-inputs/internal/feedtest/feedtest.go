// Package feedtest runs an input in a test and shows what a receiver behind
// Telegraf would hold: the newest state of each entity, and the other metrics.
// It is for tests only. The accumulator is Telegraf's own; every metric is
// delivered and answered.
package feedtest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/models"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/report"
)

// World is all that was reported so far.
type World struct {
	t    testing.TB
	ch   chan telegraf.Metric
	done chan struct{}

	mu      sync.Mutex
	state   State
	metrics []telegraf.Metric
}

// key is a facet: a source of an entity.
type key struct {
	id     entity.UUID
	source string
}

// State is what a receiver holds. It must not be changed.
type State struct {
	facets map[key]entity.Event
	// Deleted counts the ends of entities that were known.
	Deleted int
	// Added counts entities that were not known before.
	Added int
}

// New returns a world without anything. It ends with the test.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{t: t, ch: make(chan telegraf.Metric, 1000), done: make(chan struct{})}
	w.state.facets = make(map[key]entity.Event)
	go w.take()
	t.Cleanup(func() {
		close(w.ch)
		<-w.done
	})
	return w
}

// Accumulator returns an accumulator whose metrics the world takes.
func (w *World) Accumulator() telegraf.Accumulator {
	return agent.NewAccumulator(maker{testutil.Logger{Name: w.t.Name()}}, w.ch)
}

// maker is what the accumulator asks of a running input.
type maker struct{ log telegraf.Logger }

func (maker) LogName() string                              { return "test" }
func (maker) MakeMetric(m telegraf.Metric) telegraf.Metric { return m }
func (m maker) Log() telegraf.Logger                       { return m.log }

// take decodes metrics as a receiver does, from line protocol.
func (w *World) take() {
	defer close(w.done)
	serializer := &influx.Serializer{}
	if err := serializer.Init(); err != nil {
		w.t.Errorf("make serializer: %v", err)
	}
	var d lineproto.Decoder
	for m := range w.ch {
		line, err := serializer.Serialize(m)
		if err != nil {
			w.t.Errorf("serialize %v: %v", m, err)
			continue
		}
		rec, err := d.Decode(line)
		w.mu.Lock()
		switch {
		case err != nil:
			w.t.Errorf("decode %s: %v", line, err)
		case rec.Kind == lineproto.IsEvent:
			if err := rec.Event.ValidateReport(); err != nil {
				w.t.Errorf("%s: %v", line, err)
			}
			w.state.apply(rec.Event)
		default:
			w.metrics = append(w.metrics, m.Copy())
		}
		w.mu.Unlock()
		m.Accept()
	}
}

func (s *State) apply(ev entity.Event) {
	k := key{ev.UUID(), ev.Source}
	old, known := s.facets[k]
	switch {
	case known && ev.Time.Before(old.Time):
	case ev.Kind == entity.State:
		s.facets[k] = ev
		if !known {
			s.Added++
		}
	case known:
		// A plugin deletes with the source that it spoke with.
		delete(s.facets, k)
		s.Deleted++
	}
}

// See calls f with what is reported now.
func (w *World) See(f func(State)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.state)
}

// Eventually waits until cond is content with what is reported.
func (w *World) Eventually(t testing.TB, limit time.Duration, what string, cond func(State) error) {
	t.Helper()
	proctest.Eventually(t, limit, what, func() (err error) {
		w.See(func(s State) { err = cond(s) })
		return err
	})
}

// Metrics returns the metrics of a measurement that were not entity events.
func (w *World) Metrics(measurement string) []telegraf.Metric {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []telegraf.Metric
	for _, m := range w.metrics {
		if m.Name() == measurement {
			out = append(out, m)
		}
	}
	return out
}

// Entity returns what was said of an entity last; of several sources, what the
// one of the lowest rank said.
func (s State) Entity(ref entity.Ref) (entity.Event, bool) {
	id := ref.UUID()
	return s.first(func(k key, _ *entity.Event) bool { return k.id == id })
}

// Facet returns what a source said of an entity last.
func (s State) Facet(ref entity.Ref, source string) (entity.Event, bool) {
	ev, ok := s.facets[key{ref.UUID(), source}]
	return ev, ok
}

// Find returns an entity of a type that has a value at a dotted path, given as
// text.
func (s State) Find(typ, path, value string) (entity.Event, bool) {
	return s.first(func(_ key, ev *entity.Event) bool { return ev.Type == typ && Text(ev, path) == value })
}

// All returns what was said of the entities of a type, of each source.
func (s State) All(typ string) []entity.Event {
	var out []entity.Event
	for _, ev := range s.facets {
		if ev.Type == typ {
			out = append(out, ev)
		}
	}
	return out
}

func (s State) first(match func(key, *entity.Event) bool) (found entity.Event, ok bool) {
	for k, ev := range s.facets {
		if !match(k, &ev) {
			continue
		}
		if !ok || entity.Rank(ev.Source) < entity.Rank(found.Source) ||
			entity.Rank(ev.Source) == entity.Rank(found.Source) && ev.Source < found.Source {
			found, ok = ev, true
		}
	}
	return found, ok
}

// Text returns the first value at a dotted path: a string as it is, everything
// else as JSON; "" when there is none.
func Text(ev *entity.Event, path string) (text string) {
	ev.Attributes.Lookup(path, func(v entity.Value) bool {
		if v.Kind() == entity.KindString {
			text = v.Str()
			return false
		}
		b, err := json.Marshal(v)
		if err != nil {
			text = fmt.Sprint(err)
		} else {
			text = string(b)
		}
		return false
	})
	return text
}

// Related reports whether an event states a relationship of a type to a target.
func Related(ev *entity.Event, relation string, target entity.Ref) bool {
	for i := range ev.Relationships {
		if r := &ev.Relationships[i]; r.Type == relation && r.Target.Equal(target) {
			return true
		}
	}
	return false
}

// Run initializes and starts a plugin, which gets a logger if it has room for
// one; it is stopped at the end of the test.
func Run(t testing.TB, plugin telegraf.ServiceInput) *World {
	t.Helper()
	w := New(t)
	models.SetLoggerOnPlugin(plugin, testutil.Logger{Name: t.Name()})
	if p, ok := plugin.(telegraf.Initializer); ok {
		if err := p.Init(); err != nil {
			t.Fatalf("initialize plugin: %v", err)
		}
	}
	if err := plugin.Start(w.Accumulator()); err != nil {
		t.Fatalf("start plugin: %v", err)
	}
	t.Cleanup(plugin.Stop)
	return w
}

// Follow runs a source alone; it is stopped at the end of the test. Pauses are
// short.
func Follow(t testing.TB, source string, src feed.Source) (*World, *feed.Feed) {
	t.Helper()
	w := New(t)
	cfg := feed.DefaultConfig()
	cfg.Name = t.Name()
	cfg.Report = report.DefaultConfig()
	cfg.Report.Source = source
	cfg.RetryMin, cfg.RetryMax = 10*time.Millisecond, 100*time.Millisecond
	f, err := feed.New(cfg, src, w.Accumulator(), testutil.Logger{Name: source})
	if err != nil {
		t.Fatal(err)
	}
	f.Start(t.Context())
	t.Cleanup(f.Stop)
	return w, f
}
