package gremlin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// Flows gives the flows that Flows and what follows it ask for, and the
// counters that Metrics shows of other times. Its methods may be called by
// several runs at once. An error ends a sequence; an iteration may be left at
// any time.
type Flows interface {
	// Flows yields the flows that match, each once. What a query asks for is a
	// hint: the run checks every condition and the window again, so an answer may
	// hold too much, and never too little. Conditions name fields and values as
	// queries write them (Network.Protocol in capitals); none speaks of a time.
	// A record may be used again for the next one.
	Flows(ctx context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error]
	// Updates yields what each report in [from, to] (Unix nanoseconds) added to
	// the flows, of each flow in ascending order. A report is of the time of its
	// last packet.
	Updates(ctx context.Context, ids []flowrecord.ID, from, to int64) iter.Seq2[flowrecord.Update, error]
	// Counters yields the reports of the counters of nodes, by their IDs, in
	// [from, to] (Unix nanoseconds), of each node in ascending order.
	Counters(ctx context.Context, nodes []entity.UUID, from, to int64) iter.Seq2[Counters, error]
}

// Counters is one report of the counters of a node.
type Counters struct {
	// Node is the ID of the node.
	Node entity.UUID
	// Time is when they were read, Unix nanoseconds.
	Time int64
	// Values are the counters, counted from when the interface was made.
	Values entity.Attrs
}

// Sources is where a run finds what the graph itself does not hold.
type Sources struct {
	// Past gives the graph at other times; nil means that only NOW can be asked
	// about.
	Past Past
	// Flows gives flows and counters; nil means that none are kept.
	Flows Flows
	// Packets gives the packets of flows; nil means that none are kept. CompileBPF
	// compiles what BPF is given.
	Packets    Packets
	CompileBPF CompileBPF
	// At is the time of the graph that is asked, zero when it is the live one.
	At time.Time
}

// RunOn is [Query.Run] with sources; v is the graph that G stands for, and NOW.
// The error may also be a *TimeError or a *FlowError.
func (q *Query) RunOn(ctx context.Context, v *graph.View, src Sources, lim Limits) (*Result, error) {
	return q.run(ctx, v, src, time.Now(), lim)
}

// FlowError says that the source of flows could not give what a step asked for.
// It wraps the error of the [Flows].
type FlowError struct {
	Position
	// Step is Flows, Metrics, RawPackets or BPF.
	Step string
	Err  error
}

func (e *FlowError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Position, e.Step, e.Err) }

// Unwrap returns the error of the Flows.
func (e *FlowError) Unwrap() error { return e.Err }

// window is the time that the steps speak of: now, or [from, to] in Unix
// nanoseconds.
type window struct {
	past     bool
	from, to int64
	// point is set when there is no duration, open when it has no beginning.
	point, open bool
}

// pointAt is the window of a single time. Times in queries are whole
// milliseconds, so a window goes to the end of its last one.
func pointAt(t time.Time) window {
	ms := t.UnixMilli()
	return window{past: true, from: nanos(ms), to: nanos(ms) + int64(time.Millisecond) - 1, point: true}
}

// nanos is a time in milliseconds as nanoseconds, the nearest there is.
func nanos(ms int64) int64 {
	const most = math.MaxInt64 / int64(time.Millisecond)
	return max(-most, min(ms, most-1)) * int64(time.Millisecond)
}

// window is what a moment at the time t means for flows.
func (m *moment) window(t time.Time) window {
	w := pointAt(t)
	switch {
	case m.forever:
		w.from, w.point, w.open = 0, false, true
	case m.slice:
		w.from, w.point = nanos(t.Add(-m.back).UnixMilli()), false
	}
	return w
}

// holds tells whether a flow belongs to the window.
func (w *window) holds(r *flowrecord.Record) bool {
	return !w.past || w.meets(r.Metric.Start, r.Metric.Last)
}

// meets tells whether [start, last] and the window have some time in common.
func (w *window) meets(start, last int64) bool { return start <= w.to && last >= w.from }

// flows returns the source of flows, nil when there is none, which ends the
// run.
func (x *exec) source(s *call) Flows {
	if x.src.Flows == nil {
		x.fail(&EvalError{Position: positionAt(x.text, s.pos), Step: s.name, Reason: "no flows are kept here"})
	}
	return x.src.Flows
}

// drain visits what a source of flows gives, within the time of the run.
func drain[T any](x *exec, s *call, ask func(context.Context) iter.Seq2[T, error], visit func(T) bool) {
	ctx, cancel := context.WithTimeout(x.ctx, x.lim.Time-time.Since(x.start))
	defer cancel()
	for e, err := range ask(ctx) {
		if err != nil {
			x.sourceFailed(err, &FlowError{positionAt(x.text, s.pos), s.name, err})
			return
		}
		if !x.visit() || !visit(e) {
			return
		}
	}
}

// sourceFailed ends the run because of an error of a source; what is the error
// to give when neither client nor limit is the reason.
func (x *exec) sourceFailed(err, what error) {
	switch {
	case x.ctx.Err() != nil:
		x.fail(x.ended())
	case errors.Is(err, context.DeadlineExceeded):
		x.fail(&LimitError{"time", x.lim.Time.String(), hintNarrow})
	default:
		x.fail(what)
	}
}
