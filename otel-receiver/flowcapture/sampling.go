package flowcapture

import (
	"context"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/skein-net/skein/otel-receiver/budget"
	"github.com/skein-net/skein/otel-receiver/source"
)

// startBudget has a source count one packet of least, 0 and 1 all of them, and
// keeps it within cpu thousandths of a core, 0 without a bound, until stop is
// called or ctx ends. It may be called before the source runs. rate is kept as
// the rate in force, 0 before it is known. A source that cannot sample is left
// alone, which the log tells when it was to. stop waits until the source is no
// longer asked; it must be called.
func startBudget(ctx context.Context, src source.Source, least uint32, cpu int, log *zap.Logger, rate *atomic.Int64) (stop func()) {
	rate.Store(1)
	sampler, ok := src.(budget.Source)
	if !ok || least <= 1 && cpu <= 0 {
		if !ok && (least > 1 || cpu > 0) {
			log.Warn("The source cannot sample: every packet is counted, whatever it costs")
		}
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	cfg := budget.Config{CPU: cpu, Least: least}
	last := uint32(1)
	if least > 1 && sampler.SetSampling(least) == nil { // else it is asked again at once, and the log told
		rate.Store(int64(least)) // from the first frame
	}
	told := func(s budget.Step) {
		rate.Store(int64(s.Rate))
		if s.Rate != last {
			log.Info("The rate of sampling changes", zap.Uint32("rate", s.Rate), zap.Uint32("before", last),
				zap.Int("cpu_used", s.Used), zap.Int("cpu_budget", cpu))
			last = s.Rate
		}
	}
	go func() {
		defer close(done)
		if err := budget.Run(ctx, sampler, cfg, newSlog(log), told); err != nil {
			log.Error("Capture runs without budget", zap.Error(err))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
