package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Config holds the limits of rules.
type Config struct {
	// Query are the limits of each query of a rule.
	Query gremlin.Limits
	// MaxNodes is how many nodes one query of a rule may find, MaxEdges how many
	// edges one rule may make, MaxFacets of how many nodes all rules and fabrics
	// together may speak, counting a node once for each rule.
	MaxNodes, MaxEdges, MaxFacets int
	// Debounce is how long changes are gathered before rules are evaluated.
	Debounce time.Duration
	// Pause is the least time between two evaluations, in multiples of how long
	// the last one took: 9 is a tenth of one core.
	Pause int
	// Recheck is how often rules are evaluated although nothing seems to have
	// changed.
	Recheck time.Duration
	// LeadCheck is how often Leads is asked.
	LeadCheck time.Duration
	// Batch is how many events are submitted at once, SubmitTimeout how long that
	// may take, Retry how long to wait after it failed.
	Batch                int
	SubmitTimeout, Retry time.Duration
	// A facet that comes back to what it said a few steps before more than
	// FlapLimit times, with less than FlapWindow between them, is left as it is
	// for HoldMin, and twice as long each time it goes on, up to HoldMax.
	FlapLimit                    int
	FlapWindow, HoldMin, HoldMax time.Duration
}

// DefaultConfig returns the limits of a daemon that nobody configured.
func DefaultConfig() Config {
	q := gremlin.DefaultLimits()
	q.Time, q.Visited, q.Memory, q.Results = 5*time.Second, 5_000_000, 64<<20, 1_000_000
	return Config{
		Query: q, MaxNodes: 10_000, MaxEdges: 50_000, MaxFacets: 200_000,
		Debounce: 100 * time.Millisecond, Pause: 9, Recheck: 30 * time.Second, LeadCheck: 500 * time.Millisecond,
		Batch: 500, SubmitTimeout: 10 * time.Second, Retry: time.Second,
		FlapLimit: 5, FlapWindow: time.Minute, HoldMin: 10 * time.Second, HoldMax: 5 * time.Minute,
	}
}

// Changes is a subscription to the changes of the graph.
type Changes interface {
	// Next waits for the next changes. After an error the subscription is of no
	// use.
	Next(ctx context.Context) ([]graph.Change, error)
	Close()
}

