package ingest

import (
	"context"

	"github.com/skein-net/skein/topologyd/engine"
)

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
