package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a graph, its changes, a store of definitions and a manager.
type world struct {
	t       testing.TB
	kv      *definitiontest.KV
	defs    *definition.Store
	manager *Manager
	leads   atomic.Bool

	mu      sync.Mutex
	graph   *graph.Graph
	log     []graph.Change
	news    chan struct{}
	clock   time.Time
	refuse  error
	cutOff  int // watches that were cut off
	batches int
}

// quick is a configuration that does not wait.
func quick() Config {
	cfg := DefaultConfig()
	cfg.Debounce, cfg.LeadCheck, cfg.Retry, cfg.Pause = time.Millisecond, time.Millisecond, time.Millisecond, 0
	cfg.FlapLimit = 1 << 30
	return cfg
}

func newWorld(t testing.TB, cfg Config, fixed ...*definition.Definition) *world {
	t.Helper()
	w := &world{t: t, kv: &definitiontest.KV{}, graph: graph.New(graph.DefaultConfig()), news: make(chan struct{}), clock: time.Now().Add(-time.Hour)}
	w.leads.Store(true)
	w.open(cfg, fixed...)
	return w
}

// open starts a store and a manager on what is there.
func (w *world) open(cfg Config, fixed ...*definition.Definition) {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	w.defs, err = definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: w.leads.Load, Now: time.Now}, Kinds(), fixed...)
	require.NoError(w.t, err)
	require.NoError(w.t, w.defs.Start(w.t.Context(), w.kv))
	w.manager, err = New(cfg, Deps{
		Definitions: w.defs, View: w.graph.View, Leads: w.leads.Load, Log: log, Registerer: prometheus.NewRegistry(),
		Subscribe: func() (Changes, error) { return w.subscribe(), nil },
		Submit:    w.submit,
	})
	require.NoError(w.t, err)
	w.manager.Start()
	w.t.Cleanup(w.close)
}

func (w *world) close() {
	w.manager.Stop()
	w.defs.Stop()
}

// submit is the engine's.
func (w *world) submit(_ context.Context, events []entity.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return w.refuse
	}
	w.batches++
	for i := range events {
		if err := events[i].Validate(); err != nil {
			w.t.Errorf("%+v: %v", events[i], err)
		}
		w.apply(&events[i], events[i].Time)
	}
	return nil
}

// apply puts an event into the graph; the mutex is held.
func (w *world) apply(e *entity.Event, at time.Time) {
	p := w.graph.Prepare(e, 0)
	w.log, _ = w.graph.Apply(&p, at, w.log)
	close(w.news)
	w.news = make(chan struct{})
}

// report is a source that says something, at a time of its own.
func (w *world) report(e entity.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(time.Millisecond)
	e.Source, e.Time = "netlink", w.clock
	w.apply(&e, time.Now())
}

func (w *world) refuseAll(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = err
}

type subscription struct {
	w  *world
	at int
}

func (w *world) subscribe() *subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &subscription{w, len(w.log)}
}

func (s *subscription) Next(ctx context.Context) ([]graph.Change, error) {
	for {
		s.w.mu.Lock()
		out, news := slices.Clone(s.w.log[s.at:]), s.w.news
		s.at += len(out)
		if len(out) > 20 && s.w.cutOff < 50 {
			s.w.cutOff++
			s.w.mu.Unlock()
			return nil, errors.New("fell behind")
		}
		s.w.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *subscription) Close() {}

func text(kv ...string) entity.Attrs {
	var a entity.Attrs
	for i := 0; i < len(kv); i += 2 {
		a = append(a, entity.A(kv[i], entity.String(kv[i+1])))
	}
	return a.Normalize()
}

func host(name string) entity.Event {
	return entity.Event{Ref: entity.HostRef(name), Attributes: text("Name", name, "Type", "host")}
}

func link(host string, i int, kv ...string) entity.Event {
	return entity.Event{
		Ref: entity.InterfaceRef(host, "1", fmt.Sprint(i)), Attributes: text(append([]string{"Name", fmt.Sprint("eth", i), "Type", "device"}, kv...)...),
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(host)}},
	}
}

func gone(e entity.Event) entity.Event { return entity.Event{Kind: entity.Delete, Ref: e.Ref} }

func (w *world) define(kind, id string, spec definition.Spec) *definition.Definition {
	w.t.Helper()
	d, err := w.defs.Create(w.t.Context(), &definition.Definition{Kind: kind, ID: id, Spec: spec})
	require.NoError(w.t, err)
	return d
}

func (w *world) remove(kind, id string) {
	w.t.Helper()
	require.NoError(w.t, w.defs.Delete(w.t.Context(), kind, id))
}

// eventually waits for a condition on the graph.
func (w *world) eventually(what string, ok func(v *graph.View) bool) {
	w.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok(w.graph.View()) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not so; the graph is\n%s", what, dump(w.graph.View()))
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}

// shows waits until the graph is these lines: nodes as JSON of their
// attributes, edges as parent -type-> child.
func (w *world) shows(lines ...string) {
	w.t.Helper()
	slices.Sort(lines)
	want := fmt.Sprintln(lines)
	w.eventually("shows "+want, func(v *graph.View) bool { return fmt.Sprintln(dumpLines(v)) == want })
}

func dump(v *graph.View) (out string) {
	for _, l := range dumpLines(v) {
		out += l + "\n"
	}
	return out
}

func dumpLines(v *graph.View) (out []string) {
	for n := range v.Nodes() {
		var a entity.Attrs
		for _, x := range n.Attrs {
			if x.Key != entity.KeyTID {
				a = append(a, x)
			}
		}
		out = append(out, string(a.AppendJSON(nil)))
	}
	name := func(id entity.UUID) string { return v.Node(id).Attrs.Get("Name").Str() }
	for e := range v.Edges() {
		out = append(out, fmt.Sprintf("%s -%s-> %s %s", name(e.Parent), e.RelationType, name(e.Child), e.Attrs.AppendJSON(nil)))
	}
	slices.Sort(out)
	return out
}

func (w *world) status(kind, id string) Status {
	w.t.Helper()
	d, err := w.defs.Get(kind, id)
	require.NoError(w.t, err)
	return w.manager.Status(d)
}
