package joins

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/join"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logLines collects a log.
type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// world is a table as the graph keeps it, a store of definitions, and a manager.
type world struct {
	t       testing.TB
	kv      *definitiontest.KV
	defs    *definition.Store
	manager *Manager
	reg     *prometheus.Registry
	log     logLines
	leads   atomic.Bool

	mu     sync.Mutex
	rows   map[string]*join.Row
	times  map[string]time.Time // of the last event, also of a deletion
	events int
	refuse error
}

func quick(files ...string) Config {
	cfg := DefaultConfig()
	cfg.Files = files
	cfg.FilesEvery, cfg.LeadCheck, cfg.Recheck, cfg.Retry = time.Millisecond, time.Millisecond, 2*time.Millisecond, time.Millisecond
	cfg.Batch = 3
	return cfg
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, kv: &definitiontest.KV{}, rows: make(map[string]*join.Row), times: make(map[string]time.Time)}
	w.leads.Store(true)
	w.defs = w.store()
	return w
}

func (w *world) store() *definition.Store {
	s, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: w.log.logger(), Leads: w.leads.Load, Now: time.Now}, Kinds())
	require.NoError(w.t, err)
	w.t.Cleanup(s.Stop)
	return s
}

// open reads the definitions and starts a manager.
func (w *world) open(cfg Config) {
	w.t.Helper()
	require.NoError(w.t, w.defs.Start(w.t.Context(), w.kv))
	w.manage(cfg)
}

func (w *world) manage(cfg Config) {
	w.t.Helper()
	w.reg = prometheus.NewRegistry()
	var err error
	w.manager, err = New(cfg, Deps{
		Definitions: w.defs, Table: w.table, Submit: w.submit, Leads: w.leads.Load, Log: w.log.logger(), Registerer: w.reg,
	})
	require.NoError(w.t, err)
	w.manager.Start()
	w.t.Cleanup(w.manager.Stop)
}

// table is the graph's.
func (w *world) table() []InForce {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []InForce
	for _, r := range w.rows {
		out = append(out, InForce{Row: r, Pairs: len(r.Name), Ambiguous: 1, TooMany: 2})
	}
	return out
}

// submit is the engine's: what is older than what is known counts for nothing.
func (w *world) submit(_ context.Context, events []entity.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return w.refuse
	}
	for i := range events {
		e := &events[i]
		if err := e.Validate(); err != nil {
			w.t.Errorf("%+v: %v", e, err)
		}
		name := e.Ref.ID.Get(entity.IDName)
		if e.Type != entity.TypeJoin || e.Source != entity.SourceJoin || e.Interval != 0 {
			w.t.Errorf("not an event of the table: %+v", e)
		}
		w.events++
		if e.Time.Before(w.times[name]) {
			continue
		}
		w.times[name] = e.Time
		if e.Kind == entity.Delete {
			delete(w.rows, name)
			continue
		}
		row, err := join.Parse([]byte(e.Attributes.Get(entity.KeyRow).Str()))
		if err != nil || row.Name != name {
			w.t.Errorf("%v: %v", row, err)
			continue
		}
		w.rows[name] = row
	}
	return nil
}

// put puts a row into the table behind the manager's back.
func (w *world) put(name, text string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows[name], w.times[name] = spec(w.t, text).named(name), at
}

func (w *world) row(name string) *join.Row {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows[name]
}

func (w *world) refuseAll(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = err
}

func (w *world) eventCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	proctest.Eventually(w.t, 20*time.Second, what, func() error {
		if !ok() {
			return errors.New("not so")
		}
		return nil
	})
}

// is waits until a row of the table says something, "" until there is none.
func (w *world) is(name, description string) {
	w.t.Helper()
	w.eventually(name+" is "+description, func() bool {
		r := w.row(name)
		return r == nil && description == "" || r != nil && r.Description == description
	})
}

func (w *world) define(id, text string) *definition.Definition {
	w.t.Helper()
	d, err := w.defs.Create(w.t.Context(), &definition.Definition{Kind: Kind, ID: id, Spec: spec(w.t, text)})
	require.NoError(w.t, err)
	return d
}

// described is an edge row with a description.
func described(text string) string {
	return strings.Replace(edgeSpec, `{`, `{"description":"`+text+`",`, 1)
}
