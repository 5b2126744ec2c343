package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/graph"
)

// request is what one Submit asks of the log.
type request struct {
	events  []graph.Prepared
	summary Summary
	err     error
	open    int // parts that are not settled, and the splitting itself
	done    chan struct{}
}

// facet names what one source says of one entity.
type facet struct {
	id     entity.UUID
	source string
}

// part is what becomes one log record.
type part struct {
	batch    uint64
	events   []*graph.Prepared
	of       []*request // whose event it is, in step with events
	requests []*request // each once
	body     []byte     // the events in the form of the log
}

// flight is what is on its way from the proposer through the log to the
// applier.
type flight struct {
	slots chan struct{} // one for each part

	mu     sync.Mutex
	broken error // nothing comes back any more
	parts  map[uint64]*part
	facets map[facet]int // events on their way
	batch  uint64
}

func (f *flight) init(slots int) {
	f.slots = make(chan struct{}, max(slots, 1))
	f.parts = make(map[uint64]*part)
	f.facets = make(map[facet]int)
}

// claim takes a part whose record came back from the log, nil when it was
// given up before.
func (f *flight) claim(batch uint64) *part {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.parts[batch]
	delete(f.parts, batch)
	return p
}

// settle answers the requests of a part that was claimed.
func (f *flight) settle(p *part, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ev := range p.events {
		key := facet{ev.ID(), ev.Event.Source}
		if f.facets[key]--; f.facets[key] == 0 {
			delete(f.facets, key)
		}
	}
	for _, r := range p.requests {
		if err != nil && r.err == nil {
			r.err = err
		}
		f.close(r)
	}
	<-f.slots
}

// abort settles all parts with an error, and lets none set out any more: the
// log cannot be followed.
func (f *flight) abort(err error) {
	f.mu.Lock()
	f.broken = err
	parts := f.parts
	f.parts = make(map[uint64]*part)
	f.mu.Unlock()
	for _, p := range parts {
		f.settle(p, err)
	}
}

// close counts one settled part of a request; the last one answers it. The
// lock is held.
func (f *flight) close(r *request) {
	if r.open--; r.open == 0 {
		close(r.done)
	}
}

// Submit puts events into the log and the graph and returns when both have
// them. Those that change nothing are only noted. An error wraps ErrBusy,
// ErrStopped or ErrLog, or is the context's; some of the events may then be
// taken all the same, and sending all of them again does no harm. Events must
// be valid; they are the engine's from now on.
func (e *Engine) Submit(ctx context.Context, items []Item) (Summary, error) {
	if !e.running.Load() {
		return Summary{}, ErrStopped
	}
	r := &request{done: make(chan struct{}), open: 1}
	now := e.now()
	var marks []graph.Change
	for i := range items {
		p := e.graph.Prepare(&items[i].Event, items[i].Fingerprint)
		// A later event of the same facet must not be judged before an earlier one
		// is applied: from the first that changes something on, the proposer judges.
		if len(r.events) == 0 {
			var outcome graph.Outcome
			if marks, outcome = e.graph.Check(&p, now, marks); r.summary.count(outcome) {
				continue
			}
		}
		r.events = append(r.events, p)
	}
	if len(marks) > 0 {
		e.announce(marks)
	}
	if len(r.events) == 0 {
		return r.summary, nil
	}
	if err := e.enqueue(ctx, r); err != nil {
		return Summary{}, err
	}
	select {
	case <-r.done:
		return r.summary, r.err
	case <-ctx.Done():
		return Summary{}, fmt.Errorf("wait for event log: %w", ctx.Err())
	case <-e.ended:
	}
	select {
	case <-r.done:
		return r.summary, r.err
	default:
		return Summary{}, ErrStopped
	}
}

// count notes an outcome and tells whether it is settled.
func (s *Summary) count(o graph.Outcome) bool {
	switch o {
	case graph.Unchanged:
		s.Unchanged++
	case graph.Outdated:
		s.Outdated++
	default:
		return false
	}
	return true
}

// enqueue hands a request to the proposer when the queue has room for it.
func (e *Engine) enqueue(ctx context.Context, r *request) error {
	n := int64(len(r.events))
	if waiting := e.waiting.Add(n); waiting > int64(e.cfg.Queue) && waiting > n {
		e.waiting.Add(-n)
		e.counters.batchesBusy.Add(1)
		return ErrBusy
	}
	select {
	case e.queue <- r:
		return nil
	case <-e.stop:
		e.waiting.Add(-n)
		return ErrStopped
	case <-ctx.Done():
		e.waiting.Add(-n)
		e.counters.batchesBusy.Add(1)
		return fmt.Errorf("%w (%w)", ErrBusy, ctx.Err())
	}
}

// propose sends what is submitted to the log, as many requests at a time as
// wait, until the engine stops; then it sends what is left and waits until all
// is settled.
func (e *Engine) propose() {
	defer close(e.ended)
	for {
		select {
		case r := <-e.queue:
			e.send(r)
			continue
		case <-e.stop:
		}
		break
	}
	for {
		select {
		case r := <-e.queue:
			e.send(r)
			continue
		default:
		}
		break
	}
	for range cap(e.flight.slots) {
		e.flight.slots <- struct{}{}
	}
}

// send proposes a request, and those that came while the log was busy.
func (e *Engine) send(first *request) {
	e.flight.slots <- struct{}{}
	batch, n := []*request{first}, len(first.events)
	for n < e.cfg.Batch {
		select {
		case r := <-e.queue:
			batch = append(batch, r)
			n += len(r.events)
			continue
		default:
		}
		break
	}
	e.waiting.Add(-int64(n))
	have := true // a slot
	parts, marks := e.split(batch)
	for _, p := range parts {
		if !have {
			e.flight.slots <- struct{}{}
		}
		have = false
		e.publish(p)
	}
	if have {
		<-e.flight.slots
	}
	e.flight.mu.Lock()
	for _, r := range batch {
		e.flight.close(r)
	}
	e.flight.mu.Unlock()
	if len(marks) > 0 {
		e.announce(marks)
	}
}

