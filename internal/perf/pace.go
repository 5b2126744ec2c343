package main

import (
	"context"
	"sync"
	"time"
)

// sample is one request of a paced load: which one, and how long after it was
// due its answer was there.
type sample struct {
	n    int
	took time.Duration
	err  error
}

// pace calls do rate times a second for a while, whether or not earlier calls
// have returned, as requests of many users come: up to workers calls run at a
// time, and what waits for one counts as waiting. So a stop of what is called is
// seen by all calls that were due meanwhile, not by one (no coordinated
// omission). It returns when all calls have, with one sample for each.
func pace(ctx context.Context, rate float64, length time.Duration, workers int, do func(ctx context.Context, n int) error) []sample {
	type job struct {
		n   int
		due time.Time
	}
	total := int(rate * length.Seconds())
	jobs := make(chan job, total)
	results := make([][]sample, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for j := range jobs {
				err := do(ctx, j.n)
				results[w] = append(results[w], sample{j.n, time.Since(j.due), err})
			}
		})
	}
	begin := time.Now()
	for n := range total {
		due := begin.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		if d := time.Until(due); d > 0 {
			time.Sleep(d)
		}
		if ctx.Err() != nil {
			break
		}
		jobs <- job{n, due}
	}
	close(jobs)
	wait.Wait()
	var out []sample
	for _, r := range results {
		out = append(out, r...)
	}
	return out
}

// tally sums up samples.
type tally struct {
	took   []time.Duration // of those that did not fail
	failed int
	err    error // of the first that did
}

func (t *tally) add(s sample) {
	if s.err == nil {
		t.took = append(t.took, s.took)
		return
	}
	if t.failed++; t.err == nil {
		t.err = s.err
	}
}
