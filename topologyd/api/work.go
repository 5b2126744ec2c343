package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/lane"
	"github.com/skein-net/skein/topologyd/past"
)

// work waits for a place for costly work and bounds its time. Queries that run
// within the context share processor time with others as [lane] says. done gives
// the place back.
func (a *API) work(ctx context.Context, limit time.Duration) (bounded context.Context, done func(), f *failure) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	run, err := a.lanes.Enter(bounded)
	if err != nil {
		cancel()
		return nil, nil, queryFailure(err)
	}
	return inLane(bounded, run), func() { run.Leave(); cancel() }, nil
}

// workLong is work that is known to take long, and asks nobody for its turn
// meanwhile: it begins in the slow lane.
func (a *API) workLong(ctx context.Context, limit time.Duration) (bounded context.Context, done func(), f *failure) {
	bounded, done, f = a.work(ctx, limit)
	if f != nil {
		return nil, nil, f
	}
	if err := slowly(bounded); err != nil {
		done()
		return nil, nil, queryFailure(err)
	}
	return bounded, done, nil
}

// slowly changes to the slow lane before something that may take long.
func slowly(ctx context.Context) error {
	if run, ok := ctx.Value(laneKey{}).(*lane.Run); ok {
		return run.Slow(ctx)
	}
	return nil
}

// remember takes memory from what all that is at work may have together.
func remember(ctx context.Context, bytes int) error {
	if run, ok := ctx.Value(laneKey{}).(*lane.Run); ok && !run.Take(bytes) {
		return &gremlin.LimitError{Limit: "memory", Max: "what all queries together may remember",
			Hint: "ask about a part of the graph, or try again when less is asked"}
	}
	return nil
}

// slowPast loads other times in the slow lane.
type slowPast struct{ gremlin.Past }

// At implements [gremlin.Past].
func (p slowPast) At(ctx context.Context, t time.Time) (*graph.View, error) {
	if err := slowly(ctx); err != nil {
		return nil, err
	}
	return p.Past.At(ctx, t)
}

// Slice implements [gremlin.Past].
func (p slowPast) Slice(ctx context.Context, from, to time.Time) (*graph.View, error) {
	if err := slowly(ctx); err != nil {
		return nil, err
	}
	return p.Past.Slice(ctx, from, to)
}

// laneKey is the key of a context under which its [lane.Run] is.
type laneKey struct{}

// inLane returns a context for what a run does. With a view that others wait for
// it keeps its place: they may have the other ones.
func inLane(ctx context.Context, run *lane.Run) context.Context {
	return context.WithValue(past.Holding(ctx, run.Keep), laneKey{}, run)
}

// governed returns limits with the governor of a context that work made.
func governed(ctx context.Context, lim gremlin.Limits) gremlin.Limits {
	if run, ok := ctx.Value(laneKey{}).(*lane.Run); ok {
		lim.Governor = run
	}
	return lim
}

// pacedBuffer takes an answer that is being encoded, and lets others have their
// turn meanwhile: so many may be half done that their length counts as memory.
type pacedBuffer struct {
	ctx context.Context //nolint:containedctx // of the one answer
	limited
}

func (b *pacedBuffer) Write(p []byte) (int, error) {
	// The first piece may be all there is: then it is worth neither a change of
	// lanes nor a refusal.
	if run, ok := b.ctx.Value(laneKey{}).(*lane.Run); ok && b.buf.Len() > 0 {
		if err := run.Pace(b.ctx); err != nil {
			return 0, err
		}
		if err := remember(b.ctx, len(p)); err != nil {
			return 0, err
		}
	}
	return b.limited.Write(p)
}

// busyFailure is for who found no place, nil when err is about something else.
func busyFailure(err error) *failure {
	if !errors.Is(err, lane.ErrBusy) && !errors.Is(err, lane.ErrCrowded) {
		return nil
	}
	f := fail(http.StatusServiceUnavailable, httpx.CodeBusy, "%v; try again in a second", err)
	f.retry = 1
	return f
}

// running returns how many are at work, those that wait for their turn in
// between included.
func (a *API) running() int {
	s := a.lanes.Stats()
	return s.Quick + s.Slow + s.SlowWaiting
}

// gauges tell what is at work now.
func (a *API) gauges() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	return []prometheus.Collector{
		gauge("topologyd_queries_running", "Queries that are being evaluated.", func() float64 { return float64(a.running()) }),
		gauge("topologyd_queries_slow", "Queries that take long: in the slow lane, or waiting for their turn in it.", func() float64 {
			s := a.lanes.Stats()
			return float64(s.Slow + s.SlowWaiting)
		}),
		gauge("topologyd_queries_memory_bytes", "What all queries together remember.", func() float64 { return float64(a.lanes.Stats().Memory) }),
		gauge("topologyd_query_streams", "Answers that go out while their rows are found.", func() float64 { return float64(a.streams.InUse()) }),
	}
}
