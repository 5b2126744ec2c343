package orders

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a graph, its changes, a store of definitions, a hub, a manager and its
// server.
type world struct {
	t       testing.TB
	cfg     Config
	raw     bool
	kv      *definitiontest.KV
	defs    *definition.Store
	hub     *live.Hub
	manager *Manager
	server  *httptest.Server
	reg     *prometheus.Registry
	leads   atomic.Bool
	serving atomic.Pointer[Manager]

	mu     sync.Mutex
	graph  *graph.Graph
	log    []graph.Change
	news   chan struct{}
	clock  time.Time
	refuse error
	events []entity.Event // of captures
}

// quick is a configuration that does not wait.
func quick() Config {
	cfg := DefaultConfig()
	cfg.Debounce, cfg.LeadCheck, cfg.Retry = time.Millisecond, time.Millisecond, time.Millisecond
	cfg.Grace, cfg.Recheck, cfg.FlapLimit, cfg.CountersEvery = 0, 50*time.Millisecond, 1<<30, time.Millisecond
	cfg.Session.Close = 100 * time.Millisecond
	cfg.Writes = 1 << 20
	cfg.Told = 50 * time.Millisecond
	return cfg
}

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	w := &world{t: t, cfg: cfg, kv: &definitiontest.KV{}, graph: graph.New(graph.DefaultConfig()), news: make(chan struct{}), clock: time.Now().Add(-time.Hour)}
	w.leads.Store(true)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/hosts/{id}/assignments", func(rw http.ResponseWriter, r *http.Request) { w.serving.Load().Serve(rw, r) })
	w.server = httptest.NewUnstartedServer(mux)
	// What a daemon has, but shorter: sessions must outlive it.
	w.server.Config.ReadTimeout, w.server.Config.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond
	w.server.Start()
	t.Cleanup(w.server.Close)
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

// open starts a store, a hub and a manager on what is there.
func (w *world) open() {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	w.defs, err = definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: w.leads.Load, Now: time.Now}, capture.Kinds())
	require.NoError(w.t, err)
	require.NoError(w.t, w.defs.Start(w.t.Context(), w.kv))
	c := live.DefaultConfig()
	c.Every, c.RunEvery, c.RunPause, c.Linger = time.Millisecond, time.Millisecond, 0, 50*time.Millisecond
	w.hub = live.New(c, live.Deps{View: w.graph.View, Subscribe: func() (live.Changes, error) { return w.subscribe(), nil }})
	w.reg = prometheus.NewRegistry()
	w.manager, err = New(w.cfg, Deps{
		Definitions: w.defs, View: w.graph.View, Hub: w.hub, Leads: w.leads.Load, Log: log, Registerer: w.reg, Submit: w.submit, RawPackets: w.raw,
	})
	require.NoError(w.t, err)
	w.serving.Store(w.manager)
	w.manager.Start()
}

func (w *world) close() {
	w.manager.Stop()
	w.hub.Stop()
	w.defs.Stop()
}

// restart is a daemon that stops and starts on the same log.
func (w *world) restart(between func()) {
	w.close()
	if between != nil {
		between()
	}
	w.open()
}

// submit is the engine's.
func (w *world) submit(_ context.Context, events []entity.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return w.refuse
	}
	for i := range events {
		if err := events[i].Validate(); err != nil {
			w.t.Errorf("%+v: %v", events[i], err)
		}
		w.events = append(w.events, events[i])
		w.apply(&events[i], events[i].Time)
	}
	return nil
}

func (w *world) refuseAll(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = err
}

func (w *world) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.events)
}

// apply puts an event into the graph; the mutex is held.
func (w *world) apply(e *entity.Event, at time.Time) {
	p := w.graph.Prepare(e, 0)
	w.log, _ = w.graph.Apply(&p, at, w.log)
	close(w.news)
	w.news = make(chan struct{})
}

// report is a source that says something, at a time of its own.
func (w *world) report(events ...entity.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events {
		w.clock = w.clock.Add(time.Millisecond)
		events[i].Source, events[i].Time = "netlink", w.clock
		w.apply(&events[i], time.Now())
	}
}

type subscription struct {
	w    *world
	view *graph.View
	at   int
}

func (w *world) subscribe() *subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &subscription{w, w.graph.View(), len(w.log)}
}

