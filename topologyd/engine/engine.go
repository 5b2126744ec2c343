package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/past"
)

// Config holds what can be set about the engine.
type Config struct {
	Log   eventlog.Config
	Graph graph.Config
	Past  past.Config
	// Batch is the most events in one log record; BatchBytes about the most
	// bytes.
	Batch, BatchBytes int
	// InFlight is how many records are on their way to the log and the graph at
	// the same time. While they are, what arrives forms the next batch.
	InFlight int
	// Queue is how many events may wait to be logged; more wait outside, as long
	// as their senders do.
	Queue int
	// SweepEvery is how often overdue facets are looked for.
	SweepEvery time.Duration
	// HeardEvery is how often replicas tell one another of reports that changed
	// nothing.
	HeardEvery time.Duration
	// SnapshotEvery is after how many logged events, but at least half as many as
	// there are nodes, and SnapshotAge after how long a time with at least one, the
	// graph is written to a snapshot.
	SnapshotEvery uint64
	SnapshotAge   time.Duration
	// SharedAge is how old the newest snapshot that replicas share may be; they
	// are made only when there are replicas.
	SharedAge time.Duration
	// StartWait bounds how long Start waits for a log that others hold; after
	// that the graph is served as it was last known here.
	StartWait time.Duration
	// Recent is how many changes are kept for subscribers, those that resume
	// included; a subscriber that falls further behind is cut off. Fewer are kept,
	// about 48 MiB, when no subscriber has to read them.
	Recent int
}

// DefaultConfig returns the defaults for a data directory.
func DefaultConfig(dir string) Config {
	return Config{
		Log: eventlog.DefaultConfig(dir), Graph: graph.DefaultConfig(), Past: past.DefaultConfig(filepath.Join(dir, "past")),
		Batch: 1000, BatchBytes: 4 << 20, InFlight: 3, Queue: 100_000, SweepEvery: time.Second, HeardEvery: time.Second,
		SnapshotEvery: 200_000, SnapshotAge: 5 * time.Minute, SharedAge: 6 * time.Hour, StartWait: 15 * time.Second, Recent: 100_000,
	}
}

// Errors of Submit.
var (
	ErrBusy    = errors.New("too many events are waiting to be logged; send again later")
	ErrStopped = errors.New("the daemon is stopping")
	ErrLog     = errors.New("the event log does not take the events")
)

// Item is one event and, when it came in an encoded form whose repetition can
// be recognized, a fingerprint of that form without its time; 0 is none. Equal
// fingerprints mean equal content.
type Item struct {
	Event       entity.Event
	Fingerprint uint64
}

// Metric is the counters of one interface at one time.
type Metric struct {
	Node   entity.UUID
	Time   time.Time
	Values entity.Attrs
}

// Summary tells what became of the events of a Submit.
type Summary struct{ Changed, Unchanged, Outdated int }

// Engine is made by New and runs between Start and Stop. Its methods may be
// called concurrently; Submit works only while it runs.
type Engine struct {
	cfg    Config
	logger *slog.Logger
	// origin names this run of the daemon in the records it writes.
	origin entity.UUID

	graph *graph.Graph
	views views
	log   *eventlog.Log
	past  *past.Store
	lease *eventlog.Lease
	bus   *eventlog.Bus
	// busDropped counts messages of the bus that came faster than they were
	// taken; nil alone.
	busDropped func() int
	recent

	queue   chan *request
	marks   chan []graph.Change
	flight  flight
	waiting atomic.Int64 // events in the queue
	spare   []byte       // the proposer's: a buffer that is free

	record atomic.Uint64     // number of the last record that the graph holds
	asks   chan chan settled // of Digest to the applier

	stop     chan struct{}
	ended    chan struct{} // closed when the proposer has ended
	follow   context.CancelFunc
	proposed sync.WaitGroup // proposer and sweeper
	applied  sync.WaitGroup // follower and applier
	started  time.Time
	running  atomic.Bool
	failed   chan error

	counters counters
}

// counters are what the engine did since it started.
type counters struct {
	records, events, logErrors, batchesBusy         atomic.Uint64
	metrics, metricsUnknown, snapshots, snapErrors  atomic.Uint64
	replayed, applied, missing, corrupt, pastErrors atomic.Uint64
	clockBack, heardSent, heardTaken, heardDropped  atomic.Uint64
}

