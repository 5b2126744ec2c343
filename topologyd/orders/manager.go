package orders

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Manager gives orders to hosts while this replica leads. It is made by New and
// runs between Start and Stop; its other methods may be called concurrently at
// any time.
type Manager struct {
	cfg  Config
	deps Deps
	n    *counters
	now  func() time.Time
	done sync.WaitGroup
	stop context.CancelFunc

	// term is the time that this replica leads, nil while it does not.
	term atomic.Pointer[term]
	// last is the time of the last event, Unix nanoseconds; request the last number
	// of a fetch.
	last    atomic.Int64
	request atomic.Uint64
	foreign seldom

	mu      sync.Mutex
	serving sync.WaitGroup // sessions; entered with mu held while ended is false
	ended   bool
	open    int
	byHost  map[string]int // of open
}

// New returns a manager that is not started and registers its metrics.
func New(cfg Config, deps Deps) (*Manager, error) {
	m := &Manager{cfg: cfg, deps: deps, now: deps.Now, byHost: make(map[string]int)}
	if m.now == nil {
		m.now = time.Now
	}
	var err error
	if m.n, err = newCounters(deps.Registerer, m); err != nil {
		return nil, err
	}
	return m, nil
}

// Start begins to give orders.
func (m *Manager) Start() {
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.done.Go(func() { m.run(ctx) })
}

// Stop ends all sessions and the manager. What hosts do goes on, and what the
// graph says of it stays.
func (m *Manager) Stop() {
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	if m.stop != nil {
		m.stop()
	}
	m.done.Wait()
	m.serving.Wait()
}

// Reasons for which a term ends.
var (
	errStopping   = errors.New("this topologyd stops; connect to another one, or again when it is back")
	errNotLeading = errors.New("another topologyd leads now; connect to that one")
)

// run waits to lead, and gives orders while it does.
func (m *Manager) run(ctx context.Context) {
	tick := time.NewTicker(m.cfg.LeadCheck)
	defer tick.Stop()
	for {
		// Without the definitions all captures would look as if they had ended.
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

// lead gives orders until ctx ends or another replica leads.
func (m *Manager) lead(ctx context.Context, tick <-chan time.Time) {
	t := newTerm(ctx, m)
	var facets sync.WaitGroup
	reason := errStopping
	defer func() {
		m.term.Store(nil)
		t.end(reason)
		facets.Wait()
	}()
	t.sync()
	m.term.Store(t)
	facets.Go(t.tell)
	gathered := time.NewTimer(time.Hour)
	defer gathered.Stop()
	waiting := false
	for {
		changed := m.deps.Definitions.Changed()
		t.sync()
		for again := true; again; {
			select {
			case <-changed:
				again = false
			case <-t.dirty:
				if !waiting {
					waiting = true
					gathered.Reset(m.cfg.Debounce)
				}
			case <-gathered.C:
				waiting = false
				t.kick()
			case <-tick:
				if !m.deps.Leads() {
					reason = errNotLeading
					return
				}
				again = !t.tick()
			case <-ctx.Done():
				return
			}
		}
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
