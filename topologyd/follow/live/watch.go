package live

import (
	"context"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Watch is one reader of a result. It is for one goroutine.
type Watch struct {
	h    *Hub
	feed *feed
	snap *Snapshot
	// at is the number of the next batch, of the feed's generation.
	at         uint64
	generation uint64
	closed     bool
}

// Snapshot is a result as it was at a revision.
type Snapshot struct {
	View     *graph.View
	Revision uint64
	ids      []entity.UUID // nodes, then edges
	nodes    int
}

// Elements returns the slots of the nodes and edges in View, in ascending order.
// What View has not got any more, while the change that tells so is still to
// come, is left out.
func (s *Snapshot) Elements() (nodes, edges []int32) {
	out := make([]int32, 0, len(s.ids))
	n := 0
	for i, id := range s.ids {
		var slot int32
		if i < s.nodes {
			slot = s.View.NodeSlot(id)
		} else {
			slot = s.View.EdgeSlot(id)
		}
		if slot < 0 {
			continue
		}
		if out = append(out, slot); i < s.nodes {
			n++
		}
	}
	nodes, edges = out[:n:n], out[n:]
	slices.Sort(nodes)
	slices.Sort(edges)
	return nodes, edges
}

// Snapshot returns the result with which the watch begins, or begins anew; nil
// when it goes on where it was. It is given once: it holds a view.
func (w *Watch) Snapshot() *Snapshot {
	s := w.snap
	w.snap = nil
	return s
}

// Way tells how the query is followed, and why when it is run again and again.
func (w *Watch) Way() (way gremlin.Way, why string) {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	return w.feed.way, w.feed.why
}

// Revision returns the revision of the graph up to which the watch knows all,
// when it has read all there is; it can go on after it. It is 0 while there is
// more to read.
func (w *Watch) Revision() uint64 {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	if f := w.feed; f.err == nil && w.generation == f.generation && w.at == f.next() {
		return f.give()
	}
	return 0
}

// Next waits for what happens to the result. Both results are nil when the watch
// began anew: then there is a Snapshot. The error is [ErrBehind], [ErrStopped],
// [*gremlin.LimitError] when the result became too large or a run took too much,
// or the context's.
func (w *Watch) Next(ctx context.Context) (*Batch, error) {
	for {
		b, news, again, err := w.read()
		switch {
		case err != nil || b != nil:
			return b, err
		case again:
			_, err := w.h.ask(&ask{ctx: ctx, query: w.feed.query, watch: w})
			return nil, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *Watch) read() (b *Batch, news <-chan struct{}, again bool, err error) {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	f := w.feed
	switch {
	case f.err != nil:
		return nil, nil, false, f.err
	case w.generation != f.generation:
		return nil, nil, true, nil
	case w.at < f.first:
		w.h.stats.Slow++
		return nil, nil, false, ErrBehind
	case w.at < f.next():
		b = f.log[w.at-f.first]
		w.at++
	}
	return b, f.news, false, nil
}

// Close ends the watch.
func (w *Watch) Close() {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	w.h.release(w)
}

// release counts a watch out. The lock is held.
func (h *Hub) release(w *Watch) {
	if w.closed {
		return
	}
	w.closed = true
	h.watches--
	if w.feed.watches--; w.feed.watches == 0 {
		w.feed.idle = time.Now()
	}
}
