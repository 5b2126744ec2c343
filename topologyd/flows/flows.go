package flows

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Config are the limits of what is held in memory.
type Config struct {
	// Max is how many flows the table in memory holds. When it is full the flow
	// that was not heard of for the longest time goes, one that has ended first.
	Max int
	// Ended is how long a flow that has ended stays, Silent one of which nothing
	// is heard any more.
	Ended, Silent time.Duration
	// Recent is how far back from now the store may not know everything yet:
	// windows that reach into it are answered from memory too.
	Recent time.Duration
	// Oldest and Future are how far from now the time of a report may be; others
	// are refused. They must not be more than the store takes.
	Oldest, Future time.Duration
	// Shared says that others write to the store too, so that the table in memory
	// never holds all flows.
	Shared bool
	// Followers is how many may follow at the same time, Queue how many reports
	// one of them may fall behind before reports are left out.
	Followers, Queue int
}

// DefaultConfig returns the limits of a daemon that nobody configured.
func DefaultConfig() Config {
	return Config{
		Max:       200_000,
		Ended:     time.Minute,
		Silent:    10 * time.Minute,
		Recent:    30 * time.Second,
		Oldest:    7 * 24 * time.Hour,
		Future:    time.Hour,
		Followers: 32,
		Queue:     8192,
	}
}

// Store is what keeps reports. Its methods may be called from any number of
// goroutines. A record that it yields is the caller's until the next one.
type Store interface {
	// Write takes reports. When it returns nil the store answers for them; it
	// keeps none of the memory. The error wraps [ErrBusy] when the store has too
	// much to do.
	Write(ctx context.Context, reports []flowrecord.Record) error
	// Flows yields the newest report of each flow in the window.
	Flows(ctx context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error]
	// Updates yields what each report of some flows added, for those that speak
	// of some time in [from, to], in ascending time of their end.
	Updates(ctx context.Context, ids []flowrecord.ID, from, to int64) iter.Seq2[flowrecord.Update, error]
	// Counters yields the counters of nodes in [from, to], in ascending time.
	Counters(ctx context.Context, nodes []entity.UUID, from, to int64) iter.Seq2[gremlin.Counters, error]
	// Top sums what reports added.
	Top(ctx context.Context, q *TopQuery) ([]TopRow, error)
	// Series sums what reports added by steps of time.
	Series(ctx context.Context, q *SeriesQuery) (*Series, error)
}

// What errors of [Flows.Take] and [Flows.Follow] wrap.
var (
	// ErrBusy: try again in a second.
	ErrBusy = errors.New("too many flow records wait for the store")
	// ErrStore: the store cannot write; try again later.
	ErrStore = errors.New("the flow store takes no records")
	// ErrStopped: the daemon is stopping.
	ErrStopped = errors.New("flows are not taken any more")
)

// Flows joins the table in memory with a store. Its methods may be called from
// any number of goroutines. It implements [gremlin.Flows].
type Flows struct {
	cfg   Config
	store Store
	now   func() time.Time
	table *flowrecord.Table
	live  *live
	hub   hub
	n     counters
	// sampling knows whether anything was sampled.
	sampling sampling
	// began is when the table in memory was empty.
	began time.Time

	stop    chan struct{}
	stopped sync.Once
	done    sync.WaitGroup
}

// New returns a join over a store; now is the clock, nil for [time.Now].
// Nothing runs before Start, but the methods work.
func New(cfg Config, store Store, now func() time.Time) (*Flows, error) {
	if cfg.Max <= 0 || cfg.Queue <= 0 || cfg.Ended <= 0 || cfg.Silent <= 0 {
		return nil, fmt.Errorf("set up flows: a limit is not more than zero: %+v", cfg)
	}
	if now == nil {
		now = time.Now
	}
	f := &Flows{cfg: cfg, store: store, now: now, table: flowrecord.NewTable(), stop: make(chan struct{}), began: now()}
	f.live = newLive(cfg.Max, &f.n)
	return f, nil
}

// sweepEvery is how often flows that are over are looked for.
const sweepEvery = time.Second

// Start begins to forget flows that are over.
func (f *Flows) Start() {
	f.done.Go(func() {
		t := time.NewTicker(sweepEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				f.sweep()
			case <-f.stop:
				return
			}
		}
	})
}

// sweep forgets flows that are over.
func (f *Flows) sweep() {
	now := f.now()
	f.live.expire(now.Add(-f.cfg.Ended).UnixNano(), now.Add(-f.cfg.Silent).UnixNano())
}

// Stop ends all that Start began and cuts followers off. Reports are refused
// from then on; questions are still answered.
func (f *Flows) Stop() {
	f.stopped.Do(func() {
		close(f.stop)
		f.hub.close()
	})
	f.done.Wait()
}

func (f *Flows) isStopped() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}
