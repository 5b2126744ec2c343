package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/snapshot"
	"github.com/skein-net/skein/topologyd/wire"
)

// request is what one Submit, or an announcement of stale marks, asks of the
// writer.
type request struct {
	events  []graph.Prepared
	marks   []graph.Change
	summary Summary
	err     error
	done    chan struct{}
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
	r := &request{done: make(chan struct{})}
	now := time.Now()
	var marks []graph.Change
	for i := range items {
		p := e.graph.Prepare(&items[i].Event, items[i].Fingerprint)
		// A later event of the same facet must not be judged before an earlier one
		// is applied: from the first that changes something on, the writer judges.
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

// enqueue hands a request to the writer when the queue has room for it.
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

// announce has stale marks told to the subscribers in order with the rest.
func (e *Engine) announce(marks []graph.Change) {
	select {
	case e.queue <- &request{marks: marks, done: make(chan struct{})}:
	case <-e.stop:
	}
}

// writer is the goroutine that logs, applies and announces.
type writer struct {
	*Engine
	record  uint64 // number of the last record that the graph holds
	pending uint64 // events logged since the last snapshot
	buf     []byte
	snap    sync.WaitGroup // the snapshot that is being written
}

func (w *writer) run() {
	age := time.NewTicker(w.cfg.SnapshotAge)
	defer age.Stop()
	defer close(w.ended)
	defer w.finish()
	for {
		select {
		case r := <-w.queue:
			w.process(w.gather(r))
		case <-age.C:
			w.snapshot(w.pending > 0)
		case <-w.stop:
			return
		}
	}
}

// finish serves what is left in the queue and writes the last snapshot.
func (w *writer) finish() {
	for {
		select {
		case r := <-w.queue:
			w.process(w.gather(r))
			continue
		default:
		}
		break
	}
	w.snap.Wait()
	if w.pending > 0 {
		w.writeSnapshot(snapshot.Take(w.graph, "", w.record))
	}
}

// gather adds to a request those that wait, up to a batch.
func (w *writer) gather(first *request) []*request {
	batch, n := []*request{first}, len(first.events)
	for n < w.cfg.Batch {
		select {
		case r := <-w.queue:
			batch = append(batch, r)
			n += len(r.events)
			continue
		default:
		}
		break
	}
	w.waiting.Add(-int64(n))
	return batch
}

// process logs and applies the events of a batch of requests and answers them.
func (w *writer) process(batch []*request) {
	var changes []graph.Change
	for _, p := range w.split(batch) {
		changes = w.commit(p, changes)
	}
	for _, r := range batch {
		changes = w.current(r.marks, changes)
	}
	w.recent.publish(changes)
	for _, r := range batch {
		close(r.done)
	}
	w.snapshot(w.pending >= w.cfg.SnapshotEvery)
}

// part is what becomes one log record.
type part struct {
	events []*graph.Prepared
	of     []*request // whose event it is, in step with events
	body   []byte     // the events in the form of the log
}

// split judges the events of a batch once more, now that all before them are
// applied or in the same batch, and cuts those that change something into
// records.
func (w *writer) split(batch []*request) (parts []*part) {
	touched := make(map[facet]struct{})
	now := time.Now()
	p := &part{body: w.buf[:0]}
	for _, r := range batch {
		for i := range r.events {
			ev := &r.events[i]
			key := facet{ev.ID(), ev.Event.Source}
			if _, again := touched[key]; !again {
				var outcome graph.Outcome
				if r.marks, outcome = w.graph.Check(ev, now, r.marks); r.summary.count(outcome) {
					continue
				}
				touched[key] = struct{}{}
			}
			if len(p.events) >= w.cfg.Batch || len(p.body) >= w.cfg.BatchBytes {
				parts = append(parts, p)
				p = &part{}
			}
			p.events, p.of = append(p.events, ev), append(p.of, r)
			p.body = wire.AppendEvent(p.body, ev.Event)
		}
	}
	if len(p.events) > 0 {
		parts = append(parts, p)
		w.buf = parts[0].body
	}
	return parts
}

// facet names what one source says of one entity.
type facet struct {
	id     entity.UUID
	source string
}

// commit writes one record and applies it.
func (w *writer) commit(p *part, changes []graph.Change) []graph.Change {
	at := time.Now()
	rec := append(eventlog.AppendHead(nil, at, w.graph.Revision(), len(p.events)), p.body...)
	n, err := w.log.Append(context.Background(), rec)
	if err != nil {
		w.counters.logErrors.Add(1)
		for _, r := range p.of {
			r.err = fmt.Errorf("%w: %w", ErrLog, err)
		}
		return changes
	}
	w.record = n
	w.pending += uint64(len(p.events))
	w.counters.records.Add(1)
	w.counters.events.Add(uint64(len(p.events)))
	for i, ev := range p.events {
		var outcome graph.Outcome
		changes, outcome = w.graph.Apply(ev, at, changes)
		if !p.of[i].summary.count(outcome) {
			p.of[i].summary.Changed++
		}
	}
	return changes
}

// current appends marks as they are now: what was marked may have changed, or
// gone, since.
func (w *writer) current(marks, changes []graph.Change) []graph.Change {
	if len(marks) == 0 {
		return changes
	}
	v := w.graph.View()
	for _, m := range marks {
		m.Revision = v.Revision()
		switch {
		case m.Node != nil:
			m.Node = v.Node(m.Node.ID)
		case m.Edge != nil:
			m.Edge = v.Edge(m.Edge.ID)
		}
		if m.Node != nil || m.Edge != nil {
			changes = append(changes, m)
		}
	}
	return changes
}

// snapshot writes one in the background, one at a time.
func (w *writer) snapshot(due bool) {
	if !due {
		return
	}
	w.snap.Wait()
	w.pending = 0
	s := snapshot.Take(w.graph, "", w.record)
	w.snap.Go(func() { w.writeSnapshot(s) })
}

func (w *writer) writeSnapshot(s *snapshot.State) {
	w.counters.snapshots.Add(1)
	if err := snapshot.Write(w.snapshotPath(), s); err != nil {
		w.counters.snapErrors.Add(1)
		w.logger.Error("the event log will be read further back after a restart", "error", err)
	}
}
