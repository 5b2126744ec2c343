package api

import (
	"context"
	"errors"
	"time"

	"github.com/skein-net/skein/topologyd/gremlin"
)

// errBusy ends a job that got no slot again.
var errBusy = errors.New("no other query ended in time")

// job is the evaluation of a query that waits for its client now and then. While
// it waits it has no slot, and the clock of its limit on time stands still: it is
// the client's time, which has bounds of its own. It belongs to one goroutine.
type job struct {
	a      *API
	limit  time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	unlink func() bool

	clock   *time.Timer
	left    time.Duration
	since   time.Time
	running bool
}

// startJob waits for a slot. The job's context ends with the client, with the
// daemon, and when the job has worked for as long as it may.
func (a *API) startJob(client context.Context, limit time.Duration) (*job, *failure) {
	j := &job{a: a, limit: limit, left: limit}
	j.ctx, j.cancel = context.WithCancelCause(client)
	j.unlink = context.AfterFunc(a.watchers.ctx, func() { j.cancel(errStopping) })
	if err := j.resume(); err != nil {
		j.end()
		if errors.Is(err, errBusy) {
			return nil, a.busy()
		}
		return nil, queryFailure(err)
	}
	return j, nil
}

// pause gives the slot back and stops the clock.
func (j *job) pause() {
	if !j.running {
		return
	}
	j.running = false
	j.clock.Stop()
	j.left -= time.Since(j.since)
	j.a.slots.Release()
}

// resume takes a slot again and has the clock go on.
func (j *job) resume() error {
	if !j.a.slots.Acquire(j.ctx, j.limit) {
		if j.ctx.Err() != nil {
			return context.Cause(j.ctx)
		}
		return errBusy
	}
	j.running, j.since = true, time.Now()
	if j.clock == nil {
		j.clock = time.AfterFunc(j.left, func() {
			j.cancel(&gremlin.LimitError{Limit: "time", Max: j.limit.String(),
				Hint: "narrow the query with Has on a key and value close to its start, use Limit or a depth, or raise the limit"})
		})
	} else {
		j.clock.Reset(max(j.left, 0))
	}
	return nil
}

// end gives everything back. It may be called again.
func (j *job) end() {
	j.pause()
	j.unlink()
	j.cancel(nil)
}
