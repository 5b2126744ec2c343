package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/snapshot"
)

// take takes the state of the graph after the last record.
func (a *applier) take() *snapshot.State {
	a.pending, a.since = 0, time.Now()
	return snapshot.Take(a.graph, a.log.ID(), a.record.Load())
}

// snapshot writes one in the background; while one is written, the next is put
// off.
func (a *applier) snapshot(due bool) {
	if !due || a.log.ID() == "" || !a.snapping.CompareAndSwap(false, true) {
		return
	}
	s := a.take()
	a.snap.Go(func() {
		defer a.snapping.Store(false)
		a.writeSnapshot(s)
	})
}

// enough tells whether so much was logged since the last snapshot that the next
// one is due. Writing that of a large graph takes long, and makes the graph keep
// what changes meanwhile in two versions.
func (a *applier) enough() bool {
	return a.pending >= a.cfg.SnapshotEvery && a.pending >= uint64(a.graph.Stats().Nodes)/2
}

// writeSnapshot writes a snapshot and, before, what the past has of the same
// time: the past must not end before the snapshot, since the log is read from
// there on only.
func (a *applier) writeSnapshot(s *snapshot.State) {
	a.counters.snapshots.Add(1)
	err := a.past.Sync()
	if err == nil {
		err = snapshot.Write(a.snapshotPath(), s)
	}
	if err != nil {
		a.counters.snapErrors.Add(1)
		a.logger.Error("the event log will be read further back after a restart", "error", err)
		return
	}
	if a.log.Mode() != eventlog.Single && a.Leads() {
		if err := a.shareSnapshot(s.Record); err != nil {
			a.counters.snapErrors.Add(1)
			a.logger.Warn("a new replica cannot start from this snapshot", "error", err)
		}
	}
}

// Snapshots that replicas share are named by their record. One that joins
// starts from the oldest that the log goes on from, and so knows the past as
// far as the log does.

// shareTimeout bounds the exchange of one snapshot.
const shareTimeout = 2 * time.Minute

// shareSnapshot puts the snapshot file where other replicas find it when the
// newest one there is old, and removes those that nobody needs.
func (a *applier) shareSnapshot(record uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), shareTimeout)
	defer cancel()
	blobs := a.log.Blobs()
	list, err := shared(ctx, blobs)
	if err != nil {
		return err
	}
	first, _, _, err := a.log.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("share snapshot: %w", err)
	}
	if n := len(list); n == 0 || time.Since(list[n-1].at) >= a.cfg.SharedAge || list[n-1].record+1 < first {
		f, err := os.Open(a.snapshotPath())
		if err != nil {
			return fmt.Errorf("share snapshot: %w", err)
		}
		defer f.Close()
		if err := blobs.Put(ctx, fmt.Sprintf(sharedName, record), f); err != nil {
			return fmt.Errorf("share snapshot: %w", err)
		}
	}
	for i := 1; i < len(list) && list[i].record+1 <= first; i++ {
		if err := blobs.Delete(ctx, list[i-1].name); err != nil {
			return fmt.Errorf("remove old shared snapshot: %w", err)
		}
	}
	return nil
}

const sharedName = "snapshot-%020d"

// sharedSnapshot is one of those that replicas share.
type sharedSnapshot struct {
	name   string
	record uint64
	at     time.Time
}

// shared lists the snapshots that replicas share, the oldest first.
func shared(ctx context.Context, blobs *eventlog.Blobs) ([]sharedSnapshot, error) {
	infos, err := blobs.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list shared snapshots: %w", err)
	}
	var out []sharedSnapshot
	for _, i := range infos {
		s := sharedSnapshot{name: i.Name, at: i.Time}
		if _, err := fmt.Sscanf(i.Name, sharedName, &s.record); err == nil {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b sharedSnapshot) int { return cmp.Compare(a.record, b.record) })
	return out, nil
}

// restoreShared starts from a snapshot of another replica: the log does not go
// back to what is known here.
func (e *Engine) restoreShared(ctx context.Context, pos snapshot.Position, first uint64) (snapshot.Position, error) {
	blobs := e.log.Blobs()
	list, err := shared(ctx, blobs)
	if err != nil {
		return pos, err
	}
	for _, s := range list {
		if s.record+1 < first {
			continue
		}
		got, err := e.fetch(ctx, blobs, s.name)
		if err == nil {
			e.logger.Info("starting from the snapshot of another replica", "record", got.Record)
			return got, nil
		}
		e.logger.Warn("shared snapshot is unusable", "name", s.name, "error", err)
		e.forget()
		pos = snapshot.Position{}
	}
	e.logger.Warn("the event log does not go back to what is known here, and no replica shares a snapshot: what did not change since will be missing until its source reports a change",
		"known", pos.Record, "first", first)
	return pos, nil
}

// fetch makes a shared snapshot this replica's own.
func (e *Engine) fetch(ctx context.Context, blobs *eventlog.Blobs, name string) (pos snapshot.Position, err error) {
	in, err := blobs.Get(ctx, name)
	if err != nil {
		return pos, err
	}
	defer in.Close()
	path := e.snapshotPath() + ".new-shared"
	f, err := os.Create(path)
	if err != nil {
		return pos, err
	}
	defer func() { _ = os.Remove(path) }() // gone when it was renamed
	if _, err := io.Copy(f, in); err != nil {
		_ = f.Close()
		return pos, err
	}
	if err := f.Close(); err != nil {
		return pos, err
	}
	e.forget()
	if pos, err = snapshot.Read(path, e.graph, e.now()); err != nil {
		return pos, err
	}
	return pos, os.Rename(path, e.snapshotPath())
}
