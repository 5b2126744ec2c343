package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/skein-net/skein/topologyd/follow"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Config are the bounds of a hub.
type Config struct {
	Follow follow.Config
	// Every is the least time between two batches. Pause is the least time after
	// one in multiples of how long it took.
	Every time.Duration
	Pause int
	// RunEvery is the least time between two runs of one global query. RunPause is
	// the least time after a run of any in multiples of how long it took: 9 is a
	// tenth of one core.
	RunEvery time.Duration
	RunPause int
	// Linger is how long a query is followed, and what happened to it kept, after
	// its last watch has gone.
	Linger time.Duration
	// Backlog is how many changes of results are kept for all watches together.
	Backlog int
	// MaxQueries is how many different queries may be followed.
	MaxQueries int
	// Patience is how long the changes that lead to a view are waited for.
	Patience time.Duration
}

// DefaultConfig returns the bounds of a daemon that nobody configured.
func DefaultConfig() Config {
	c := Config{
		Follow: follow.DefaultConfig(), Every: 20 * time.Millisecond, Pause: 1, RunEvery: 500 * time.Millisecond, RunPause: 9,
		Linger: 30 * time.Second, Backlog: 100_000, MaxQueries: 5000, Patience: 200 * time.Millisecond,
	}
	c.Follow.Limits.Time = 2 * time.Second
	return c
}

// Errors of a watch.
var (
	// ErrBehind ends a watch that read too slowly.
	ErrBehind = errors.New("what the watch has not read is no longer kept; follow again")
	// ErrStopped ends all watches.
	ErrStopped = errors.New("following has stopped")
	// ErrFull refuses another query.
	ErrFull = errors.New("too many different queries are followed")
)

// Changes is a subscription to the changes of the graph that begins with a view.
type Changes interface {
	View() *graph.View
	// Next waits for the next changes, in the order of their revisions. After an
	// error the subscription is of no use; another one is tried.
	Next(ctx context.Context) ([]graph.Change, error)
	Close()
}

// Deps are what a hub stands on.
type Deps struct {
	// View returns the current graph.
	View func() *graph.View
	// Subscribe follows the changes from now on.
	Subscribe func() (Changes, error)
}

// Hub follows queries. It works while there are any, until Stop. Its methods may
// be called concurrently.
type Hub struct {
	cfg  Config
	deps Deps
	done sync.WaitGroup
	ctx  context.Context
	stop context.CancelFunc
	wake chan struct{} // told when somebody asks

	mu      sync.Mutex
	feeds   map[string]*feed
	asks    []*ask
	running bool
	// order has the feed of each batch that is kept, the oldest first.
	order   []*feed
	kept    int // changes in them
	watches int
	stats   Stats
	// before are the counters of the sets before the current one.
	before follow.Stats
}

// Stats counts what a hub did.
type Stats struct {
	follow.Stats
	// Watches are those that are open, Kept the changes kept for them.
	Watches, Kept int
	// Batches counts those applied, Told the changes of results, Behind how often
	// the hub fell behind and started over, Slow the watches that were ended for
	// not reading, TooLarge the results that became too large, Resumed the watches
	// that went on where they were.
	Batches, Told, Behind, Slow, TooLarge, Resumed uint64
	// Applying and Running are how long batches and runs took.
	Applying, Running time.Duration
}

// New returns a hub.
func New(cfg Config, deps Deps) *Hub {
	h := &Hub{cfg: cfg, deps: deps, wake: make(chan struct{}, 1), feeds: make(map[string]*feed)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Stop ends all watches and waits until nothing runs any more.
func (h *Hub) Stop() {
	h.mu.Lock()
	h.stop() // nothing begins from here on
	h.mu.Unlock()
	h.done.Wait()
}

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.Watches, s.Kept = h.watches, h.kept
	return s
}

// ask asks to begin a watch.
type ask struct {
	ctx   context.Context
	query *gremlin.Query
	from  uint64
	watch *Watch // that starts over, nil for another one
	// answer gets one error, or nil; w is set then. gone tells that nobody waits
	// for it. Both are guarded by the hub's lock.
	answer chan error
	w      *Watch
	gone   bool
}

// Follow begins to follow a query: after the revision from of an earlier watch,
// if what happened since is kept, or with its result (see [Watch.Snapshot]). The
// error is that of [follow.Set.Add], [ErrFull], [ErrStopped], one of Subscribe or
// the context's.
func (h *Hub) Follow(ctx context.Context, q *gremlin.Query, from uint64) (*Watch, error) {
	if err := follow.Check(q); err != nil {
		return nil, err
	}
	return h.ask(&ask{ctx: ctx, query: q, from: from})
}

func (h *Hub) ask(a *ask) (*Watch, error) {
	a.answer = make(chan error, 1)
	h.mu.Lock()
	if h.ctx.Err() != nil {
		h.mu.Unlock()
		return nil, ErrStopped
	}
	h.asks = append(h.asks, a)
	if !h.running {
		h.running = true
		h.done.Go(h.run)
	}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-a.answer:
		return a.w, err
	case <-a.ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asks = slices.DeleteFunc(h.asks, func(o *ask) bool { return o == a })
	a.gone = true
	switch { // it may have been answered at the same moment
	case a.w != nil && a.watch != nil:
		return a.w, nil
	case a.w != nil:
		h.release(a.w)
	}
	return nil, fmt.Errorf("wait to follow: %w", context.Cause(a.ctx))
}

// run follows until nobody does, or the hub is stopped.
func (h *Hub) run() {
	for {
		begin := time.Now()
		sub, err := h.deps.Subscribe()
		if err != nil {
			h.end(fmt.Errorf("subscribe to the graph: %w", err))
			return
		}
		r := newRunner(h, sub)
		again := r.run(h.ctx)
		sub.Close()
		if !again && h.ctx.Err() == nil {
			return
		}
		if h.ctx.Err() != nil {
			h.end(ErrStopped)
			return
		}
		h.mu.Lock()
		h.settle()
		h.stats.Behind++
		h.mu.Unlock()
		pause := time.NewTimer(h.cfg.Patience - time.Since(begin))
		select {
		case <-pause.C:
		case <-h.ctx.Done():
		}
		pause.Stop()
	}
}

// end ends all watches and refuses all asks.
func (h *Hub) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = false
	for _, f := range h.feeds {
		f.end(err)
	}
	for _, a := range h.asks {
		a.answer <- err
	}
	clear(h.feeds)
	h.asks, h.order, h.kept = nil, nil, 0
}

// count takes over the counters of a set. The lock is held.
func (h *Hub) count(set *follow.Set) {
	n, b := set.Stats(), &h.before
	n.Demoted += b.Demoted
	n.Changes += b.Changes
	for _, c := range [][2]*follow.Counts{{&n.Local, &b.Local}, {&n.Bounded, &b.Bounded}, {&n.Global, &b.Global}} {
		c[0].Evaluated += c[1].Evaluated
		c[0].Skipped += c[1].Skipped
	}
	h.stats.Stats = n
}

// settle keeps the counters of a set that is not used any more. The lock is held.
func (h *Hub) settle() {
	s := &h.stats.Stats
	s.Local.Queries, s.Bounded.Queries, s.Global.Queries, s.Elements = 0, 0, 0, 0
	h.before = *s
}