func (s *subscription) View() *graph.View { return s.view }

func (s *subscription) Next(ctx context.Context) ([]graph.Change, error) {
	for {
		s.w.mu.Lock()
		out, news := slices.Clone(s.w.log[s.at:]), s.w.news
		s.at += len(out)
		s.w.mu.Unlock()
		if len(out) > 5000 {
			return nil, errors.New("fell behind")
		}
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

const (
	rootInode = 4026531840
	nsInode   = 4026532001
	nsDevice  = 4
)

func hostNode(name string) entity.Event {
	return entity.Event{Ref: entity.HostRef(name), Attributes: text("Name", name+".example", "Type", "host")}
}

func netns(host, name string) entity.Event {
	a := append(text("Name", name, "Path", "/run/netns/"+name, "Type", "netns"), entity.A("Inode", entity.Int(nsInode)), entity.A("Device", entity.Int(nsDevice)))
	return entity.Event{Ref: entity.NetNSRef(host, strconv.Itoa(nsInode), strconv.Itoa(nsDevice)), Attributes: a.Normalize(),
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(host)}}}
}

// link is an interface of a host's own namespace.
func link(host string, i int, typ string, kv ...string) entity.Event {
	a := append(text(append([]string{"Name", fmt.Sprint(typ, i), "Type", typ, "State", "UP"}, kv...)...), entity.A("IfIndex", entity.Int(int64(i))))
	return entity.Event{Ref: entity.InterfaceRef(host, strconv.Itoa(rootInode), strconv.Itoa(i)), Attributes: a.Normalize(),
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(host)}}}
}

// inner is an interface of another namespace.
func inner(host string, i int, typ string) entity.Event {
	e := link(host, i, typ)
	e.Ref = entity.InterfaceRef(host, strconv.Itoa(nsInode), strconv.Itoa(i))
	e.Relationships[0].Target = netns(host, "x").Ref
	return e
}

func gone(e entity.Event) entity.Event { return entity.Event{Kind: entity.Delete, Ref: e.Ref} }

func (w *world) define(id, query string, change ...func(*capture.Spec)) *definition.Definition {
	w.t.Helper()
	s := &capture.Spec{Query: query}
	for _, c := range change {
		c(s)
	}
	d, err := w.defs.Create(w.t.Context(), &definition.Definition{Kind: capture.Kind, ID: id, Name: "cap-" + id, Spec: s})
	require.NoError(w.t, err)
	return d
}

func (w *world) redefine(id, query string, change ...func(*capture.Spec)) {
	w.t.Helper()
	d, err := w.defs.Get(capture.Kind, id)
	require.NoError(w.t, err)
	s := &capture.Spec{Query: query}
	for _, c := range change {
		c(s)
	}
	next := *d
	next.Spec = s
	_, err = w.defs.Replace(w.t.Context(), &next)
	require.NoError(w.t, err)
}

func (w *world) remove(id string) {
	w.t.Helper()
	require.NoError(w.t, w.defs.Delete(w.t.Context(), capture.Kind, id))
}

func (w *world) status(id string) Status {
	w.t.Helper()
	d, err := w.defs.Get(capture.Kind, id)
	require.NoError(w.t, err)
	return w.manager.Status(d)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool, now func() any) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so; it is\n%+v", what, now())
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}

// shows waits until the nodes say this of captures: lines of the node's name and,
// for each capture, its ID and state.
func (w *world) shows(lines ...string) {
	w.t.Helper()
	slices.Sort(lines)
	want := strings.Join(lines, "\n")
	eventually(w.t, "the graph shows\n"+want, func() bool { return w.shown() == want }, func() any { return w.shown() })
}

func (w *world) shown() string {
	var out []string
	for n := range w.graph.View().Nodes() {
		c := n.Attrs.Get(entity.KeyCaptures)
		if c.IsZero() {
			continue
		}
		line := n.Host + " " + n.Attrs.Get("Name").Str()
		for _, v := range c.List() {
			line += " " + v.Map().Get("ID").Str() + "=" + v.Map().Get("State").Str()
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// captures returns what a node says of captures.
func (w *world) captures(e entity.Event) entity.Value {
	if n := w.graph.View().Node(e.UUID()); n != nil {
		return n.Attrs.Get(entity.KeyCaptures)
	}
	return entity.Value{}
}
