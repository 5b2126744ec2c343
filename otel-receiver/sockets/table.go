package sockets

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// Table knows the sockets of the host. Its methods may be used by several
// goroutines at once.
type Table struct {
	cfg Config
	log *slog.Logger
	now func() time.Time

	mu        sync.RWMutex
	conns     conns
	listeners listeners
	// local are the addresses of the namespaces that are known, but for loopback.
	local     map[address][]uint64
	addresses map[uint64][]address
	// spaces are the namespaces that are known.
	spaces   map[uint64]bool
	problems []order.Problem

	found, missed, ambiguous atomic.Uint64
	events, lost, refused    atomic.Uint64
	polls, scanned           atomic.Uint64
	busy                     atomic.Int64

	stop context.CancelFunc
	done sync.WaitGroup
}

// New makes a table that knows nothing until it is started.
func New(cfg Config, log *slog.Logger) *Table {
	cfg = cfg.withDefaults()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Table{
		cfg: cfg, log: log, now: time.Now,
		conns: newConns(cfg.MaxSockets), listeners: newListeners(cfg.MaxSockets),
		local: make(map[address][]uint64), addresses: make(map[uint64][]address), spaces: make(map[uint64]bool),
	}
}

// Start begins to look, until Stop is called. What the host lacks is not an error:
// Problems says it, and what is done instead.
func (t *Table) Start(ctx context.Context) error {
	ctx, t.stop = context.WithCancel(context.WithoutCancel(ctx))
	return t.start(ctx)
}

// Stop returns when everything has ended. What is known stays. A table that was
// stopped is not started again.
func (t *Table) Stop() {
	if t.stop != nil {
		t.stop()
	}
	t.done.Wait()
}

// Problems are the features that the host lacks, by name.
func (t *Table) Problems() []order.Problem {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.problems)
}

// problem notes one that lasts; there is one of each feature.
func (t *Table) problem(feature string, err error, fallback string) {
	p := order.Problem{Feature: feature, Error: err.Error(), Fallback: fallback}
	if t.note(p) {
		t.log.Warn("a feature is missing", "feature", feature, "error", err, "fallback", fallback)
	}
}

// note says whether there was no problem of the feature yet.
func (t *Table) note(p order.Problem) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.problems {
		if t.problems[i].Feature == p.Feature {
			t.problems[i] = p
			return false
		}
	}
	t.problems = append(t.problems, p)
	return true
}

// Stats counts what a table does.
type Stats struct {
	// Connections and Listeners are the sockets that are known now, with those
	// that were closed lately; Namespaces the namespaces.
	Connections, Listeners, Namespaces int
	// Found counts ends of flows of which the socket is known, Missed those of
	// which none is, Ambiguous those that could be one of several.
	Found, Missed, Ambiguous uint64
	// Events counts what the programs told, Lost what they could not.
	Events, Lost uint64
	// Evicted counts connections that were given up for others, Refused sockets that
	// were not taken in, because there were too many.
	Evicted, Refused uint64
	// Polls counts rounds of questions to the kernel, Scanned the processes whose
	// descriptors were read, Busy is the time that both took.
	Polls, Scanned uint64
	Busy           time.Duration
}

// Stats returns the counts so far.
func (t *Table) Stats() Stats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Stats{
		Connections: t.conns.n, Listeners: t.listeners.n, Namespaces: len(t.spaces),
		Found: t.found.Load(), Missed: t.missed.Load(), Ambiguous: t.ambiguous.Load(),
		Events: t.events.Load(), Lost: t.lost.Load(),
		Evicted: t.conns.evicted, Refused: t.listeners.refused + t.refused.Load(),
		Polls: t.polls.Load(), Scanned: t.scanned.Load(), Busy: time.Duration(t.busy.Load()),
	}
}
