package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/snapshot"
)

// Config holds what can be set about the engine.
type Config struct {
	Log   eventlog.Config
	Graph graph.Config
	// Batch is the most events in one log record; BatchBytes about the most
	// bytes.
	Batch, BatchBytes int
	// Queue is how many events may wait to be logged; more wait outside, as long
	// as their senders do.
	Queue int
	// SweepEvery is how often overdue facets are looked for.
	SweepEvery time.Duration
	// SnapshotEvery is after how many logged events, and SnapshotAge after how
	// long a time with at least one, the graph is written to a snapshot.
	SnapshotEvery uint64
	SnapshotAge   time.Duration
	// Recent is how many changes are kept for subscribers, those that resume
	// included; a subscriber that falls further behind is cut off.
	Recent int
}

// DefaultConfig returns the defaults for a data directory.
func DefaultConfig(dir string) Config {
	return Config{
		Log: eventlog.DefaultConfig(dir), Graph: graph.DefaultConfig(),
		Batch: 1000, BatchBytes: 4 << 20, Queue: 100_000, SweepEvery: time.Second,
		SnapshotEvery: 200_000, SnapshotAge: 5 * time.Minute, Recent: 100_000,
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

	graph *graph.Graph
	log   *eventlog.Log
	recent

	queue   chan *request
	waiting atomic.Int64 // events in the queue
	stop    chan struct{}
	ended   chan struct{} // closed when the writer has ended
	done    sync.WaitGroup
	started time.Time
	running atomic.Bool

	counters counters
}

// counters are what the engine did since it started.
type counters struct {
	records, events, logErrors, batchesBusy        atomic.Uint64
	metrics, metricsUnknown, snapshots, snapErrors atomic.Uint64
	replayed                                       atomic.Uint64
}

// New returns an engine that is not started.
func New(cfg Config, logger *slog.Logger) *Engine {
	e := &Engine{
		cfg: cfg, logger: logger, graph: graph.New(cfg.Graph),
		queue: make(chan *request, 1024), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	e.recent.init(cfg.Recent)
	return e
}

// Start opens the log, brings the graph to where it was and starts the writer.
// It returns when queries can be answered.
func (e *Engine) Start(ctx context.Context) error {
	log, err := eventlog.Open(ctx, e.cfg.Log, e.logger)
	if err != nil {
		return err
	}
	e.log = log
	w := &writer{Engine: e}
	if err := e.restore(ctx, w); err != nil {
		return errors.Join(err, log.Close())
	}
	e.recent.start(e.graph.View().Revision())
	e.started = time.Now()
	e.running.Store(true)
	e.done.Go(w.run)
	e.done.Go(e.sweep)
	return nil
}

// restore reads the snapshot and replays the log from there.
func (e *Engine) restore(ctx context.Context, w *writer) error {
	if err := snapshot.Clean(e.snapshotPath()); err != nil {
		return err
	}
	pos, err := snapshot.Read(e.snapshotPath(), e.graph, time.Now())
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		// The log holds the same and more: say what was lost and go on.
		e.logger.Error("snapshot is unusable, reading the whole event log instead", "error", err)
		e.graph.Reset()
		pos = snapshot.Position{}
	}
	w.record = pos.Record
	err = e.log.Replay(ctx, pos.Record, func(n uint64, b []byte) error {
		rec, err := eventlog.DecodeRecord(b)
		if err != nil {
			return err
		}
		for i := range rec.Events {
			p := e.graph.Prepare(&rec.Events[i], 0)
			e.graph.Apply(&p, rec.At, nil)
		}
		w.record = n
		e.counters.replayed.Add(uint64(len(rec.Events)))
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay event log: %w", err)
	}
	e.graph.Refresh(time.Now())
	return nil
}

func (e *Engine) snapshotPath() string { return filepath.Join(e.cfg.Log.Dir, "snapshot") }

// Stop ends the engine: what waits is logged, a last snapshot is written and
// the log closed. Submit fails from then on, and subscriptions end.
func (e *Engine) Stop(ctx context.Context) error {
	if !e.running.CompareAndSwap(true, false) {
		return nil
	}
	close(e.stop)
	ended := make(chan struct{})
	go func() { e.done.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("stop engine: %w", ctx.Err())
	}
	e.recent.end()
	return e.log.Close()
}

// View returns the current graph.
func (e *Engine) View() *graph.View { return e.graph.View() }

// Touch notes reports that change nothing by their fingerprints: hit[i] is set
// when lines[i] is what a facet said last. Times are Unix nanoseconds on the
// source's clock.
func (e *Engine) Touch(lines []uint64, times []int64, hit []bool) {
	if marks := e.graph.Touch(lines, times, hit, time.Now(), nil); len(marks) > 0 {
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
	e.counters.metrics.Add(uint64(taken))
	e.counters.metricsUnknown.Add(uint64(len(metrics) - taken))
	return taken
}

// sweep looks for overdue facets until the engine stops. What expired goes the
// way of every event, so that it is logged and every replica agrees.
func (e *Engine) sweep() {
	tick := time.NewTicker(e.cfg.SweepEvery)
	defer tick.Stop()
	from := int32(0)
	for {
		select {
		case <-e.stop:
			return
		case <-tick.C:
		}
		for {
			expired, next, marks := e.graph.Sweep(from, time.Now(), nil)
			if len(marks) > 0 {
				e.announce(marks)
			}
			if len(expired) > 0 {
				e.expire(expired)
			}
			if from = next; from == 0 {
				break
			}
		}
	}
}

func (e *Engine) expire(events []entity.Event) {
	items := make([]Item, len(events))
	for i := range events {
		items[i].Event = events[i]
	}
	ctx, cancel := context.WithTimeout(context.Background(), e.cfg.Log.Timeout)
	defer cancel()
	if _, err := e.Submit(ctx, items); err != nil && !errors.Is(err, ErrStopped) {
		e.logger.Warn("expiry is put off", "entities", len(items), "error", err)
	}
}
