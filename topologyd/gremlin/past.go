package gremlin

import (
	"context"
	"fmt"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// Past gives the graph at other times, for At and Context. Its methods may be
// called by several runs at once.
type Past interface {
	// At gives the graph as it was at a time.
	At(ctx context.Context, t time.Time) (*graph.View, error)
	// Slice gives all revisions that were valid at some time in [from, to]; from
	// the zero time on means as far back as anything is kept.
	Slice(ctx context.Context, from, to time.Time) (*graph.View, error)
}

// TimeError says that the past could not give what At or Context asked for. It
// wraps the error of the [Past].
type TimeError struct {
	Position
	// Step is At or Context.
	Step string
	Err  error
}

func (e *TimeError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Position, e.Step, e.Err) }

// Unwrap returns the error of the Past.
func (e *TimeError) Unwrap() error { return e.Err }

// RunPast is [Query.Run] for queries that may speak of other times; v is the
// graph that G stands for, and NOW. The error may also be a *TimeError.
func (q *Query) RunPast(ctx context.Context, v *graph.View, p Past, lim Limits) (*Result, error) {
	return q.run(ctx, v, Sources{Past: p}, time.Now(), lim)
}

// AsksFlows reports whether the query needs [Sources.Flows].
func (q *Query) AsksFlows() bool { return q.asksFlows }

// Travels reports whether the query goes to other times by itself, with At or
// Context.
func (q *Query) Travels() bool { return q.travels }

// travel goes to the graph at a moment. What was asked for once in a run is
// the same graph for all of it.
func (x *exec) travel(s *call, m *moment) {
	if m.live() {
		x.view, x.window = x.base, x.baseWindow
		return
	}
	if v := x.views[m.key]; v != nil {
		x.view, x.window = v, x.windows[m.key]
		return
	}
	if x.src.Past == nil {
		x.fail(&EvalError{Position: positionAt(x.text, s.pos), Step: s.name, Reason: "no past is kept here; only NOW can be asked about"})
		return
	}
	t, err := m.at(x.now)
	if err != nil {
		x.fail(&EvalError{Position: positionAt(x.text, s.pos), Step: s.name, Reason: err.Error()})
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, x.lim.Time-time.Since(x.start))
	defer cancel()
	v, err := m.view(ctx, x.src.Past, t)
	if err != nil {
		x.sourceFailed(err, &TimeError{positionAt(x.text, s.pos), s.name, err})
		return
	}
	if x.views == nil {
		x.views, x.windows = make(map[string]*graph.View), make(map[string]window)
	}
	x.views[m.key], x.view = v, v
	x.window = m.window(t)
	x.windows[m.key] = x.window
}
