package gremlin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// Limits bound what one query may cost. A field that is 0 takes the default,
// a negative one means no limit.
type Limits struct {
	// Time is how long a run may take.
	Time time.Duration
	// Visited is how many nodes, edges and values may be looked at.
	Visited int
	// Memory is how many bytes the steps may take, all together, for what they
	// have to remember (Sort, As, Dedup, the answer itself). It is an estimate
	// and counts attributes that the graph holds anyway as nothing.
	Memory int
	// Results is how many elements the answer may have.
	Results int
	// Bytes is how long the encoded answer may be. It is enforced where the
	// answer is written: [Result.WriteJSON], [Result.WriteNDJSON], [Result.WriteDOT].
	Bytes int
	// Partial asks for what was found so far when a limit is hit, instead of an
	// error. It works for queries all of whose steps pass on what they are given
	// bit by bit, see [Result.Limit]; where a step needs all its input (Count, Sort,
	// Group, SubGraph, ShortestPathTo ...) a limit stays an error.
	Partial bool
	// Governor, if not nil, is asked during the run.
	Governor Governor
}

// DefaultLimits returns the limits of a query that sets none of its own.
func DefaultLimits() Limits {
	return Limits{Time: 10 * time.Second, Visited: 20_000_000, Memory: 256 << 20, Results: 1_000_000, Bytes: 256 << 20}
}

// filled replaces what is not set by the defaults, and no limit by the largest
// number.
func (l Limits) filled() Limits {
	d := DefaultLimits()
	pick := func(n, def int) int {
		switch {
		case n == 0:
			return def
		case n < 0:
			return math.MaxInt - checkEvery
		}
		return min(n, math.MaxInt-checkEvery)
	}
	l.Visited, l.Memory = pick(l.Visited, d.Visited), pick(l.Memory, d.Memory)
	l.Results, l.Bytes = pick(l.Results, d.Results), pick(l.Bytes, d.Bytes)
	switch {
	case l.Time == 0:
		l.Time = d.Time
	case l.Time < 0:
		l.Time = math.MaxInt64
	}
	return l
}

// checkEvery is after how many visited elements clock and context are asked.
const checkEvery = 1024

// flow is what goes from one step to the next: a stream of one kind, not yet
// run. A step that consumes it pushes elements through all steps before it.
type flow struct {
	kind Kind
	// scope is the part of the graph that the steps see; nil is all of it.
	scope *scope
	// slots is the stream of nodes or edges.
	slots  iter.Seq[int32]
	values iter.Seq[entity.Value]
	paths  iter.Seq[[]int32]
	// flows is a stream of flows; a record is valid until the next one.
	flows iter.Seq[*flowrecord.Record]
	// groups is a stream of groups of flows or of metrics.
	groups iter.Seq[*group]
	// packets is a stream of packets.
	packets iter.Seq[*RawPacket]
	// number works out a number, or a single map.
	number func() entity.Value
	// count, when set, counts the stream more cheaply than running it. It need not
	// go on when there are as many as most.
	count func(most int) int
}

// exec is one run of a query.
type exec struct {
	ctx  context.Context
	text string
	// view is the graph that the steps work on now, base the one that was asked.
	view, base *graph.View
	src        Sources
	// fields are those of flows.
	fields *flowrecord.Table
	// window is the time of view, baseWindow that of base.
	window, baseWindow window
	// windows are those of views.
	windows map[string]window
	// views are the graphs at other times, by moment.key.
	views   map[string]*graph.View
	now     time.Time
	lim     Limits
	start   time.Time
	visited int
	// ways are those of a query with Path, nil while none are remembered.
	ways *ways
	// left is how much may still be done before check is called, in visited
	// elements.
	left int
	// partial tells that a limit ends the answer instead of being an error.
	partial bool
	// memory is what was taken so far, in bytes.
	memory int
	// reused is the part of it that sub-traversals use again for each element.
	reused int
	// shared is how much of it the governor gave.
	shared int
	err    error
	named  [][]int32
	// explain is what Explain learns of the run, nil when nobody asks.
	explain *explainer
}

// visit counts an element that is looked at; false means stop.
func (x *exec) visit() bool {
	x.visited++
	x.left--
	return x.left > 0 || x.check()
}

// work counts what takes as long as visiting so many elements, but does not
// count as visited; false means stop.
func (x *exec) work(elements int) bool {
	x.left -= elements
	return x.left > 0 || x.check()
}

func (x *exec) check() bool {
	switch {
	case x.err != nil:
	case x.visited > x.lim.Visited:
		x.err = &LimitError{"visited", strconv.Itoa(x.lim.Visited) + " elements looked at", hintNarrow}
	case x.ctx.Err() != nil:
		x.err = x.ended()
	case time.Since(x.start) > x.lim.Time:
		x.err = &LimitError{"time", x.lim.Time.String(), hintNarrow}
	case !x.pace():
	default:
		x.left = min(checkEvery, x.lim.Visited+1-x.visited)
		return true
	}
	x.left = 0
	return false
}