// Deps are what a manager stands on.
type Deps struct {
	Definitions *definition.Store
	// View returns the current graph.
	View func() *graph.View
	// Subscribe follows the changes after the current graph.
	Subscribe func() (Changes, error)
	// Submit puts events into the log and the graph and returns when View shows
	// them. The events are its own from then on.
	Submit func(ctx context.Context, events []entity.Event) error
	// Leads tells whether this replica applies rules.
	Leads      func() bool
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Manager keeps the graph as definitions ask for. It is made by New and runs
// between Start and Stop.
type Manager struct {
	cfg  Config
	deps Deps
	n    *counters
	done sync.WaitGroup
	stop context.CancelFunc

	damping *damping
	dirty   chan struct{}
	cares   atomic.Pointer[interest]
	cared   chan struct{} // told when cares changed
	last    int64         // time of the last event, Unix nanoseconds
	said    string        // the last failure to submit that was logged

	mu     sync.Mutex
	leads  bool
	status map[string]Status
	seen   map[string]uint64 // revision of the definition that status is about
}

// New returns a manager that is not started and registers its metrics.
func New(cfg Config, deps Deps) (*Manager, error) {
	n, err := newCounters(deps.Registerer)
	if err != nil {
		return nil, err
	}
	m := &Manager{cfg: cfg, deps: deps, n: n, damping: newDamping(cfg), dirty: make(chan struct{}, 1), cared: make(chan struct{}, 1)}
	m.cares.Store(&interest{none: true})
	return m, nil
}

// Start begins to apply rules.
func (m *Manager) Start() {
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.done.Go(func() { m.run(ctx) })
}

// Stop ends the manager. What rules made stays in the graph.
func (m *Manager) Stop() {
	if m.stop != nil {
		m.stop()
		m.done.Wait()
	}
}

// run waits to lead, and applies rules while it does.
func (m *Manager) run(ctx context.Context) {
	tick := time.NewTicker(m.cfg.LeadCheck)
	defer tick.Stop()
	for {
		// Without the definitions all that rules made would look like an orphan.
		if m.deps.Leads() && m.deps.Definitions.Ready() {
			m.lead(ctx, tick.C)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// lead applies rules until ctx ends or another replica leads.
func (m *Manager) lead(ctx context.Context, tick <-chan time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	var follower sync.WaitGroup
	defer func() {
		cancel()
		follower.Wait()
		m.setLeads(false)
	}()
	m.setLeads(true)
	follower.Go(func() { m.follow(ctx) })
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		changed := m.deps.Definitions.Changed()
		next := m.evaluate(ctx)
		wake.Reset(max(time.Until(next), 0))
		waiting := true
		for waiting {
			select {
			case <-changed:
				waiting = false
			case <-m.dirty:
				waiting = false
			case <-wake.C:
				waiting = false
			case <-tick:
				if !m.deps.Leads() {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func (m *Manager) setLeads(leads bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leads, m.status, m.seen = leads, nil, nil
}

// follow tells when the graph changed in a way that matters.
func (m *Manager) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if m.cares.Load().none { // nobody asks: do not even listen
			select {
			case <-m.cared:
			case <-ctx.Done():
			}
			continue
		}
		if err := m.watch(ctx); err != nil && ctx.Err() == nil {
			m.deps.Log.Debug("rules follow the graph anew", "reason", err)
			m.mark()
			sleep(ctx, m.cfg.Retry)
		}
	}
}

func (m *Manager) watch(ctx context.Context) error {
	changes, err := m.deps.Subscribe()
	if err != nil {
		return fmt.Errorf("subscribe to the graph: %w", err)
	}
	defer changes.Close()
	m.mark() // whatever happened before
	for {
		list, err := changes.Next(ctx)
		if err != nil {
			return err
		}
		cares := m.cares.Load()
		if cares.none {
			return nil
		}
		for i := range list {
			if cares.wants(&list[i]) {
				m.mark()
				break
			}
		}
	}
}

// mark asks for an evaluation.
func (m *Manager) mark() {
	select {
	case m.dirty <- struct{}{}:
	default:
	}
}

// care notes what changes matter from now on.
func (m *Manager) care(i *interest) {
	m.cares.Store(i)
	select {
	case m.cared <- struct{}{}:
	default:
	}
}

// sleep waits and reports whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// counters are the metrics of the package.
type counters struct {
	evaluations *prometheus.CounterVec // result
	events      *prometheus.CounterVec // kind
	seconds     prometheus.Counter
	held        prometheus.Gauge
	facets      prometheus.Gauge
}

func newCounters(reg prometheus.Registerer) (*counters, error) {
	c := &counters{
		evaluations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_rules_evaluations_total",
			Help: "Evaluations of all rules by result: ok, failed (a rule has an error), refused (the graph did not take the events)."}, []string{"result"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_rules_events_total",
			Help: "Events that rules submitted, by kind."}, []string{"kind"}),
		seconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "topologyd_rules_seconds_total",
			Help: "Time that the evaluation of rules took."}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{Name: "topologyd_rules_held",
			Help: "Nodes left as they are for a while because a rule turned on and off for them."}),
		facets: prometheus.NewGauge(prometheus.GaugeOpts{Name: "topologyd_rules_facets",
			Help: "What rules and fabrics say of nodes, one for each rule and node."}),
	}
	for _, m := range []prometheus.Collector{c.evaluations, c.events, c.seconds, c.held, c.facets} {
		if err := reg.Register(m); err != nil {
			return nil, fmt.Errorf("register metrics of rules: %w", err)
		}
	}
	return c, nil
}

var errNotLeading = errors.New("another replica leads now")
