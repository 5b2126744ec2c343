package engine

import (
	"context"
	"time"

	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/past"
)

// Status is the state of the engine in numbers; counts are since the start.
type Status struct {
	Graph   graph.Stats
	Started time.Time
	// LogRecords and LogBytes are what the event log holds.
	LogRecords, LogBytes uint64
	// Log is the state of the log, Record the number of the last record that the
	// graph holds.
	Log    eventlog.Status
	Record uint64
	// Records and Events were logged by this daemon, Applied is how many events
	// it took from the log, those of others included, Replayed how many of them
	// at the start.
	Records, Events, Applied, Replayed uint64
	// Missing counts records that the log lost, Corrupt those that could not be
	// read.
	Missing, Corrupt uint64
	// ClockBack counts records made while the clock was behind the log.
	ClockBack uint64
	// HeardSent and HeardTaken count reports told to, and by, other replicas,
	// HeardDropped those that did not get through, and messages of them that
	// came too fast.
	HeardSent, HeardTaken, HeardDropped uint64
	// Leads is set on the replica that decides what has expired.
	Leads bool
	// Past is the state of the past.
	Past past.Stats
	// PastErrors counts records whose changes could not be written to the past.
	PastErrors uint64
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
		Records: c.records.Load(), Events: c.events.Load(), Applied: c.applied.Load(), Replayed: c.replayed.Load(),
		Record: e.record.Load(), Missing: c.missing.Load(), Corrupt: c.corrupt.Load(), ClockBack: c.clockBack.Load(),
		HeardSent: c.heardSent.Load(), HeardTaken: c.heardTaken.Load(), HeardDropped: c.heardDropped.Load(),
		Leads: e.Leads(), Past: e.past.Stats(), PastErrors: c.pastErrors.Load(),
		LogErrors: c.logErrors.Load(), Busy: c.batchesBusy.Load(), Waiting: e.waiting.Load(),
		Metrics: c.metrics.Load(), MetricsUnknown: c.metricsUnknown.Load(),
		Snapshots: c.snapshots.Load(), SnapshotErrors: c.snapErrors.Load(),
	}
	if e.busDropped != nil {
		s.HeardDropped += uint64(e.busDropped())
	}
	e.recent.mu.Lock()
	s.Subscribers, s.CutOff = len(e.recent.readers), e.recent.cutOff
	e.recent.mu.Unlock()
	s.Log = e.log.Status(ctx)
	s.LogRecords, s.LogBytes = s.Log.Last+1-s.Log.First, s.Log.Bytes
	if !s.Log.Reachable {
		s.LogRecords = 0
	}
	return s, nil
}