// ended is the error of a run whose context has ended. Where a part of the
// answer will do, a deadline is a limit like the run's own.
func (x *exec) ended() error {
	cause := context.Cause(x.ctx)
	if x.partial && errors.Is(cause, context.DeadlineExceeded) {
		return &LimitError{"time", time.Since(x.start).Round(time.Millisecond).String(), hintNarrow}
	}
	return fmt.Errorf("run query: %w", cause)
}

// take counts memory that a step is about to take; false means stop. Nothing is
// given back: what a step remembers lives about as long as the run.
func (x *exec) take(bytes int) bool {
	if x.memory += bytes; x.memory <= x.lim.Memory {
		return x.share()
	}
	x.fail(&LimitError{"memory", strconv.Itoa(x.lim.Memory) + " bytes taken by its steps", hintNarrow})
	return false
}

// bitset takes the memory for a set of slots; nil means stop.
func (x *exec) bitset(slots int) bitset {
	if !x.takeAndKeep(slots / 8) {
		return nil
	}
	return newBitset(slots)
}

// Estimates of the memory of one element that is remembered.
const (
	slotBytes  = 4
	valueBytes = 24
	attrBytes  = 40
	sortBytes  = 48 // key and element
	mapBytes   = 48 // an entry of a set of texts, beside the text
)

// fail stops the run with an error.
func (x *exec) fail(err error) {
	if x.err == nil {
		x.err = err
	}
	x.left = 0
}

const (
	hintNarrow = "narrow the query with Has on a key and value close to its start, use Limit or a depth, or raise the limit"
	hintFewer  = "ask for fewer with Limit or Range, for a number with Count, or for single keys with Values, or raise the limit"
)

// Run evaluates the query on a view. The error is a *LimitError, an *EvalError
// (a sum over texts, another time), or wraps the context's.
func (q *Query) Run(ctx context.Context, v *graph.View, lim Limits) (*Result, error) {
	return q.run(ctx, v, Sources{}, time.Now(), lim)
}

func (q *Query) run(ctx context.Context, v *graph.View, src Sources, now time.Time, lim Limits) (*Result, error) {
	return newExec(ctx, q, v, src, now, lim).run(q)
}

func newExec(ctx context.Context, q *Query, v *graph.View, src Sources, now time.Time, lim Limits) *exec {
	x := &exec{
		ctx: ctx, text: q.text, view: v, base: v, src: src, fields: q.fields, now: now,
		lim: lim.filled(), start: time.Now(), named: make([][]int32, q.names),
	}
	if !src.At.IsZero() {
		x.baseWindow = pointAt(src.At)
	}
	x.window = x.baseWindow
	x.partial = lim.Partial && q.streams()
	return x
}

func (x *exec) run(q *Query) (*Result, error) {
	f, err := x.ready(q)
	if err != nil {
		return nil, err
	}
	r := x.collect(f)
	r.query = q
	if r.limit, err = x.end(); err != nil {
		return nil, err
	}
	return r, nil
}

// ready gives the stream of the last step.
func (x *exec) ready(q *Query) (flow, error) {
	if !x.check() {
		return flow{}, x.err
	}
	f := flow{kind: KindGraph}
	for _, o := range q.ops {
		if f = x.explain.step(x, o, f); x.err != nil {
			return flow{}, x.err
		}
	}
	return f, nil
}

// end tells how the run ended: with an error, or with the limit that it was
// stopped by where a part of the answer will do.
func (x *exec) end() (limit string, err error) {
	var l *LimitError
	if x.err != nil && x.partial && errors.As(x.err, &l) {
		return l.Limit, nil
	}
	return "", x.err
}

// collect runs the last stream and keeps what it gives.
func (x *exec) collect(f flow) *Result {
	r := &Result{kind: f.kind, view: x.view, scope: f.scope, maxBytes: x.lim.Bytes, partial: x.partial, cut: new(atomic.Bool)}
	switch f.kind {
	case KindNodes, KindEdges:
		r.slots = gather(x, f.slots, slotBytes)
	case KindValues, KindMaps:
		r.values = gather(x, f.values, valueBytes)
	case KindPaths:
		r.paths = gather(x, f.paths, valueBytes)
	case KindFlows:
		r.flows = gather(x, x.kept(f.flows), slotBytes)
	case KindGroups, KindMetrics:
		r.groups = gather(x, f.groups, valueBytes)
	case KindPackets:
		r.packets = gather(x, f.packets, slotBytes)
	case KindNumber, KindMap:
		r.number = f.number()
	case KindGraph:
		if n := r.Len(); n > x.lim.Results {
			x.tooMany()
		}
	}
	return r
}

func (x *exec) tooMany() {
	x.fail(&LimitError{"results", strconv.Itoa(x.lim.Results) + " elements in the answer", hintFewer})
}

// gather keeps the elements of the answer.
func gather[T any](x *exec, in iter.Seq[T], size int) []T {
	out := []T{}
	for e := range in {
		if len(out) == x.lim.Results {
			x.tooMany()
		}
		// What comes after an error may be wrong.
		if x.err != nil || !x.take(size) {
			break
		}
		out = append(out, e)
	}
	return out
}

// held keeps the slots of a step in the middle; it stops when the run does.
func held(x *exec, in iter.Seq[int32]) []int32 {
	var out []int32
	for e := range in {
		if !x.visit() || !x.take(slotBytes) {
			break
		}
		out = append(out, e)
	}
	return out
}
