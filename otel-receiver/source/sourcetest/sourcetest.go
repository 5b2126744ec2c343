// Package sourcetest is what tests of sources share. It is for tests only.
package sourcetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/source"
)

// patience is how long a source may take to end, or to see what it is sent: in a
// guest that is emulated, beside others, long.
const patience = 2 * time.Minute

// Running is a source that runs.
type Running struct {
	t    testing.TB
	src  source.Source
	end  context.CancelFunc
	done chan error
}

// Start runs a source until the test ends.
func Start(t testing.TB, src source.Source, workers ...source.Worker) *Running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &Running{t: t, src: src, end: cancel, done: make(chan error, 1)}
	go func() { r.done <- src.Run(ctx, workers) }()
	t.Cleanup(func() { _ = r.Stop() })
	return r
}

// Stop ends the source and returns its error, however often it is asked.
func (r *Running) Stop() error {
	r.t.Helper()
	r.end()
	return r.Wait()
}

// Wait waits for the source to end by itself and returns its error.
func (r *Running) Wait() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		return err
	case <-time.After(patience):
		r.t.Fatal("the source does not end")
		return nil
	}
}

// Ended reports whether the source has ended.
func (r *Running) Ended() bool { return len(r.done) > 0 }

// Until waits for what the source counts.
func (r *Running) Until(what string, cond func(source.Stats) bool) {
	r.t.Helper()
	proctest.Eventually(r.t, patience, what, func() error {
		if st := r.src.Stats(); !cond(st) {
			return fmt.Errorf("stats are %+v", st)
		}
		return nil
	})
}
