package orders

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// agenda is what is to be done: the last list, kept in a file, without what has
// expired.
type agenda struct {
	store    store
	captures Captures
	log      *slog.Logger
	now      func() time.Time
	// lists are those that topologyd sent; a newer one replaces one that was not
	// taken yet.
	lists chan *order.Assignments
	// keep are those to be kept, in the same way, so that a disk that hangs holds up
	// nothing.
	keep chan *order.Assignments

	// revision is that of the list that is followed.
	revision atomic.Uint64
	failures atomic.Uint64
}

func newAgenda(s store, captures Captures, log *slog.Logger, now func() time.Time) *agenda {
	return &agenda{store: s, captures: captures, log: log, now: now, lists: make(chan *order.Assignments, 1), keep: make(chan *order.Assignments, 1)}
}

// put has a list followed soon. It is called by one goroutine at a time.
func (a *agenda) put(list *order.Assignments) { replaceIn(a.lists, list) }

// replaceIn puts a list into a channel with room for one, in place of the one that
// is there. It is called by one goroutine at a time.
func replaceIn(to chan *order.Assignments, list *order.Assignments) {
	for {
		select {
		case to <- list:
			return
		case <-to:
		}
	}
}

// run follows lists until ctx ends, beginning with the one that is kept.
func (a *agenda) run(ctx context.Context) {
	kept := make(chan *order.Assignments, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { a.runStore(ctx, kept) })
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var list *order.Assignments
	for {
		select {
		case <-ctx.Done():
			return
		case old := <-kept:
			if list == nil {
				list = old
				a.log.Info("Following the orders that were kept", "captures", len(list.Captures), "revision", list.Revision)
				a.follow(list, timer)
			}
		case list = <-a.lists:
			a.follow(list, timer)
			replaceIn(a.keep, list)
		case <-timer.C:
			if list != nil {
				a.follow(list, timer)
			}
		}
	}
}

// runStore hands on the list that is kept, if there is one, and keeps others until
// ctx ends.
func (a *agenda) runStore(ctx context.Context, kept chan<- *order.Assignments) {
	switch list, err := a.store.load(); {
	case err != nil:
		a.failures.Add(1)
		a.log.Warn("The kept orders cannot be used; captures begin when topologyd says so", "error", err)
	case list != nil:
		kept <- list
	}
	told := ""
	for {
		select {
		case <-ctx.Done():
			select {
			case list := <-a.keep: // the last one
				a.save(list, told)
			default:
			}
			return
		case list := <-a.keep:
			told = a.save(list, told)
		}
	}
}

// save keeps a list. It logs why it cannot, unless that was told, and returns what
// is told now.
func (a *agenda) save(list *order.Assignments, told string) string {
	err := a.store.save(list)
	if err == nil {
		return ""
	}
	a.failures.Add(1)
	if err.Error() != told {
		a.log.Warn("The orders cannot be kept; after a restart, captures begin when topologyd says so", "error", err)
	}
	return err.Error()
}

// longest is when the clock is looked at again at the latest: it may be set.
const longest = time.Minute

// follow hands on what has not expired, and sets the timer to when the next
// capture does.
func (a *agenda) follow(list *order.Assignments, timer *time.Timer) {
	now := a.now()
	next := longest
	live := make([]order.Capture, 0, len(list.Captures))
	seen := make(map[string]bool, len(list.Captures))
	for _, c := range list.Captures {
		if seen[c.ID] {
			continue // the first one counts
		}
		seen[c.ID] = true
		if !c.Expires.IsZero() {
			left := c.Expires.Sub(now)
			if left <= 0 {
				continue
			}
			next = min(next, left)
		}
		live = append(live, c)
	}
	timer.Reset(next)
	a.captures.Follow(live)
	a.revision.Store(list.Revision)
}
