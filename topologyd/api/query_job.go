package api

import (
	"context"
	"time"

	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/lane"
)

// job is the evaluation of a query that waits for its client now and then. While
// it waits it has no place, and the clock of its limit on time stands still: it is
// the client's time, which has bounds of its own. It belongs to one goroutine.
type job struct {
	a      *API
	limit  time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	unlink func() bool

	lane    *lane.Run
	clock   *time.Timer
	left    time.Duration
	since   time.Time
	running bool
}

// startJob waits for a place. The job's context ends with the client, with the
// daemon, and when the job has worked for as long as it may.
func (a *API) startJob(client context.Context, limit time.Duration) (*job, *failure) {
	j := &job{a: a, limit: limit, left: limit}
	j.ctx, j.cancel = context.WithCancelCause(client)
	j.unlink = context.AfterFunc(a.watchers.ctx, func() { j.cancel(errStopping) })
	var err error
	waiting, cancel := context.WithTimeout(j.ctx, limit)
	j.lane, err = a.lanes.Enter(waiting)
	cancel()
	if err != nil {
		j.end()
		return nil, queryFailure(err)
	}
	j.ctx = inLane(j.ctx, j.lane)
	j.start()
	return j, nil
}

// start has the clock go on.
func (j *job) start() {
	j.running, j.since = true, time.Now()
	if j.clock == nil {
		j.clock = time.AfterFunc(j.left, func() {
			j.cancel(&gremlin.LimitError{Limit: "time", Max: j.limit.String(),
				Hint: "narrow the query with Has on a key and value close to its start, use Limit or a depth, or raise the limit"})
		})
	} else {
		j.clock.Reset(max(j.left, 0))
	}
}

// pause gives the place back and stops the clock.
func (j *job) pause() {
	if !j.running {
		return
	}
	j.running = false
	j.clock.Stop()
	j.left -= time.Since(j.since)
	j.lane.Rest()
}

// resume takes a place again and has the clock go on.
func (j *job) resume() error {
	waiting, cancel := context.WithTimeout(j.ctx, j.limit)
	defer cancel()
	if err := j.lane.Return(waiting); err != nil {
		if j.ctx.Err() != nil {
			return context.Cause(j.ctx)
		}
		return err
	}
	j.start()
	return nil
}

// end gives everything back. It may be called again.
func (j *job) end() {
	j.pause()
	if j.lane != nil {
		j.lane.Leave()
	}
	j.unlink()
	j.cancel(nil)
}
