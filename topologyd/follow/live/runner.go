package live

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/skein-net/skein/topologyd/follow"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// runner follows the graph with one subscription.
type runner struct {
	*Hub
	sub  Changes
	set  *follow.Set
	news chan []graph.Change
	// pending are changes that were read and not applied, seen is the revision up to
	// which changes were read.
	pending []graph.Change
	seen    uint64
	// ready is when the next batch may be, retireAt when to look next for queries
	// that nobody follows, dueAt for those that are to be run.
	ready, retireAt, dueAt time.Time
	// busy is set while a global query runs; runAt is when the next one may.
	busy    bool
	results chan outcome
	runAt   time.Time
	ran     map[*follow.Followed]time.Time
}

// outcome is what a run of a global query came to.
type outcome struct {
	f    *follow.Followed
	r    *gremlin.Result
	err  error
	took time.Duration
}

func newRunner(h *Hub, sub Changes) *runner {
	return &runner{Hub: h, sub: sub, set: follow.NewSet(h.cfg.Follow), news: make(chan []graph.Change, 16),
		results: make(chan outcome, 1), ran: make(map[*follow.Followed]time.Time)}
}

const (
	// housekeeping is how often is looked for queries that nobody follows.
	housekeeping = 100 * time.Millisecond
	// lookout is how often is looked for queries that are to be run.
	lookout = 10 * time.Millisecond
)

// run follows until ctx ends or nobody follows any more; it reports true when
// the subscription broke.
func (r *runner) run(ctx context.Context) (again bool) {
	ctx, cancel := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer func() {
		cancel()
		others.Wait()
	}()
	v := r.sub.View()
	if v == nil {
		v = r.deps.View()
	}
	r.seen = v.Revision()
	r.set.Apply(nil, v)
	r.renew(ctx, v)
	if ctx.Err() != nil {
		return false
	}
	others.Go(func() { r.pump(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(r.wait())
		news := r.news
		if len(r.pending) > 0 {
			news = nil // those are to be applied first
		}
		select {
		case changes, ok := <-news:
			if !ok {
				return ctx.Err() == nil
			}
			r.take(changes)
		case <-r.wake:
		case o := <-r.results:
			r.finish(o)
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
		if (len(r.pending) > 0 || r.asked()) && !time.Now().Before(r.ready) {
			if !r.batch(ctx) {
				return ctx.Err() == nil
			}
		}
		if r.retire() {
			return false
		}
		if f := r.due(); f != nil {
			v := r.deps.View()
			others.Go(func() {
				start := time.Now()
				res, err := r.set.Run(ctx, f, v)
				r.results <- outcome{f, res, err, time.Since(start)}
			})
		}
	}
}

// wait is how long there is nothing to do unless somebody tells.
func (r *runner) wait() time.Duration {
	if len(r.pending) > 0 || r.asked() {
		return max(0, time.Until(r.ready))
	}
	if !r.busy && r.set.Stats().Global.Queries > 0 {
		return min(housekeeping, max(lookout, time.Until(r.runAt)))
	}
	return housekeeping
}

func (r *runner) asked() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asks) > 0
}

// pump reads changes until the subscription ends.
func (r *runner) pump(ctx context.Context) {
	defer close(r.news)
	for {
		changes, err := r.sub.Next(ctx)
		if err != nil {
			return
		}
		select {
		case r.news <- changes:
		case <-ctx.Done():
			return
		}
	}
}

func (r *runner) take(changes []graph.Change) {
	r.pending = append(r.pending, changes...)
	r.seen = max(r.seen, changes[len(changes)-1].Revision)
}

// batch applies what changed up to the current graph and answers who asked. It
// reports false when the subscription broke.
func (r *runner) batch(ctx context.Context) bool {
	start := time.Now()
	v := r.deps.View()
	patience := time.NewTimer(r.cfg.Patience)
	defer patience.Stop()
	for waiting := true; waiting && r.seen < v.Revision(); {
		select {
		case changes, ok := <-r.news:
			if !ok {
				return false
			}
			r.take(changes)
		case <-patience.C: // some revisions have no changes
			waiting = false
		case <-ctx.Done():
			return false
		}
	}
	cut := sort.Search(len(r.pending), func(i int) bool { return r.pending[i].Revision > v.Revision() })
	deltas := r.set.Apply(r.pending[:cut], v)
	n := copy(r.pending, r.pending[cut:])
	clear(r.pending[n:])
	if r.pending = r.pending[:n]; n == 0 && cap(r.pending) > 50_000 {
		r.pending = nil
	}
	r.publish(deltas)
	r.answer(v)
	took := time.Since(start)
	r.ready = time.Now().Add(max(r.cfg.Every, time.Duration(r.cfg.Pause)*took))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Batches++
	r.stats.Applying += took
	return true
}

// publish keeps what happened and tells the watches.
func (r *runner) publish(deltas []follow.Delta) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range deltas {
		r.keep(&deltas[i])
	}
	for _, f := range r.feeds {
		if f.f != nil {
			f.revision, f.way, f.why = f.f.Revision(), f.f.Way(), f.f.Why()
		}
	}
	for r.kept > r.cfg.Backlog && len(r.order) > 1 {
		f := r.order[0]
		r.order = r.order[1:]
		if len(f.log) == 0 {
			continue // it ended, or began anew
		}
		r.kept -= len(f.forget().Changes)
	}
	r.count(r.set)
}

