package alerts

import (
	"context"
	"fmt"
	"time"

	"github.com/skein-net/skein/topologyd/gremlin"
)

// evaluator runs queries of rules that are not followed, so that expensive ones
// delay only one another, and take no more than a share of one core.
type evaluator struct {
	cfg   *Config
	run   func(ctx context.Context, q *gremlin.Query, lim gremlin.Limits) (*gremlin.Result, error)
	quick chan struct{} // holds a place for each that runs

	slow chan struct{} // holds the place of the one that takes long
	rest time.Time     // until when none may; of who has the place
}

func newEvaluator(cfg *Config, run func(context.Context, *gremlin.Query, gremlin.Limits) (*gremlin.Result, error)) *evaluator {
	return &evaluator{cfg: cfg, run: run, quick: make(chan struct{}, max(cfg.QuickAtOnce, 1)), slow: make(chan struct{}, 1)}
}

// cost is what is known of how long a query takes. It belongs to its rule.
type cost struct{ slow bool }

// evaluate runs a query, once it is its turn. took is how long it ran.
func (e *evaluator) evaluate(ctx context.Context, q *gremlin.Query, c *cost) (r *gremlin.Result, took time.Duration, err error) {
	if !c.slow {
		r, took, err = e.quickly(ctx, q)
		if ctx.Err() != nil || gremlin.LimitOf(err) != "time" || e.cfg.Quick >= e.cfg.Query.Time {
			return r, took, err
		}
		c.slow = true
	}
	r, took, err = e.slowly(ctx, q)
	if err == nil && took < e.cfg.Quick/2 {
		c.slow = false
	}
	return r, took, err
}

func (e *evaluator) quickly(ctx context.Context, q *gremlin.Query) (*gremlin.Result, time.Duration, error) {
	if err := enter(ctx, e.quick); err != nil {
		return nil, 0, err
	}
	lim := e.cfg.Query
	lim.Time = min(lim.Time, e.cfg.Quick)
	r, took, err := e.timed(ctx, q, lim)
	// The place rests, too, so that many cheap ones do not take a core.
	time.AfterFunc(time.Duration(e.cfg.QuickPause)*took, func() { <-e.quick })
	return r, took, err
}

func (e *evaluator) slowly(ctx context.Context, q *gremlin.Query) (*gremlin.Result, time.Duration, error) {
	if err := enter(ctx, e.slow); err != nil {
		return nil, 0, err
	}
	defer func() { <-e.slow }()
	if !sleep(ctx, time.Until(e.rest)) {
		return nil, 0, fmt.Errorf("wait to evaluate: %w", ctx.Err())
	}
	r, took, err := e.timed(ctx, q, e.cfg.Query)
	e.rest = time.Now().Add(time.Duration(e.cfg.SlowPause) * took)
	return r, took, err
}

// enter waits for a place.
func enter(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to evaluate: %w", ctx.Err())
	}
}

func (e *evaluator) timed(ctx context.Context, q *gremlin.Query, lim gremlin.Limits) (*gremlin.Result, time.Duration, error) {
	start := time.Now()
	r, err := e.run(ctx, q, lim)
	return r, time.Since(start), err
}

// sleep waits and reports whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
