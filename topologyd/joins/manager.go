package joins

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/confile"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/join"
)

// Config holds what a manager is told by its daemon, and its limits.
type Config struct {
	// Files are patterns of the files of rows (path/filepath.Match). One without a
	// wildcard names a file that has to be there.
	Files []string
	// FilesEvery is how often files are looked at.
	FilesEvery time.Duration
	// MaxRows is how many rows the table has at most.
	MaxRows int
	// LeadCheck is how often Leads is asked.
	LeadCheck time.Duration
	// Recheck is how often the table is compared although nothing seems to have
	// changed.
	Recheck time.Duration
	// Batch is how many events are submitted at once, SubmitTimeout how long that
	// may take, Retry how long to wait after it failed or came to nothing.
	Batch                int
	SubmitTimeout, Retry time.Duration
}

// DefaultConfig returns the configuration of a daemon that nobody configured.
func DefaultConfig() Config {
	return Config{
		FilesEvery: 2 * time.Second, MaxRows: 1000, LeadCheck: 500 * time.Millisecond, Recheck: 10 * time.Second,
		Batch: 100, SubmitTimeout: 10 * time.Second, Retry: time.Second,
	}
}

// InForce is a row of the table, with what it does in the graph.
type InForce struct {
	Row *join.Row
	// Pairs is how many pairs of entities it joins, Ambiguous under how many keys it
	// does not because several entities of a side have them, TooMany under how many
	// it makes no edges because they would be too many.
	Pairs, Ambiguous, TooMany int
}

// Deps are what a manager stands on.
type Deps struct {
	Definitions *definition.Store
	// Table returns the rows that are in force, in any order.
	Table func() []InForce
	// Submit puts events into the log and the graph and returns when Table shows
	// them. The events are its own from then on.
	Submit func(ctx context.Context, events []entity.Event) error
	// Leads tells whether this replica sees to the table.
	Leads      func() bool
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Manager sees to it that the table of joins is what is wanted. It is made by
// New and runs between Start and Stop; its other methods may be called
// concurrently at any time.
type Manager struct {
	cfg     Config
	deps    Deps
	builtIn []Spec
	n       *counters
	done    sync.WaitGroup
	stop    context.CancelFunc

	// Of the goroutine that runs:
	files *confile.Files[[]Spec]
	last  int64         // time of the last event, Unix nanoseconds
	ahead time.Duration // of the clock, to be newer than what another replica wrote
	said  string        // the last failure to submit that was logged

	mu      sync.Mutex
	known   []file // what files said last
	failure string // why the last submission failed, "" when it did not
	merged  merged
}

// merged is what was wanted last, and of when that is.
type merged struct {
	of  <-chan struct{} // Changed of the definitions
	all *wanted
}

// New returns a manager that is not started and registers its metrics.
func New(cfg Config, deps Deps) (*Manager, error) {
	files, err := newFiles(cfg.Files, deps.Log)
	if err != nil {
		return nil, fmt.Errorf("set up joins: %w", err)
	}
	specs, err := Parse(builtin)
	if err != nil {
		return nil, fmt.Errorf("set up joins: read what is built in: %w", err)
	}
	m := &Manager{cfg: cfg, deps: deps, builtIn: specs, files: files}
	if m.n, err = newCounters(m, deps.Registerer); err != nil {
		return nil, err
	}
	return m, nil
}

// Start begins to read files and to see to the table.
func (m *Manager) Start() {
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.done.Go(func() { m.run(ctx) })
}

// Stop ends the manager. The table stays as it is.
func (m *Manager) Stop() {
	if m.stop != nil {
		m.stop()
		m.done.Wait()
	}
}

// run reads files, and keeps the table while this replica leads.
func (m *Manager) run(ctx context.Context) {
	look, lead := time.NewTicker(m.cfg.FilesEvery), time.NewTicker(m.cfg.LeadCheck)
	defer look.Stop()
	defer lead.Stop()
	m.readFiles()
	var next time.Time // when to compare at the latest
	led := false
	for {
		changed := m.deps.Definitions.Changed()
		// Without the definitions, their rows would look as if nobody wanted them.
		leads := m.deps.Leads() && m.deps.Definitions.Ready()
		if leads && (!led || !time.Now().Before(next)) {
			next = m.keep(ctx)
		}
		led = leads
		select {
		case <-changed:
			next = time.Time{}
		case <-look.C:
			if m.readFiles() {
				next = time.Time{}
			}
		case <-lead.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *Manager) readFiles() (changed bool) {
	if changed = m.files.Read(time.Now()); changed {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.known, m.merged = m.files.List(), merged{}
	}
	return changed
}

// wanted works out what is wanted now.
func (m *Manager) wanted() *wanted {
	m.mu.Lock()
	defer m.mu.Unlock()
	// The channel is another after every change, and is asked for first.
	if of := m.deps.Definitions.Changed(); m.merged.of != of {
		m.merged = merged{of, merge(m.builtIn, m.known, m.deps.Definitions.List(Kind), m.cfg.MaxRows)}
	}
	return m.merged.all
}

// keep brings the table in line with what is wanted once, and returns when to do
// so again at the latest.
func (m *Manager) keep(ctx context.Context) (next time.Time) {
	put, take := m.wanted().difference(m.deps.Table())
	if len(put)+len(take) == 0 {
		m.ahead = 0
		m.note(nil)
		return time.Now().Add(m.cfg.Recheck)
	}
	err := m.submit(ctx, put, take)
	if ctx.Err() != nil {
		return time.Now()
	}
	m.note(err)
	if err == nil {
		put, take = m.wanted().difference(m.deps.Table())
		if len(put)+len(take) == 0 {
			m.ahead = 0
			return time.Now().Add(m.cfg.Recheck)
		}
		// What is there may be of a replica whose clock is ahead: go past it.
		m.ahead = min(max(2*m.ahead, time.Second), 24*time.Hour)
	}
	return time.Now().Add(m.cfg.Retry)
}

// submit submits rows and deletions in batches, while this replica leads.
func (m *Manager) submit(ctx context.Context, put []*join.Row, take []string) error {
	events := make([]entity.Event, 0, len(put)+len(take))
	for _, name := range take {
		events = append(events, entity.Event{Kind: entity.Delete, Ref: entity.JoinRef(name), Source: entity.SourceJoin})
	}
	for _, row := range put {
		events = append(events, entity.Event{Ref: entity.JoinRef(row.Name), Source: entity.SourceJoin,
			Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(row.JSON()))}})
	}
	for batch := range slices.Chunk(events, max(m.cfg.Batch, 1)) {
		if !m.deps.Leads() {
			return nil // the one that leads now does it
		}
		for i := range batch {
			batch[i].Time = m.now()
		}
		timed, cancel := context.WithTimeout(ctx, m.cfg.SubmitTimeout)
		err := m.deps.Submit(timed, slices.Clone(batch))
		cancel()
		if err != nil {
			return fmt.Errorf("change table of joins: %w", err)
		}
		for i := range batch {
			m.n.events.WithLabelValues(batch[i].Kind.String()).Inc()
		}
	}
	return nil
}

// note keeps how the last submission went.
func (m *Manager) note(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != m.said && err != nil {
		m.deps.Log.Warn("joins are not applied yet, trying again", "error", err)
	}
	m.said = text
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = text
}

// now returns a time for an event: after every one before it.
func (m *Manager) now() time.Time {
	m.last = max(time.Now().Add(m.ahead).UnixNano(), m.last+1)
	return time.Unix(0, m.last)
}
