package probe

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// receiver reads the events of one namespace and hands them to the loop. It
// ends when its connection is closed.
type receiver struct {
	sp   *space
	conn *rtnl.Conn
	// waiting is when the receiver began to wait for events, in nanoseconds of
	// the clock of time.Since(epoch); 0: it does not wait.
	waiting atomic.Int64
	epoch   time.Time
	// read counts events.
	read atomic.Int64
}

// retryPause is the pause after an error of the socket that is neither an
// overrun nor its end.
const retryPause = time.Second

func (r *receiver) run() {
	p := r.sp.p
	for {
		r.waiting.Store(int64(time.Since(r.epoch)) + 1)
		events, err := r.conn.Receive()
		r.waiting.Store(0)
		r.read.Add(int64(len(events)))
		if len(events) > 0 && !p.post(func() { r.deliver(events) }) {
			return
		}
		switch {
		case err == nil:
		case errors.Is(err, rtnl.ErrClosed):
			return
		case errors.Is(err, rtnl.ErrOverrun):
			if !p.post(func() { r.overrun() }) {
				return
			}
		default:
			// What was lost by it nobody knows.
			p.log.Errorf("Cannot receive events of network namespace %s: %v", r.sp.id, err)
			if !p.post(func() { r.overrun() }) || !sleep(p.ctx, retryPause) {
				return
			}
		}
	}
}

// deliver and overrun run on the loop's goroutine.
func (r *receiver) deliver(events []rtnl.Event) {
	if r.sp.recv == r {
		r.sp.receive(events)
	}
}

func (r *receiver) overrun() {
	if r.sp.recv == r {
		r.sp.p.stats.overruns.Add(1)
		r.sp.work.overrun(time.Now())
	}
}

// The kernel tells of a loss before it hands over what came earlier and is
// still in the buffer. Only when that has been read does a listing show what
// is newer than all events before the loss.
const (
	idleFor    = 3 * time.Millisecond
	catchUpMax = 2 * time.Second
	// minEventSize is what the kernel charges at least for an event.
	minEventSize = 512
)

// catchUp waits until all events that were in the buffer have been handed to
// the loop, and reports whether that is sure.
func (r *receiver) catchUp(ctx context.Context) bool {
	start := r.read.Load()
	full := int64(r.conn.ReceiveBuffer() / minEventSize)
	for deadline := time.Now().Add(catchUpMax); time.Now().Before(deadline); {
		since := r.waiting.Load()
		if since != 0 && int64(time.Since(r.epoch))-since >= int64(idleFor) {
			return true
		}
		if r.read.Load()-start > full {
			return true
		}
		if !sleep(ctx, idleFor) {
			return false
		}
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
