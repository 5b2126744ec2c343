package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/alertmanager"
	"github.com/skein-net/skein/topologyd/confile"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Sender tells people of alerts.
type Sender interface {
	// Send takes states of alerts and returns at once.
	Send(now time.Time, alerts []alertmanager.Outgoing)
}

// Hub follows queries (package live).
type Hub interface {
	Follow(ctx context.Context, q *gremlin.Query, from uint64) (*live.Watch, error)
}

// Deps are what a manager stands on.
type Deps struct {
	Definitions *definition.Store
	// View returns the current graph.
	View func() *graph.View
	// Subscribe follows the changes after the current graph.
	Subscribe func() (live.Changes, error)
	Hub       Hub
	// Sources are where queries find what the graph does not hold: flows, the past.
	Sources gremlin.Sources
	// Sender is told of alerts, nil: nobody is. ExternalLabels are those that it adds,
	// for templates; nil: none.
	Sender         Sender
	ExternalLabels func() map[string]string
	// Now is the clock, nil is [time.Now].
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Manager runs graph rules. It is made by New and runs between Start and Stop;
// its other methods may be called concurrently at any time.
type Manager struct {
	cfg      Config
	deps     Deps
	n        *counters
	eval     *evaluator
	recent   *recent
	interest *interest
	total    atomic.Int64 // alerts of all rules
	found    atomic.Int64 // things that all rules found
	noted    atomic.Int64 // bytes of what is added to alerts
	dirty    atomic.Bool  // something changed since it was saved

	externalLabels atomic.Pointer[map[string]string]

	done sync.WaitGroup
	stop context.CancelFunc

	began time.Time // when it was started

	// Of the goroutine that runs:
	files *confile.Files[[]alert.Group]
	// listener notes what changes in the graph, since there were rules.
	listener  sync.WaitGroup
	listening bool
	read      bool                  // definitions were known when rules were last applied
	left      map[string]*savedRule // what was saved of rules that are not there yet
	said      string                // the last failure to save that was logged

	mu     sync.Mutex
	rules  []*runner // in the order of wanted
	wanted *wanted
}

// New returns a manager that is not started and registers its metrics.
func New(cfg Config, deps Deps) (*Manager, error) {
	m := &Manager{cfg: cfg, deps: deps, recent: newRecent(recentElements), interest: new(interest), wanted: &wanted{}}
	if m.deps.Now == nil {
		m.deps.Now = time.Now
	}
	m.eval = newEvaluator(&m.cfg, func(ctx context.Context, q *gremlin.Query, lim gremlin.Limits) (*gremlin.Result, error) {
		return q.RunOn(ctx, deps.View(), deps.Sources, lim)
	})
	var err error
	if m.files, err = newFiles(cfg.RuleFiles, deps.Log); err != nil {
		return nil, fmt.Errorf("set up alerts: %w", err)
	}
	if m.n, err = newCounters(m, deps.Registerer); err != nil {
		return nil, err
	}
	return m, nil
}

// Start begins to read rules and to run them.
func (m *Manager) Start() {
	var ctx context.Context
	ctx, m.stop = context.WithCancel(context.Background())
	m.began = time.Now()
	m.done.Go(func() { m.run(ctx) })
}

// Stop ends all rules and saves what fires. Nobody is told that anything ended:
// nothing did.
func (m *Manager) Stop() {
	if m.stop != nil {
		m.stop()
		m.done.Wait()
	}
}

// run reads rules until ctx ends, and keeps one runner for each.
func (m *Manager) run(ctx context.Context) {
	m.restore()
	m.labels()
	look := time.NewTicker(m.cfg.FilesEvery)
	defer look.Stop()
	save := time.NewTicker(m.cfg.SaveEvery)
	defer save.Stop()
	defer m.listener.Wait()
	m.files.Read(m.deps.Now())
	var defs <-chan struct{} // closed when definitions are others than those applied
	for changed := true; ; {
		if changed {
			defs = m.deps.Definitions.Changed()
			m.apply(ctx)
		}
		changed = false
		select {
		case <-defs:
			changed = true
		case <-look.C:
			changed = m.files.Read(m.deps.Now()) || !m.read && m.deps.Definitions.Ready()
		case <-save.C:
			m.labels()
			if m.dirty.Load() {
				// What takes long to write is written less often.
				save.Reset(max(m.cfg.SaveEvery, savePause*m.save()))
			}
		case <-ctx.Done():
			for _, r := range m.list() {
				r.done.Wait()
			}
			m.save()
			return
		}
	}
}

// list returns the rules that run.
func (m *Manager) list() []*runner {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rules
}

// apply starts, changes and ends rules as files and definitions say now.
func (m *Manager) apply(ctx context.Context) {
	m.read = m.deps.Definitions.Ready()
	w := want(m.files.List(), m.deps.Definitions.List(Kind), m.read, &m.cfg)
	old, defined := make(map[string]*runner), make(map[string]*runner)
	for _, r := range m.list() {
		old[r.w.key] = r
		if r.c != nil && r.w.definition != "" {
			defined[r.w.definition] = r
		}
	}
	rules := make([]*runner, len(w.rules))
	var begin []*runner
	for i, x := range w.rules {
		r := old[x.key]
		if kept := defined[x.definition]; x.unread && kept != nil { // it goes on as it was
			delete(old, kept.w.key)
			kept.setWish(kept.w.failing(x))
			rules[i] = kept
			continue
		}
		if r != nil && r.w.same(x) {
			delete(old, x.key)
			r.setWish(x)
			rules[i] = r
			continue
		}
		rules[i] = newRunner(m, x)
		begin = append(begin, rules[i])
	}
	var over []*runner
	for key, r := range old {
		kept := r.end()
		if w.has(key) && kept != nil {
			m.left[key] = kept
		} else {
			over = append(over, r)
		}
	}
	for _, r := range begin {
		if s := m.left[r.w.key]; s != nil {
			delete(m.left, r.w.key)
			r.restore(s)
		}
	}
	if w.sure { // what is not there now is gone
		clear(m.left)
	}
	if len(over) > 0 {
		firing := make(map[string]bool)
		for _, r := range rules {
			r.firing(firing)
		}
		for _, r := range over {
			r.resolveAll(firing)
		}
	}
	m.mu.Lock()
	m.rules, m.wanted = rules, w
	m.mu.Unlock()
	who := make([]caring, len(rules))
	for i, r := range rules {
		who[i] = r
	}
	m.interest.set(who)
	if len(rules) > 0 && !m.listening {
		m.listening = true
		m.hearken(ctx)
	}
	for _, r := range begin {
		r.start(ctx)
	}
	m.dirty.Store(true)
}

// hearken begins to note what changes in the graph, and returns once that was
// tried: rules that begin afterwards miss nothing.
func (m *Manager) hearken(ctx context.Context) {
	tried := make(chan struct{})
	m.listener.Go(func() { m.listen(ctx, tried) })
	<-tried
}

// listen notes what changes in the graph until ctx ends, and closes a channel when
// it tried to for the first time.
func (m *Manager) listen(ctx context.Context, tried chan<- struct{}) {
	for first := true; ctx.Err() == nil || first; first = false {
		changes, err := m.deps.Subscribe()
		if first {
			close(tried)
		}
		if err == nil {
			if !first {
				for _, r := range m.list() {
					r.mark() // whatever happened meanwhile
				}
			}
			err = m.hear(ctx, changes)
		}
		if ctx.Err() != nil {
			return
		}
		m.deps.Log.Debug("alerts follow the graph anew", "reason", err)
		sleep(ctx, m.cfg.Retry)
	}
}

// hear notes changes until there are no more to be had.
func (m *Manager) hear(ctx context.Context, changes live.Changes) error {
	defer changes.Close()
	if v := changes.View(); v != nil {
		m.recent.begin(v.Revision())
	}
	for {
		list, err := changes.Next(ctx)
		if err != nil {
			return err
		}
		m.recent.note(list)
		m.interest.note(list)
	}
}
