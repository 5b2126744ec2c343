package orders

import (
	"context"
	"log/slog"
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

	// revision is that of the list that is followed.
	revision atomic.Uint64
	failures atomic.Uint64
}

func newAgenda(s store, captures Captures, log *slog.Logger, now func() time.Time) *agenda {
	return &agenda{store: s, captures: captures, log: log, now: now, lists: make(chan *order.Assignments, 1)}
}

// put has a list followed soon. It is called by one goroutine at a time.
func (a *agenda) put(list *order.Assignments) {
	for {
		select {
		case a.lists <- list:
			return
		case <-a.lists:
		}
	}
}

// run follows lists until ctx ends, beginning with the one that is kept.
func (a *agenda) run(ctx context.Context) {
	list, err := a.store.load()
	if err != nil {
		a.failures.Add(1)
		a.log.Warn("The kept orders cannot be used; captures begin when topologyd says so", "error", err)
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	if list != nil {
		a.log.Info("Following the orders that were kept", "captures", len(list.Captures), "revision", list.Revision)
		a.follow(list, timer)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case list = <-a.lists:
			a.follow(list, timer)
			if err := a.store.save(list); err != nil {
				a.failures.Add(1)
				a.log.Warn("The orders cannot be kept; after a restart, captures begin when topologyd says so", "error", err)
			}
		case <-timer.C:
			if list != nil {
				a.follow(list, timer)
			}
		}
	}
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
