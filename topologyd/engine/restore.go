package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/past"
	"github.com/skein-net/skein/topologyd/snapshot"
)

// Start opens log and past, brings the graph to where it was and starts to
// follow the log. It returns when queries can be answered: alone, when all of
// the log is applied; with others, also when the log cannot be reached in time.
func (e *Engine) Start(ctx context.Context) (err error) {
	e.started = time.Now()
	if err := checkFormat(e.cfg.Log.Dir); err != nil {
		return err
	}
	if e.log, err = eventlog.Open(ctx, e.cfg.Log, e.logger); err != nil {
		return err
	}
	if err := e.start(ctx); err != nil {
		return errors.Join(err, e.close())
	}
	return nil
}

func (e *Engine) start(ctx context.Context) (err error) {
	if err = markFormat(e.cfg.Log.Dir); err != nil {
		return err
	}
	ready := e.await(ctx)
	if e.cfg.Past.Log = e.log.ID(); e.log.Mode() == eventlog.Single {
		e.cfg.Past.Log = "" // nobody else's state is at stake
	}
	if e.past, err = past.Open(e.cfg.Past, e.logger); err != nil {
		return err
	}
	pos, err := e.restore(ctx, ready)
	if err != nil {
		return err
	}
	e.record.Store(pos.Record)
	e.recent.start(e.graph.Revision())
	e.lease, e.bus = e.log.Lease("leader"), e.log.Shared()

	a := &applier{Engine: e, entries: make(chan *entry, readAhead), caught: make(chan struct{})}
	if ready {
		if _, a.target, _, err = e.log.Bounds(ctx); err != nil {
			return err
		}
	}
	run, cancel := context.WithCancel(context.Background())
	e.follow = cancel
	failed := make(chan error, 1)
	e.applied.Go(func() {
		defer close(a.entries)
		if err := a.read(run, pos.Record); err != nil && run.Err() == nil {
			failed <- err
		}
	})
	e.applied.Go(a.run)
	stop := func() {
		cancel()
		e.applied.Wait()
	}
	if err := e.catchUp(ctx, a, pos, ready, failed); err != nil {
		stop()
		return err
	}
	e.graph.Refresh(e.now())
	if err := e.share(run); err != nil {
		stop()
		return err
	}
	e.views.expire() // who looked before saw an unfinished graph
	e.lease.Start(ctx)
	e.running.Store(true)
	e.proposed.Go(e.propose)
	e.proposed.Go(e.sweep)
	e.applied.Go(func() { e.order(run) })
	e.applied.Go(func() {
		select {
		case err := <-failed:
			e.fail(err)
		case <-run.Done():
		}
	})
	return nil
}

// await waits for the log: alone for as long as it takes, with others for a
// while.
func (e *Engine) await(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.StartWait)
	defer cancel()
	if err := e.log.Ready(ctx); err != nil {
		e.logger.Warn("the graph is served as it was last known here until the event log can be reached", "error", err)
		return false
	}
	return true
}

// restore brings the graph to the newest state that is kept beside the log, and
// tells after which record of the log it goes on.
func (e *Engine) restore(ctx context.Context, ready bool) (pos snapshot.Position, err error) {
	if err := snapshot.Clean(e.snapshotPath()); err != nil {
		return pos, err
	}
	pos, err = snapshot.Read(e.snapshotPath(), e.graph, e.now())
	switch {
	case errors.Is(err, os.ErrNotExist):
	case errors.Is(err, snapshot.ErrNewer):
		return pos, err
	case err != nil:
		// The log holds the same and more: say what was lost and go on.
		e.logger.Error("snapshot is unusable, reading the event log instead", "error", err)
		e.forget()
		pos = snapshot.Position{}
	}
	if !ready {
		return pos, nil
	}
	first, last, _, err := e.log.Bounds(ctx)
	if err != nil {
		return pos, err
	}
	alone := e.log.Mode() == eventlog.Single
	switch {
	case pos.Log != "" && pos.Log != e.log.ID():
		if alone {
			// Somebody removed the log and left the rest: that is still what was known.
			e.logger.Error("the snapshot belongs to another event log; going on from it with this log", "snapshot", pos.Log, "log", e.log.ID())
			pos.Record = last
			return pos, nil
		}
		e.logger.Error("the snapshot belongs to another event log; starting anew", "snapshot", pos.Log, "log", e.log.ID())
		e.forget()
		pos = snapshot.Position{}
	case pos.Record > last && alone:
		// The end of the log was lost, what it did was not.
		e.logger.Error("the event log ends before the snapshot: its end was lost, the snapshot has what it did", "records", pos.Record-last)
		e.counters.missing.Add(pos.Record - last)
		pos.Record = last
		return pos, e.rewrite(pos)
	}
	if pos.Record+1 < first && !alone {
		return e.restoreShared(ctx, pos, first)
	}
	return pos, nil
}

// rewrite writes the snapshot that was just read with another position.
func (e *Engine) rewrite(pos snapshot.Position) error {
	return snapshot.Write(e.snapshotPath(), snapshot.Take(e.graph, e.log.ID(), pos.Record))
}

func (e *Engine) forget() { e.graph.Reset() }

// catchUp waits until the log is applied.
func (e *Engine) catchUp(ctx context.Context, a *applier, pos snapshot.Position, ready bool, failed <-chan error) error {
	if !ready {
		return nil
	}
	if a.target > pos.Record {
		quiet := time.NewTicker(e.cfg.Log.Timeout)
		defer quiet.Stop()
	wait:
		for before := uint64(0); ; {
			select {
			case <-a.caught:
				break wait
			case err := <-failed:
				return fmt.Errorf("replay event log: %w", err)
			case <-ctx.Done():
				return fmt.Errorf("replay event log: %w", ctx.Err())
			case <-quiet.C:
				now := e.record.Load()
				if now == before {
					e.logger.Error("the event log gives no more records", "record", now, "last", a.target)
					break wait
				}
				before = now
			}
		}
	}
	e.counters.replayed.Store(e.counters.applied.Load())
	return e.matchPast(ctx)
}

// matchPast makes sure that graph and past go on together.
func (e *Engine) matchPast(ctx context.Context) error {
	has, want := e.past.Revision(), e.graph.Revision()
	if has <= want {
		return nil
	}
	// The end of the log was lost. Revisions that were told to somebody must not
	// mean something else later, and what they did is not in the graph any more.
	// A number left out tells the past that it has to begin with a new base.
	e.logger.Error("the past knows revisions that the event log has lost", "revisions", has-want)
	has++
	head := e.head(0)
	head.Revision = has
	if _, err := e.log.Append(ctx, eventlog.AppendHeader(nil, &head, 0)); err != nil {
		return fmt.Errorf("note what the event log has lost: %w", err)
	}
	e.graph.Advance(has)
	return nil
}

func (e *Engine) snapshotPath() string { return filepath.Join(e.cfg.Log.Dir, "snapshot") }