// New returns an engine that is not started.
func New(cfg Config, logger *slog.Logger) *Engine {
	e := &Engine{
		cfg: cfg, logger: logger, graph: graph.New(cfg.Graph),
		queue: make(chan *request, 1024), marks: make(chan []graph.Change, 64),
		asks: make(chan chan settled), stop: make(chan struct{}), ended: make(chan struct{}), failed: make(chan error, 1),
	}
	_, _ = rand.Read(e.origin[:]) // never fails (crypto/rand)
	e.flight.init(cfg.InFlight)
	e.recent.init(cfg.Recent)
	return e
}

// now returns the time on a clock that never goes back while the daemon runs,
// by which it judges how long sources have been silent.
func (e *Engine) now() time.Time { return e.started.Add(time.Since(e.started)) }

// Stop ends the engine: what waits is logged, a last snapshot is written and
// the log closed. Submit fails from then on, and subscriptions end.
func (e *Engine) Stop(ctx context.Context) error {
	if !e.running.CompareAndSwap(true, false) {
		return nil
	}
	close(e.stop)
	ended := make(chan struct{})
	go func() {
		e.proposed.Wait()
		e.follow()
		e.applied.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("stop engine: %w", ctx.Err())
		e.follow()
	}
	e.recent.end()
	err = errors.Join(err, e.close())
	<-ended
	return err
}

// close closes what Start opened, as far as it came.
func (e *Engine) close() error {
	var errs []error
	if e.lease != nil {
		e.lease.Stop()
	}
	if e.past != nil {
		errs = append(errs, e.past.Close())
	}
	if e.log != nil {
		errs = append(errs, e.log.Close())
	}
	return errors.Join(errs...)
}

// Failed tells that the engine can not go on: what is in the log cannot be
// applied. The graph is still served as it was before.
func (e *Engine) Failed() <-chan error { return e.failed }

// Leads reports whether this daemon is the one that decides for all replicas
// what no source decides, such as expiry. A single daemon always is.
func (e *Engine) Leads() bool { return e.running.Load() && e.lease.Held() }

// Log returns the log of a running engine, for what is kept beside the events.
func (e *Engine) Log() *eventlog.Log { return e.log }

// Touch notes reports that change nothing by their fingerprints: hit[i] is set
// when lines[i] is what a facet said last. Times are Unix nanoseconds on the
// source's clock.
func (e *Engine) Touch(lines []uint64, times []int64, hit []bool) {
	if !e.running.Load() {
		return
	}
	if marks := e.graph.Touch(lines, times, hit, e.now(), nil); len(marks) > 0 {
		e.announce(marks)
	}
}

// SubmitMetrics notes counters of interfaces and returns how many were taken:
// those of nodes that are not known, or older than what is known, are not.
func (e *Engine) SubmitMetrics(_ context.Context, metrics []Metric) (taken int) {
	for i := range metrics {
		if e.graph.SetMetric(metrics[i].Node, metrics[i].Time, metrics[i].Values) {
			taken++
		}
	}
	e.views.expire()
	e.counters.metrics.Add(uint64(taken))
	e.counters.metricsUnknown.Add(uint64(len(metrics) - taken))
	return taken
}

// settled is a view and the record after which it was taken.
type settled struct {
	record uint64
	view   *graph.View
}

// Digest is the fingerprint of the graph after a record of the log.
type Digest struct {
	Log      string
	Record   uint64
	Revision uint64
	Graph    graph.Digest
}

// Digest returns the digest of the graph as it was after the last record that
// was applied. Replicas at the same record have the same digest.
func (e *Engine) Digest(ctx context.Context) (Digest, error) {
	if !e.running.Load() {
		return Digest{}, ErrStopped
	}
	answer := make(chan settled, 1)
	select {
	case e.asks <- answer:
	case <-e.stop:
		return Digest{}, ErrStopped
	case <-ctx.Done():
		return Digest{}, fmt.Errorf("wait for the graph to rest: %w", ctx.Err())
	}
	s := <-answer
	return Digest{Log: e.log.ID(), Record: s.record, Revision: s.view.Revision(), Graph: s.view.Digest()}, nil
}
