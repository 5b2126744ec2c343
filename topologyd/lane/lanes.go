package lane

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Lanes are the two lanes. Its methods may be called concurrently.
type Lanes struct {
	cfg    Config
	memory atomic.Int64

	mu          sync.Mutex
	quick, slow side
	moved       uint64
	refused     uint64
}

// side is one lane: how many more may run, and who waits, the first one first.
type side struct {
	free    int
	waiting []*Run
}

// New returns empty lanes. Numbers of the configuration that are not positive
// are taken from the default one.
func New(cfg Config) *Lanes {
	d := DefaultConfig()
	pick := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	pick(&cfg.Quick, d.Quick)
	pick(&cfg.Slow, d.Slow)
	pick(&cfg.Waiting, d.Waiting)
	if cfg.QuickFor <= 0 {
		cfg.QuickFor = d.QuickFor
	}
	if cfg.Turn <= 0 {
		cfg.Turn = d.Turn
	}
	if cfg.Memory <= 0 {
		cfg.Memory = d.Memory
	}
	return &Lanes{cfg: cfg, quick: side{free: cfg.Quick}, slow: side{free: cfg.Slow}}
}

// Run is one query in the lanes. It is for one goroutine.
type Run struct {
	of *Lanes
	// in is the lane that it has a place in, nil when it has none.
	in    *side
	since time.Time
	taken int64
	// keep tells that it stays where it is, see Keep.
	keep bool
	// turn is signalled when it got a place.
	turn chan struct{}
}

// Enter waits for a place in the quick lane. The error is ErrBusy when the
// context ends before there is one. [Run.Leave] must be called.
func (l *Lanes) Enter(ctx context.Context) (*Run, error) {
	r := &Run{of: l, turn: make(chan struct{}, 1)}
	if err := r.Return(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Pace is called by the query again and again. It returns at once most of the
// time, and waits when it is the turn of others. The error is ErrCrowded, or
// tells that the context ended; the query must stop then.
func (r *Run) Pace(ctx context.Context) error {
	l := r.of
	ran := time.Since(r.since)
	switch r.in {
	case nil: // it rests
		return nil
	case &l.quick:
		if ran < l.cfg.QuickFor || r.keep {
			return nil
		}
		l.mu.Lock()
		if l.slow.free == 0 && len(l.slow.waiting) >= l.cfg.Waiting {
			l.refused++
			l.mu.Unlock()
			return ErrCrowded
		}
		l.moved++
		l.mu.Unlock()
	case &l.slow:
		if ran < l.cfg.Turn || r.keep {
			return nil
		}
		l.mu.Lock()
		alone := len(l.slow.waiting) == 0
		l.mu.Unlock()
		if alone {
			r.since = time.Now()
			return nil
		}
	}
	l.release(r)
	return l.wait(ctx, r, &l.slow)
}

// Slow has the query change to the slow lane now, because it is about to do
// something long during which it cannot call Pace. The error is that of Pace.
func (r *Run) Slow(ctx context.Context) error {
	if r.in != &r.of.quick {
		return nil
	}
	r.since = time.Time{}
	return r.Pace(ctx)
}

// Keep has the query keep its place from now on, because it holds something that
// others wait for in theirs: were it to wait for one of those, nobody would go on.
func (r *Run) Keep() { r.keep = true }

// Take takes memory from what all queries share; false means that there is no
// more. It is given back by Leave.
func (r *Run) Take(bytes int) bool {
	if r.of.memory.Add(int64(bytes)) > r.of.cfg.Memory {
		r.of.memory.Add(-int64(bytes))
		return false
	}
	r.taken += int64(bytes)
	return true
}

// Rest gives the place back while the query waits for something else, its
// client; what it remembers it keeps.
func (r *Run) Rest() { r.of.release(r) }

// Return waits for a place in the quick lane after Rest. The error is that of
// [Lanes.Enter].
func (r *Run) Return(ctx context.Context) error {
	if r.in != nil {
		return nil
	}
	if err := r.of.wait(ctx, r, &r.of.quick); err != nil {
		r.of.mu.Lock()
		r.of.refused++
		r.of.mu.Unlock()
		return ErrBusy
	}
	return nil
}

// Leave gives back what the query has.
func (r *Run) Leave() {
	r.of.memory.Add(-r.taken)
	r.taken = 0
	r.of.release(r)
}

// wait gives r a place in a lane.
func (l *Lanes) wait(ctx context.Context, r *Run, in *side) error {
	l.mu.Lock()
	if in.free > 0 && len(in.waiting) == 0 {
		in.free--
		r.in, r.since = in, time.Now()
		l.mu.Unlock()
		return nil
	}
	in.waiting = append(in.waiting, r)
	l.mu.Unlock()
	select {
	case <-r.turn:
		r.in, r.since = in, time.Now()
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, x := range in.waiting {
		if x == r {
			in.waiting = append(in.waiting[:i], in.waiting[i+1:]...)
			return fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
		}
	}
	// It got its turn at the same moment: the next one has it.
	<-r.turn
	l.next(in)
	return fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
}

// release gives back a place.
func (l *Lanes) release(r *Run) {
	if r.in == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next(r.in)
	r.in = nil
}

// next hands a place that became free to whoever waits longest.
func (l *Lanes) next(in *side) {
	if len(in.waiting) == 0 {
		in.free++
		return
	}
	r := in.waiting[0]
	in.waiting = append(in.waiting[:0], in.waiting[1:]...)
	r.turn <- struct{}{}
}

// Stats are the current numbers.
type Stats struct {
	// Quick and Slow are how many run in each lane, QuickWaiting and SlowWaiting
	// how many wait for it.
	Quick, Slow, QuickWaiting, SlowWaiting int
	// Memory is what queries remember now, in bytes.
	Memory int64
	// Moved counts the queries that changed to the slow lane, Refused those that
	// found no room.
	Moved, Refused uint64
}

// Stats returns the current numbers.
func (l *Lanes) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		Quick: l.cfg.Quick - l.quick.free, Slow: l.cfg.Slow - l.slow.free,
		QuickWaiting: len(l.quick.waiting), SlowWaiting: len(l.slow.waiting),
		Memory: l.memory.Load(), Moved: l.moved, Refused: l.refused,
	}
}
