package alertmanager

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// peer is one Alertmanager: its queue, and the goroutine that sends.
type peer struct {
	name string // its URL
	cfg  *Config
	log  *slog.Logger
	n    *counters
	post atomic.Pointer[poster]
	// firing returns what fires now, for an Alertmanager that may have forgotten.
	firing func() []*entry

	wake chan struct{} // something is queued
	stop chan struct{} // send what is queued, and end
	end  context.CancelFunc

	refused rate.Sometimes // for the log

	mu    sync.Mutex
	queue *queue
}

func newPeer(name string, cfg *Config, log *slog.Logger, n *counters) *peer {
	p := &peer{
		name: name, cfg: cfg, log: log.With("alertmanager", name), n: n, refused: rate.Sometimes{First: 1, Interval: time.Minute},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), queue: newQueue(cfg.Queue),
	}
	n.queued.WithLabelValues(name).Set(0)
	return p
}

// put queues states of alerts.
func (p *peer) put(entries []*entry) {
	dropped := 0
	p.mu.Lock()
	for _, e := range entries {
		if p.queue.put(e) {
			dropped++
		}
	}
	p.told()
	p.mu.Unlock()
	p.drop("queue_full", dropped)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// offer queues those alerts of which nothing is queued, as far as there is room.
func (p *peer) offer(entries []*entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range entries {
		p.queue.offer(e)
	}
	p.told()
}

// rejoin queues what fires, but for what was sent just now: an Alertmanager that is
// restarted has forgotten its alerts.
func (p *peer) rejoin(sent []*entry) {
	known := make(map[string]bool, len(sent))
	for _, e := range sent {
		known[e.key] = true
	}
	p.offer(slices.DeleteFunc(p.firing(), func(e *entry) bool { return known[e.key] }))
}

// told updates the metric of the queue; the mutex is held.
func (p *peer) told() { p.n.queued.WithLabelValues(p.name).Set(float64(p.queue.len())) }

func (p *peer) drop(reason string, n int) {
	if n > 0 {
		p.n.dropped.WithLabelValues(p.name, reason).Add(float64(n))
	}
}

func (p *peer) first() []*entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.first(p.cfg.Batch)
}

func (p *peer) done(entries []*entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.done(entries)
	p.told()
}

// run sends what is queued until ctx ends, or, once stop is closed, until nothing is
// queued or a request fails.
func (p *peer) run(ctx context.Context) {
	var away time.Time // since when
	wait := p.cfg.RetryMin
	for {
		batch := p.first()
		if len(batch) == 0 {
			select {
			case <-p.wake:
				continue
			case <-p.stop:
				if batch = p.first(); len(batch) == 0 {
					return
				}
			case <-ctx.Done():
				return
			}
		}
		err := p.deliver(ctx, batch)
		if err == nil {
			if !away.IsZero() {
				p.log.Info("Alertmanager takes alerts again", "after", time.Since(away).Round(time.Millisecond))
				away = time.Time{}
				p.rejoin(batch)
			}
			wait = p.cfg.RetryMin
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if away.IsZero() {
			away = time.Now()
			p.log.Warn("Alertmanager does not take alerts; they wait", "error", err)
		}
		if !p.pause(ctx, wait) {
			return
		}
		wait = min(2*wait, p.cfg.RetryMax)
	}
}

// pause waits up to a time, at least half of it, and reports whether to go on.
func (p *peer) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.stop:
	case <-ctx.Done():
	}
	return false
}

// deliver sends alerts and takes them out of the queue. If they are refused, it
// sends them in smaller parts: one that is bad must not take the others with it. An
// error says that they should be sent again.
func (p *peer) deliver(ctx context.Context, batch []*entry) error {
	begin := time.Now()
	err := p.post.Load().post(ctx, batch)
	p.n.requests.WithLabelValues(p.name, result(err)).Inc()
	p.n.duration.WithLabelValues(p.name).Observe(time.Since(begin).Seconds())
	var r *refusal
	switch {
	case err == nil:
		p.n.up.WithLabelValues(p.name).Set(1)
		p.n.sent.WithLabelValues(p.name).Add(float64(len(batch)))
		p.done(batch)
		return nil
	case !errors.As(err, &r):
		if ctx.Err() == nil {
			p.n.up.WithLabelValues(p.name).Set(0)
		}
		return err
	}
	p.n.up.WithLabelValues(p.name).Set(1)
	if half := len(batch) / 2; half > 0 {
		if err := p.deliver(ctx, batch[:half]); err != nil {
			return err
		}
		return p.deliver(ctx, batch[half:])
	}
	p.drop("refused", 1)
	p.done(batch)
	p.refused.Do(func() {
		p.log.Error("Alertmanager refuses an alert, which is dropped", "alertname", batch[0].alert.Labels["alertname"], "answer", r.text)
	})
	return nil
}
