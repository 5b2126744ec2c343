package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/alertmanager"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/gremlin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// people are told of alerts.
type people struct {
	mu   sync.Mutex
	told []told
}

type told struct {
	alertmanager.Outgoing
	at time.Time
}

func (p *people) Send(now time.Time, alerts []alertmanager.Outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range alerts {
		p.told = append(p.told, told{a, now})
	}
}

func (t *told) resolved() bool { return !t.EndsAt.After(t.at) }

// of returns what was told of the alerts of a name, in order.
func (p *people) of(name string) (out []told) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.told {
		if x.Labels["alertname"] == name {
			out = append(out, x)
		}
	}
	return out
}

// world is an engine, what users defined, files of rules, and a manager.
type world struct {
	t      testing.TB
	dir    string
	kv     *definitiontest.KV
	cfg    Config
	engine *engine.Engine

	people *people
	hub    *live.Hub
	follow func(Hub) Hub // between manager and hub
	// subscribe is how the manager itself follows the graph, nil: directly.
	subscribe func() (live.Changes, error)
	defs      *definition.Store
	*Manager
	reg *prometheus.Registry
}

// quick is a configuration that does not wait.
func quick(dir string) Config {
	cfg := DefaultConfig()
	cfg.RuleFiles, cfg.FilesEvery = []string{filepath.Join(dir, "*.yaml")}, 5*time.Millisecond
	cfg.StateFile, cfg.SaveEvery = filepath.Join(dir, "alerts.json"), 5*time.Millisecond
	cfg.Debounce, cfg.Every, cfg.Retry, cfg.Pause = time.Millisecond, time.Millisecond, time.Millisecond, 0
	cfg.QuickPause, cfg.SlowPause, cfg.Settle = 0, 0, 10*time.Second
	cfg.Interval = time.Hour
	return cfg
}

// newWorld has an engine that runs and a manager that does not.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), kv: &definitiontest.KV{}}
	w.cfg = quick(w.dir)
	w.engine = engine.New(engine.DefaultConfig(filepath.Join(w.dir, "data")), slog.New(slog.DiscardHandler))
	require.NoError(t, w.engine.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, w.engine.Stop(context.Background())) })
	return w
}

// start starts a manager on what is there.
func (w *world) start() {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	w.people, w.reg = &people{}, prometheus.NewRegistry()
	w.hub = live.New(live.DefaultConfig(), live.Deps{View: w.engine.View, Subscribe: func() (live.Changes, error) { return w.engine.Subscribe(0) }})
	w.defs, err = definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: func() bool { return true }, Now: time.Now}, Kinds())
	require.NoError(w.t, err)
	require.NoError(w.t, w.defs.Start(w.t.Context(), w.kv))
	hub := Hub(w.hub)
	if w.follow != nil {
		hub = w.follow(hub)
	}
	subscribe := w.subscribe
	if subscribe == nil {
		subscribe = func() (live.Changes, error) { return w.engine.Subscribe(0) }
	}
	w.Manager, err = New(w.cfg, Deps{
		Definitions: w.defs, View: w.engine.View, Hub: hub, Sender: w.people, Log: log, Registerer: w.reg,
		Subscribe: subscribe, ExternalLabels: func() map[string]string { return map[string]string{"site": "x"} },
	})
	require.NoError(w.t, err)
	w.Start()
	w.t.Cleanup(w.close)
}

// close stops the manager and what is around it.
func (w *world) close() {
	if w.Manager != nil {
		w.Stop()
		w.defs.Stop()
		w.hub.Stop()
		w.Manager = nil
	}
}

// restart stops the manager and starts another one.
func (w *world) restart() {
	w.close()
	w.start()
}

// rules writes a file of rules.
func (w *world) rules(text string) { w.file("rules.yaml", text) }

func (w *world) file(name, text string) {
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(w.t, os.Rename(path+".new", path))
}

// link reports an interface with attributes "Key", "value", ...
func (w *world) link(name string, attrs ...string) {
	w.t.Helper()
	e := entity.Event{Ref: entity.InterfaceRef("web-1", "1", name), Source: "netlink", Time: time.Now(), Interval: time.Hour,
		Attributes: entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String("device"))}}
	for i := 0; i < len(attrs); i += 2 {
		v, err := entity.ParseJSON(attrs[i+1])
		if err != nil {
			v = entity.String(attrs[i+1])
		}
		e.Attributes = e.Attributes.With(attrs[i], v)
	}
	if name != "br0" {
		e.Relationships = []entity.Relationship{{Type: entity.RelMemberOf, Target: entity.InterfaceRef("web-1", "1", "br0")}}
	}
	w.submit(e)
}

func (w *world) unlink(name string) {
	w.t.Helper()
	w.submit(entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("web-1", "1", name), Source: "netlink", Time: time.Now()})
}

func (w *world) submit(events ...entity.Event) {
	w.t.Helper()
	items := make([]engine.Item, len(events))
	for i := range events {
		items[i].Event = events[i]
	}
	_, err := w.engine.Submit(w.t.Context(), items)
	require.NoError(w.t, err)
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	require.Eventually(w.t, ok, 30*time.Second, 2*time.Millisecond, what)
}

// states are the alerts of a name with their states: "eth0 firing".
func (w *world) states(name string) []string {
	out := []string{}
	for _, a := range w.Active(Filter{Name: name}) {
		out = append(out, a.Labels["name"]+a.Labels["value"]+" "+a.State)
	}
	slices.Sort(out)
	return out
}

// await waits until the alerts of a name are in these states.
func (w *world) await(name string, want ...string) {
	w.t.Helper()
	if want == nil {
		want = []string{}
	}
	var got []string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if got = w.states(name); slices.Equal(got, want) {
			return
		}
	}
	require.Equal(w.t, want, got, fmt.Sprintf("%s; rules %+v", name, w.Report()))
}

// heard waits until people were told so often of alerts of a name, which is a
// little after they are in a state.
func (w *world) heard(name string, times int) []told {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%s told %d times", name, times), func() bool { return len(w.people.of(name)) >= times })
	return w.people.of(name)
}

// ready waits until all rules have a result.
func (w *world) ready(rules int) {
	w.t.Helper()
	w.eventually("a result of every rule", func() bool {
		n := 0
		for _, g := range w.Report().Groups {
			for _, r := range g.Rules {
				if r.Health == HealthOK {
					n++
				}
			}
		}
		return n == rules
	})
}

// metric returns a sum of the values of a metric.
func (w *world) metric(name string) (sum float64) {
	w.t.Helper()
	families, err := w.reg.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// gate holds up all who follow until it is opened.
type gate struct {
	Hub
	open chan struct{}
}

func (g *gate) Follow(ctx context.Context, q *gremlin.Query, from uint64) (*live.Watch, error) {
	select {
	case <-g.open:
		return g.Hub.Follow(ctx, q, from)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