// split judges the events of a batch once more, now that more is known, and
// cuts those that change something into records. An event whose facet is on
// its way already, or in the batch before it, is not judged: the graph does not
// know yet what it follows.
func (e *Engine) split(batch []*request) (parts []*part, marks []graph.Change) {
	outcomes, marks := e.judge(batch)
	p := newPart(min(len(outcomes), e.cfg.Batch), e.spare)
	e.spare = nil
	e.flight.mu.Lock()
	defer e.flight.mu.Unlock()
	for _, r := range batch {
		for i := range r.events {
			ev := &r.events[i]
			outcome := outcomes[0]
			if outcomes = outcomes[1:]; r.summary.count(outcome) {
				continue
			}
			e.flight.facets[facet{ev.ID(), ev.Event.Source}]++
			if len(p.events) >= e.cfg.Batch || len(p.body) >= e.cfg.BatchBytes {
				parts = append(parts, p)
				p = newPart(0, nil)
			}
			p.add(r, ev)
		}
	}
	if len(p.events) > 0 {
		parts = append(parts, p)
	}
	return parts, marks
}

// judge returns what is known of each event of a batch.
func (e *Engine) judge(batch []*request) (outcomes []graph.Outcome, marks []graph.Change) {
	var known []*graph.Prepared // their facets are at rest
	var at []int
	n := 0
	seen := make(map[facet]struct{})
	e.flight.mu.Lock()
	for _, r := range batch {
		for i := range r.events {
			ev := &r.events[i]
			key := facet{ev.ID(), ev.Event.Source}
			if _, again := seen[key]; !again && e.flight.facets[key] == 0 {
				known, at = append(known, ev), append(at, n)
			}
			seen[key] = struct{}{}
			n++
		}
	}
	e.flight.mu.Unlock()
	some := make([]graph.Outcome, len(known))
	marks = e.graph.CheckAll(known, some, e.now(), nil)
	outcomes = make([]graph.Outcome, n)
	for i := range outcomes {
		outcomes[i] = graph.Changed
	}
	for i, o := range some {
		outcomes[at[i]] = o
	}
	return outcomes, marks
}

// newPart returns a part with room for n events, which uses a buffer.
func newPart(n int, buf []byte) *part {
	return &part{events: make([]*graph.Prepared, 0, n), of: make([]*request, 0, n), body: buf[:0]}
}

// add puts an event of a request into the part. The lock of the flight is held.
func (p *part) add(r *request, ev *graph.Prepared) {
	p.events, p.of = append(p.events, ev), append(p.of, r)
	if n := len(p.requests); n == 0 || p.requests[n-1] != r {
		p.requests = append(p.requests, r)
		r.open++
	}
	var flags eventlog.Flag
	if ev.Force {
		flags = eventlog.Force
	}
	p.body = eventlog.AppendEvent(p.body, flags, ev.Event)
}

// errNotBack: a record was confirmed, but does not reach this daemon.
var errNotBack = errors.New("the events are stored, but this daemon cannot read the log just now")

// publish sends one part to the log.
func (e *Engine) publish(p *part) {
	f := &e.flight
	f.mu.Lock()
	f.batch++
	p.batch = f.batch
	f.parts[p.batch] = p
	broken := f.broken
	f.mu.Unlock()
	if broken != nil {
		f.abort(broken)
		return
	}
	head := e.head(p.batch)
	record := append(eventlog.AppendHeader(make([]byte, 0, 64+len(p.body)), &head, len(p.events)), p.body...)
	e.spare, p.body = p.body, nil
	// Nothing here may hold on to the events: the timer below lives for longer
	// than they do.
	batch, n := p.batch, uint64(len(p.events))
	err := e.log.Publish(record, func(_ uint64, err error) {
		if err != nil {
			e.giveUp(batch, err)
			return
		}
		e.counters.records.Add(1)
		e.counters.events.Add(n)
		// It is stored; without a majority it may take long to come back.
		time.AfterFunc(e.cfg.Log.Timeout, func() { e.giveUp(batch, errNotBack) })
	})
	if err != nil {
		e.giveUp(batch, err)
	}
}

// giveUp answers the requests of a part with an error, unless it came back from
// the log, whatever the answer was.
func (e *Engine) giveUp(batch uint64, err error) {
	if p := e.flight.claim(batch); p != nil {
		e.counters.logErrors.Add(1)
		e.flight.settle(p, fmt.Errorf("%w: %w", ErrLog, err))
	}
}

// head is that of a record of this daemon. Its time never goes back, whatever
// the clock does.
func (e *Engine) head(batch uint64) eventlog.Head {
	at, last := time.Now(), e.graph.LogTime()
	if last.Sub(at) > time.Second {
		if e.counters.clockBack.Add(1) == 1 {
			e.logger.Warn("the clock is behind the event log: set back, or another daemon's is ahead; changes get the log's time until it has caught up",
				"behind", last.Sub(at).Round(time.Millisecond))
		}
	}
	switch {
	case last.Sub(at) > time.Second:
		at = last.Add(time.Millisecond) // so that times tell records apart
	case at.Before(last):
		at = last
	}
	return eventlog.Head{At: at, Revision: e.graph.Revision(), Origin: e.origin, Batch: batch}
}
