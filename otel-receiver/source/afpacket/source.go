package afpacket

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/otel-receiver/source"
)

// Source captures from one interface. It is a [source.Source].
type Source struct {
	cfg     Config
	started atomic.Bool
	opened  atomic.Uint64
	panics  atomic.Uint64
	count   counters
	memory  atomic.Int64 // bytes of rings that are open

	sampling sampling
}

// counters are what rings count; workers add to them once in a while.
type counters struct {
	received, bytes, dropped, freezes, truncated, malformed atomic.Uint64
	cpu                                                     atomic.Int64
}

// New returns a source that has not been started.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure capture: %w", err)
	}
	return &Source{cfg: cfg.withDefaults()}, nil
}

// Stats implements [source.Source]. Kernel drops are known about 100 ms after
// they happened. CPU is that of the workers' threads, what they ask of the kernel
// included; what the kernel does for a frame before it is in the ring, on
// whichever processor it came in, cannot be told apart from all else it does
// there. Memory is that of the rings.
func (s *Source) Stats() source.Stats {
	return source.Stats{
		Received:  s.count.received.Load(),
		Bytes:     s.count.bytes.Load(),
		Dropped:   s.count.dropped.Load(),
		Freezes:   s.count.freezes.Load(),
		Truncated: s.count.truncated.Load(),
		Malformed: s.count.malformed.Load(),
		Opened:    s.opened.Load(),
		Panics:    s.panics.Load(),
		CPU:       time.Duration(s.count.cpu.Load()),
		Memory:    uint64(s.memory.Load()),
	}
}

// Run implements [source.Source]: it captures with one ring for each worker.
// When ctx ends, what is already in the rings is still handed on, for a quarter
// of a second at most; what is left then counts as dropped. An interface that is
// down is waited for. One that is not there, or goes, ends the capture with an
// error that wraps [ErrNoInterface] or [ErrGone], unless Config.Retry is set.
func (s *Source) Run(ctx context.Context, workers []source.Worker) error {
	if n := len(workers); n < 1 || n > MaxWorkers {
		return fmt.Errorf("capture on %s: %d workers: want 1 to %d", s.cfg.Interface, n, MaxWorkers)
	}
	if s.started.Swap(true) {
		return fmt.Errorf("capture on %s: a source runs only once", s.cfg.Interface)
	}
	err := s.run(ctx, workers)
	var p *source.PanicError
	if errors.As(err, &p) {
		s.panics.Add(1)
	}
	if err != nil {
		return fmt.Errorf("capture on %s: %w", s.cfg.Interface, err)
	}
	return nil
}

func (s *Source) run(ctx context.Context, workers []source.Worker) error {
	backoff, told := s.cfg.RetryMin, false
	for ctx.Err() == nil {
		err := s.session(ctx, workers, func() { backoff, told = s.cfg.RetryMin, false })
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errDown):
			// Some kernels let several workers share an interface only while it is up.
		case !s.cfg.Retry || !errors.Is(err, ErrGone) && !errors.Is(err, ErrNoInterface):
			return err
		}
		if !told {
			s.cfg.Log.Info("capture waits for its interface", "interface", s.cfg.Interface, "netns", s.cfg.NetNS, "reason", err)
			told = true
		}
		if err := idle(ctx, workers, backoff); err != nil {
			return err
		}
		backoff = min(2*backoff, s.cfg.RetryMax)
	}
	return nil
}

// idle lets workers know the time while there is nothing to capture from.
func idle(ctx context.Context, workers []source.Worker, d time.Duration) error {
	end := time.Now().Add(d)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		for i, w := range workers {
			if err := source.Guard(i, func() error { w.Tick(time.Now().UnixNano()); return nil }); err != nil {
				return err
			}
		}
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		timer.Reset(min(left, source.TickInterval))
	}
}
