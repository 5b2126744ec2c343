package ingest

import (
	"context"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/flows"
)

// Sinks are where what was received goes.
type Sinks struct {
	Events Sink
	// Graph tells what of others there is, for senders that may speak of some hosts
	// alone. With nil only what an event itself says decides, and counters of such
	// senders are passed over.
	Graph Graph
	// Flows and Series are nil when the daemon keeps no flows: then flow records
	// are counted and passed over, and of counters only the newest are noted.
	Flows  FlowSink
	Series SeriesSink
}

// FlowSink takes flow records. [flows.Flows] is one, and its documentation says
// what the errors mean.
type FlowSink interface {
	// Take returns when the records are stored. What they point to is the sink's
	// from then on, the slice is not.
	Take(ctx context.Context, reports []flowrecord.Record) (flows.Taken, error)
}

// SeriesSink keeps counters of interfaces over time.
type SeriesSink interface {
	// WriteCounters returns when the counters are kept. It keeps no memory of
	// them.
	WriteCounters(ctx context.Context, ms []engine.Metric) error
}

// Sink takes decoded events. [engine.Engine] is one, and its documentation
// says what the errors mean.
type Sink interface {
	// Touch sets hit[i] where fps[i] is the fingerprint of the current state of
	// its facet, and moves that facet's last report to times[i] (Unix
	// nanoseconds). A fingerprint of 0 is nobody's.
	Touch(fps []uint64, times []int64, hit []bool)
	// Submit returns when the events are logged and applied. They are the
	// sink's from then on.
	Submit(ctx context.Context, batch []engine.Item) (engine.Summary, error)
	// SubmitMetrics notes counters and returns how many were of known nodes.
	SubmitMetrics(ctx context.Context, ms []engine.Metric) (taken int)
}
