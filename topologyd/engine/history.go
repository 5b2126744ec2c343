package engine

import (
	"context"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/past"
)

// At returns the graph as it was at a time. From the time of the last event on
// that is the current graph.
func (e *Engine) At(ctx context.Context, t time.Time) (*graph.View, error) {
	if !e.running.Load() {
		return nil, ErrStopped
	}
	if !t.Before(e.graph.LogTime()) {
		return e.graph.View(), nil
	}
	return e.past.At(ctx, t)
}

// Past returns what was, of a running engine.
func (e *Engine) Past() *past.Store { return e.past }
