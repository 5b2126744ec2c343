package budget

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/skein-net/skein/otel-receiver/source"
)

// Interval is how often what is used is compared with the budget.
const Interval = time.Second

// Source is what of a [source.Source] is controlled.
type Source interface {
	source.Sampler
	// Stats tells what it has used, in CPU.
	Stats() source.Stats
}

// Step is what was found in one step: the rate in force from now on, and what
// was used in thousandths of a core.
type Step struct {
	Rate uint32
	Used int
}

// Run has a source count one packet of Least and then, until ctx ends, keeps it
// within its budget. onStep, which may be nil, is called after each step from
// the goroutine of Run. A source that refuses a rate keeps the one it has; it is
// asked again in the next step. The error is that of a configuration that makes
// no sense.
func Run(ctx context.Context, src Source, cfg Config, log *slog.Logger, onStep func(Step)) error {
	return run(ctx, src, cfg, log, onStep, Interval)
}

func run(ctx context.Context, src Source, cfg Config, log *slog.Logger, onStep func(Step), every time.Duration) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configure budget: %w", err)
	}
	l := &loop{src: src, control: New(cfg), log: log}
	l.follow()
	l.tell(onStep, 0)
	before, at := src.Stats().CPU, time.Now()
	// Not a ticker: after a step that was late the next would be short, and what is
	// used is known in pieces of 100 ms.
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		cpu, now := src.Stats().CPU, time.Now()
		timer.Reset(every)
		used := share(cpu-before, now.Sub(at))
		before, at = cpu, now
		l.control.Next(used)
		l.follow()
		l.tell(onStep, used)
	}
}

// loop is a source with its controller.
type loop struct {
	src     Source
	control *Controller
	log     *slog.Logger
	rate    uint32 // in force; 0 before the first
	failing bool
}

// follow has the source sample at the controller's rate.
func (l *loop) follow() {
	rate := l.control.Rate()
	if rate == l.rate || rate == 1 && l.rate == 0 {
		l.rate = rate
		return
	}
	if err := l.src.SetSampling(rate); err != nil {
		if !l.failing {
			l.log.Warn("the capture does not sample as it should", "rate", rate, "in_force", max(l.rate, 1), "error", err)
		}
		l.failing = true
		if l.rate != 0 {
			l.control.Force(l.rate)
		}
		return
	}
	l.failing, l.rate = false, rate
}

func (l *loop) tell(onStep func(Step), used int) {
	if onStep != nil {
		onStep(Step{Rate: max(l.rate, 1), Used: used})
	}
}

// share is processor time in thousandths of a core.
func share(cpu, elapsed time.Duration) int {
	if cpu <= 0 || elapsed <= 0 {
		return 0
	}
	return int(cpu * 1000 / elapsed)
}
