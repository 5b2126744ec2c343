package report

import (
	"context"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/skein-net/skein/internal/entity"
)

// run is the reporter's goroutine: it alone talks to the accumulator.
func (r *Reporter) run(ctx context.Context) {
	defer close(r.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		r.turn(now)
		r.giveUp(now)
		r.retry(now)
		r.sendAll()
		if at, ok := r.nextTime(); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Reset(time.Hour)
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		case info := <-r.flight.tracking.Delivered():
			r.answered(info)
		}
	}
	r.drain()
}

// drain hands over what is pending at the end. What is rejected from now on is
// not sent again.
func (r *Reporter) drain() {
	deadline := time.NewTimer(r.cfg.StopTimeout)
	defer deadline.Stop()
	for r.sendAll(); r.waiting() > 0; r.sendAll() {
		select {
		case info := <-r.flight.tracking.Delivered():
			r.flight.answer(info)
		case <-deadline.C:
			r.log.Warnf("Stopped with %d changes that the outputs had no room for", r.waiting())
			return
		}
	}
}

func (r *Reporter) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending
}

// turn queues the periodic reports that are due, and forgets the deletes that
// were repeated often enough.
func (r *Reporter) turn(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wheel.due(now.Sub(r.start), func(e *entry) {
		switch {
		case e.event.Kind == entity.Delete && now.Sub(e.deleted) > expiry*r.cfg.Interval:
			r.forget(e)
		case e.queued != idle:
			// It is sent soon anyway.
		case e.event.Kind == entity.Delete && e.repeats == 0:
			r.forget(e)
		case e.event.Kind == entity.Delete:
			e.repeats--
			r.enqueue(e, periodic)
		case !r.paused:
			r.enqueue(e, periodic)
		}
	})
	r.stats.entities.Set(int64(len(r.entries)))
}

// giveUp stops waiting for answers that are overdue. The entities concerned
// are reported again at their next turn.
func (r *Reporter) giveUp(now time.Time) {
	lost := r.flight.expire(now)
	if lost == 0 {
		return
	}
	r.stats.ackTimeouts.Incr(int64(lost))
	if r.flight.blind && !r.warned {
		r.warned = true
		r.log.Warnf("No output has confirmed a metric within %v; reporting on without confirmation", r.cfg.AckTimeout)
	}
}

// retry queues what was rejected, when its pause is over.
func (r *Reporter) retry(now time.Time) {
	if len(r.retries) == 0 || now.Before(r.retryAt) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range r.retries {
		if !it.e.gone && it.e.seq == it.seq {
			r.enqueue(it.e, retry)
		}
	}
	r.retries = r.retries[:0]
}

// answered takes in one answer of the pipeline.
func (r *Reporter) answered(info telegraf.DeliveryInfo) {
	rejected := r.flight.answer(info)
	if info.Delivered() {
		r.pause = 0
		return
	}
	r.stats.rejected.Incr(int64(len(rejected)))
	if len(r.retries) == 0 && len(rejected) > 0 {
		r.pause = min(max(2*r.pause, r.cfg.RetryMin), r.cfg.RetryMax)
		r.retryAt = time.Now().Add(r.pause)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range rejected {
		// The outcome of the last send counts, and only if no other follows.
		if !it.e.gone && it.e.seq == it.seq && it.e.queued == idle {
			r.retries = append(r.retries, it)
		}
	}
}

// nextTime is when the goroutine has something to do by itself.
func (r *Reporter) nextTime() (at time.Time, ok bool) {
	earliest := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	r.mu.Lock()
	if d, some := r.wheel.next(); some {
		earliest(r.start.Add(d))
	}
	r.mu.Unlock()
	if g := r.flight.oldest(); g != nil {
		earliest(g.sent.Add(r.cfg.AckTimeout))
	}
	if len(r.retries) > 0 {
		earliest(r.retryAt)
	}
	return at, ok
}

// sendAll sends what waits, group by group, as far as there is room.
func (r *Reporter) sendAll() {
	for {
		select {
		case info := <-r.flight.tracking.Delivered():
			r.answered(info)
			continue
		default:
		}
		room := r.flight.room()
		if room <= 0 {
			break
		}
		now := time.Now()
		items, events := r.take(now, room)
		if len(items) == 0 {
			break
		}
		metrics := make([]telegraf.Metric, len(events))
		for i := range events {
			metrics[i] = newMetric(&events[i])
		}
		if lost := r.flight.send(now, items, metrics); lost > 0 {
			r.stats.ackTimeouts.Incr(int64(lost))
		}
	}
	r.stats.pending.Set(int64(r.waiting()))
	r.stats.undelivered.Set(int64(r.flight.metrics))
}

// take removes up to n entries from the queues and returns their states with
// time stamps that were never given before.
func (r *Reporter) take(now time.Time, n int) ([]item, []entity.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, r.pending)
	items := make([]item, 0, n)
	events := make([]entity.Event, 0, n)
	for len(items) < n {
		e := r.next()
		if e == nil {
			break
		}
		r.stats.sent(e.queued, e.event.Kind == entity.Delete)
		e.queued = idle
		r.pending--
		e.seq++
		r.stamp = max(r.stamp+1, now.UnixNano())
		ev := e.event
		ev.Time = time.Unix(0, r.stamp)
		items = append(items, item{e, e.seq})
		events = append(events, ev)
	}
	return items, events
}
