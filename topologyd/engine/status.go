package engine

import (
	"context"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// Status is the state of the engine in numbers; counts are since the start.
type Status struct {
	Graph   graph.Stats
	Started time.Time
	// LogRecords and LogBytes are what the event log holds.
	LogRecords, LogBytes uint64
	// Records and Events were logged, Replayed read back at the start.
	Records, Events, Replayed uint64
	// LogErrors counts records that the log refused, Busy the submissions turned
	// away because too many events waited.
	LogErrors, Busy uint64
	// Waiting is the number of events in the queue.
	Waiting int64
	// Metrics counts counter reports taken, MetricsUnknown those of nodes that
	// are not known or that are older than what is known.
	Metrics, MetricsUnknown   uint64
	Snapshots, SnapshotErrors uint64
	// Subscribers is the number of open subscriptions, CutOff of those that were
	// ended because they fell behind.
	Subscribers int
	CutOff      uint64
}

// Status returns the state of a running engine.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	if !e.running.Load() {
		return Status{}, ErrStopped
	}
	c := &e.counters
	s := Status{
		Graph: e.graph.Stats(), Started: e.started,
		Records: c.records.Load(), Events: c.events.Load(), Replayed: c.replayed.Load(),
		LogErrors: c.logErrors.Load(), Busy: c.batchesBusy.Load(), Waiting: e.waiting.Load(),
		Metrics: c.metrics.Load(), MetricsUnknown: c.metricsUnknown.Load(),
		Snapshots: c.snapshots.Load(), SnapshotErrors: c.snapErrors.Load(),
	}
	e.recent.mu.Lock()
	s.Subscribers, s.CutOff = e.recent.subscribers, e.recent.cutOff
	e.recent.mu.Unlock()
	var err error
	s.LogRecords, s.LogBytes, err = e.log.Size(ctx)
	return s, err
}
