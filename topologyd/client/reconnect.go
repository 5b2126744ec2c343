package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// reconnect makes a connection that lasts again when it broke. It belongs to
// one goroutine.
type reconnect struct {
	least, most time.Duration
	broken      func(err error, wait time.Duration)

	wait    time.Duration
	started bool
	failed  error // what the caller's function said
}

// newReconnect waits between least and most between two attempts; 0: half a
// second, 15 seconds. broken may be nil.
func newReconnect(least, most time.Duration, broken func(err error, wait time.Duration)) *reconnect {
	if least <= 0 {
		least = 500 * time.Millisecond
	}
	if most <= 0 {
		most = 15 * time.Second
	}
	return &reconnect{least: least, most: most, broken: broken, wait: least}
}

// opened is to be called when an attempt has shown that the server serves it.
func (r *reconnect) opened() { r.started, r.wait = true, r.least }

// handled keeps and returns what the caller's function said of a message: an
// error ends it all.
func (r *reconnect) handled(err error) error {
	r.failed = err
	return err
}

// run makes one attempt after the other until ctx ends, the caller's function
// fails, the first attempt is not opened, or the server refuses for good.
func (r *reconnect) run(ctx context.Context, attempt func() error) error {
	for {
		err := attempt()
		var refused *Error
		switch {
		case r.failed != nil:
			return r.failed
		case ctx.Err() != nil:
			return ctx.Err()
		case !r.started, errors.As(err, &refused) && !refused.Temporary():
			return err
		}
		pause := r.wait/2 + rand.N(r.wait/2+1)
		if refused != nil {
			pause = max(pause, refused.RetryAfter)
		}
		if r.broken != nil {
			r.broken(err, pause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		r.wait = min(2*r.wait, r.most)
	}
}
