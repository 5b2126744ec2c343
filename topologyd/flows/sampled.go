package flows

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

const fieldSampling = "SamplingRate"

// pastSampled is how long the question may take whether the store has anything
// that was sampled.
const pastSampled = 3 * time.Second

// sampling knows whether there may be reports of what was sampled.
type sampling struct {
	mu sync.Mutex
	// since is the time of the earliest such report that came, 0 when none has.
	since int64
	// clean tells that the store had none when this began.
	clean, asked bool
}

// note takes notice of reports that came.
func (s *sampling) note(reports []flowrecord.Record) {
	if !slices.ContainsFunc(reports, func(r flowrecord.Record) bool { return r.SamplingRate > 1 }) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range reports {
		r := &reports[i]
		if at := min(r.Metric.Start, r.Metric.Last); r.SamplingRate > 1 && (s.since == 0 || at < s.since) {
			s.since = at
		}
	}
}

// none tells that nothing up to a time was sampled.
func (s *sampling) none(to int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clean && (s.since == 0 || s.since > to)
}

// Sampled returns the largest sampling rate of what Top and Series sum up for a
// query, 1 when every packet was counted. Above 1 the sums are estimates.
func (f *Flows) Sampled(ctx context.Context, q *TopQuery) (int64, error) {
	if !f.cfg.Shared {
		f.askPast(ctx)
		if f.sampling.none(q.To) {
			return 1, nil
		}
	}
	return f.largestRate(ctx, q)
}

// askPast asks the store once whether it has what was sampled before this began.
// When that takes too long every question is answered by the store.
func (f *Flows) askPast(ctx context.Context) {
	f.sampling.mu.Lock()
	asked := f.sampling.asked
	f.sampling.asked = true
	f.sampling.mu.Unlock()
	if asked {
		return
	}
	short, cancel := context.WithTimeout(ctx, pastSampled)
	defer cancel()
	rate, err := f.largestRate(short, &TopQuery{To: f.began.UnixNano() + int64(f.cfg.Future)})
	f.sampling.mu.Lock()
	defer f.sampling.mu.Unlock()
	f.sampling.clean = err == nil && rate <= 1
	f.sampling.asked = ctx.Err() == nil // who asked went away: the next one asks
}

// largestRate asks the store for the largest rate.
func (f *Flows) largestRate(ctx context.Context, q *TopQuery) (int64, error) {
	ask := *q
	ask.Dedup, ask.By, ask.Metric, ask.Limit = false, []string{fieldSampling}, SumPackets, maxRates
	ask.Where = append(slices.Clone(q.Where), flowrecord.Condition{
		Fields: []string{fieldSampling}, Op: flowrecord.Greater, Values: []entity.Value{entity.Int(1)},
	})
	rows, err := f.store.Top(ctx, &ask)
	if err != nil {
		return 0, err
	}
	rate := int64(1)
	for i := range rows {
		rate = max(rate, rows[i].Key.Get(fieldSampling).Int())
	}
	return rate, nil
}

// maxRates is how many rates may differ.
const maxRates = 1000