// keep notes one delta. The lock is held.
func (r *runner) keep(d *follow.Delta) {
	f := r.feeds[d.Of.Text()]
	if f == nil {
		return
	}
	if d.Err != nil {
		r.stats.TooLarge++
		r.remove(f, d.Err)
		return
	}
	f.log = append(f.log, &Batch{Before: d.Before, Revision: d.Revision, Changes: d.Changes})
	r.order = append(r.order, f)
	r.kept += len(d.Changes)
	r.stats.Told += uint64(len(d.Changes))
	f.tell()
}

// remove ends a feed. The lock is held.
func (r *runner) remove(f *feed, err error) {
	if f.f != nil {
		delete(r.ran, f.f)
		r.set.Remove(f.f)
	}
	r.discard(f)
	delete(r.feeds, f.query.String())
	f.end(err)
}

// discard forgets what is kept of a feed. The lock is held.
func (h *Hub) discard(f *feed) {
	if len(f.log) == 0 {
		return
	}
	kept := h.order[:0]
	for _, o := range h.order {
		if o != f {
			kept = append(kept, o)
		}
	}
	h.order = kept
	for _, b := range f.log {
		h.kept -= len(b.Changes)
	}
	f.first += uint64(len(f.log))
	f.log = nil
}

// renew follows again what was followed with another subscription, until ctx ends.
func (r *runner) renew(ctx context.Context, v *graph.View) {
	r.mu.Lock()
	feeds := make([]*feed, 0, len(r.feeds))
	for _, f := range r.feeds {
		feeds = append(feeds, f)
	}
	r.mu.Unlock()
	for _, f := range feeds {
		q, err := r.set.Add(ctx, f.query, v)
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		if r.discard(f); err != nil {
			r.stats.TooLarge++
			f.f = nil
			r.remove(f, err)
		} else {
			f.begin(q)
			f.tell()
		}
		r.mu.Unlock()
	}
}

// answer answers who asked, with the view of the batch that was just applied.
func (r *runner) answer(v *graph.View) {
	r.mu.Lock()
	asks := r.asks
	r.asks = nil
	r.mu.Unlock()
	for _, a := range asks {
		if a.ctx.Err() != nil {
			continue
		}
		err := r.begin(a, v)
		r.mu.Lock()
		a.answer <- err
		r.mu.Unlock()
	}
}

// begin begins a watch.
func (r *runner) begin(a *ask, v *graph.View) error {
	text := a.query.String()
	r.mu.Lock()
	f := r.feeds[text]
	full := f == nil && len(r.feeds) >= r.cfg.MaxQueries
	r.mu.Unlock()
	if full {
		return fmt.Errorf("%w: %d, the limit", ErrFull, r.cfg.MaxQueries)
	}
	var q *follow.Followed
	if f == nil {
		var err error
		if q, err = r.set.Add(a.ctx, a.query, v); err != nil {
			return err
		}
		r.ran[q] = time.Now()
	} else if d, some, err := r.set.Refresh(a.ctx, f.f, v); err != nil {
		return err
	} else if some {
		r.publish([]follow.Delta{d})
		if d.Err != nil {
			return d.Err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.gone {
		if q != nil {
			r.set.Remove(q)
		}
		return nil
	}
	if q != nil {
		f = newFeed(a.query)
		f.begin(q)
		r.feeds[text] = f
	}
	f.revision = f.f.Revision()
	w := a.watch
	if w == nil {
		w = &Watch{h: r.Hub, feed: f}
		f.watches++
		r.watches++
	}
	a.w = w
	w.generation, w.at = f.generation, f.next()
	if n, ok := f.after(a.from); ok && a.from > 0 && a.watch == nil {
		r.stats.Resumed++
		w.at = n
		return nil
	}
	w.snap = &Snapshot{View: v, Revision: f.give()}
	for _, edge := range [...]bool{false, true} {
		for id, is := range f.f.Elements {
			if is == edge {
				w.snap.ids = append(w.snap.ids, id)
			}
		}
		if !edge {
			w.snap.nodes = len(w.snap.ids)
		}
	}
	r.count(r.set)
	return nil
}

// due returns a global query to be run now, nil when there is none.
func (r *runner) due() *follow.Followed {
	now := time.Now()
	if r.busy || now.Before(r.runAt) || now.Before(r.dueAt) {
		return nil
	}
	r.dueAt = now.Add(lookout)
	f := r.set.Due(func(f *follow.Followed) bool { return now.Sub(r.ran[f]) >= r.cfg.RunEvery })
	if f != nil {
		r.busy = true
		r.ran[f] = now
	}
	return f
}

// finish takes the outcome of a run.
func (r *runner) finish(o outcome) {
	r.busy = false
	r.runAt = time.Now().Add(time.Duration(r.cfg.RunPause) * o.took)
	d, some := r.set.Put(o.f, o.r, o.err)
	if some {
		r.publish([]follow.Delta{d})
	} else {
		r.publish(nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Running += o.took
}

// retire ends queries that nobody follows any more. It reports true when there
// is none left, and then nothing follows the graph.
func (r *runner) retire() (done bool) {
	now := time.Now()
	if now.Before(r.retireAt) {
		return false
	}
	r.retireAt = now.Add(housekeeping)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.feeds {
		if f.watches == 0 && now.Sub(f.idle) >= r.cfg.Linger {
			r.remove(f, ErrStopped)
		}
	}
	if len(r.feeds) == 0 && len(r.asks) == 0 {
		r.running = false
		r.count(r.set)
		r.settle()
		return true
	}
	r.count(r.set)
	return false
}
