package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/wire"
)

// entry is a record of the log, made ready to be applied.
type entry struct {
	number, missing uint64
	newest          bool
	head            eventlog.Head
	events          []*graph.Prepared
	own             *part // it is what this run sent
	gone            bool  // it could not be read
}

// applier applies the log to the graph, in the order of the log: it is the only
// one that does.
type applier struct {
	*Engine
	entries chan *entry
	pending uint64 // events logged since the last snapshot
	snap    sync.WaitGroup
	// snapping: one is being written.
	snapping atomic.Bool
	// caught is closed when the end of the log was reached for the first time.
	caught   chan struct{}
	isCaught bool
	target   uint64 // the last record when it started, 0: not known
	changes  []graph.Change
	since    time.Time // of the last snapshot
}

// readAhead is how many records are decoded ahead of being applied.
const readAhead = 4

// read follows the log and prepares its records, which takes most of the time
// they cost, beside applying those before them.
func (a *applier) read(ctx context.Context, after uint64) error {
	return a.log.Follow(ctx, after, func(r eventlog.Entry) error {
		en, err := a.decode(&r)
		if err != nil {
			return err
		}
		select {
		case a.entries <- en:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func (a *applier) decode(r *eventlog.Entry) (*entry, error) {
	en := &entry{number: r.Number, missing: r.Missing, newest: r.Pending == 0 || r.Number >= a.target}
	if r.Data == nil { // all up to here is gone
		en.gone = true
		return en, nil
	}
	rec, own, err := a.open(r.Data)
	switch {
	case errors.Is(err, wire.ErrCorrupt):
		a.counters.corrupt.Add(1)
		a.logger.Error("a record of the event log is damaged; its events are lost until their sources repeat them", "record", r.Number, "error", err)
		en.gone = true
		return en, nil
	case err != nil:
		return nil, err
	}
	if en.own = own; own != nil {
		en.head, en.events = rec.Head, own.events
		return en, nil
	}
	en.head = rec.Head
	prepared := make([]graph.Prepared, len(rec.Events))
	en.events = make([]*graph.Prepared, len(rec.Events))
	for i := range rec.Events {
		prepared[i] = a.graph.Prepare(&rec.Events[i], 0)
		prepared[i].Force = rec.Flag(i)&eventlog.Force != 0
		en.events[i] = &prepared[i]
	}
	return en, nil
}

// open reads a record. Of one that this run sent, only the head: its events
// are still here.
func (a *applier) open(b []byte) (*eventlog.Record, *part, error) {
	head, err := eventlog.DecodeHead(b)
	if err != nil {
		return nil, nil, err
	}
	if head.Origin == a.origin {
		if p := a.flight.claim(head.Batch); p != nil {
			return &eventlog.Record{Head: head}, p, nil
		}
	}
	rec, err := eventlog.DecodeRecord(b)
	return rec, nil, err
}

// run applies entries until they end.
func (a *applier) run() {
	age := time.NewTicker(min(a.cfg.SnapshotAge, 10*time.Second))
	defer age.Stop()
	a.since = time.Now()
	for {
		select {
		case en, ok := <-a.entries:
			if !ok {
				a.finish()
				return
			}
			a.apply(en)
		case marks := <-a.marks:
			a.recent.publish(a.current(marks, nil))
		case answer := <-a.asks:
			answer <- settled{a.record.Load(), a.graph.View()}
		case <-age.C:
			a.snapshot(a.pending > 0 && time.Since(a.since) >= a.cfg.SnapshotAge)
			a.cut()
		}
	}
}

// apply applies one record, announces what changed and answers who sent it.
func (a *applier) apply(en *entry) {
	if en.missing > 0 {
		a.counters.missing.Add(en.missing)
	}
	if !en.gone {
		// What made revisions that are lost here may be known to others: their
		// numbers are not used again.
		a.graph.Advance(en.head.Revision)
	}
	a.changes = a.changes[:0]
	outcomes := make([]graph.Outcome, len(en.events))
	a.changes = a.graph.ApplyLogged(en.events, outcomes, en.head.At, a.now(), a.changes)
	if en.own != nil {
		for i, o := range outcomes {
			if s := &en.own.of[i].summary; !s.count(o) {
				s.Changed++
			}
		}
	}
	a.record.Store(en.number)
	a.views.expire()
	a.pending += uint64(len(en.events))
	a.counters.applied.Add(uint64(len(en.events)))
	a.remember(en)
	a.recent.publish(a.changes)
	if en.own != nil {
		a.flight.settle(en.own, nil)
	}
	if en.newest {
		a.reached()
	}
	a.snapshot(a.enough())
	a.cut()
}

// remember writes the changes of a record to the past.
func (a *applier) remember(en *entry) {
	if err := a.past.Append(a.graph.LogTime(), en.number, a.changes); err != nil {
		if a.counters.pastErrors.Add(1) == 1 {
			a.logger.Error("the past is not recorded any more; queries about it will miss this time", "error", err)
		}
	}
}

// reached notes that there is nothing newer in the log.
func (a *applier) reached() {
	if !a.isCaught {
		a.isCaught = true
		close(a.caught)
	}
}

// cut begins a new part of the past when it is time.
func (a *applier) cut() {
	if a.isCaught && a.past.Due() {
		a.past.Base(a.graph.View(), a.graph.LogTime(), a.record.Load())
	}
}

// finish writes the last snapshot.
func (a *applier) finish() {
	a.snap.Wait()
	if a.pending > 0 {
		a.writeSnapshot(a.take())
	}
}

// announce has stale marks told to the subscribers in order with the rest.
func (e *Engine) announce(marks []graph.Change) {
	e.views.expire()
	select {
	case e.marks <- marks:
	case <-e.stop:
	}
}

// current appends marks as they are now: what was marked may have changed, or
// gone, since.
func (e *Engine) current(marks, changes []graph.Change) []graph.Change {
	v := e.graph.View()
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

// fail reports that the log cannot be followed any further.
func (e *Engine) fail(err error) {
	e.flight.abort(fmt.Errorf("%w: %w", ErrLog, err))
	select {
	case e.failed <- fmt.Errorf("follow event log: %w", err):
	default:
	}
}
