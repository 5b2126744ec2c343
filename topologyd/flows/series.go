package flows

import (
	"context"
	"errors"
)

// SeriesQuery asks what moved in each step of a time: for the values that moved
// the most in all of it, and for all others together.
type SeriesQuery struct {
	// By may be empty: then there is one series of everything. Limit is how many
	// series there are at most.
	TopQuery
	// Step is how long a step is, in nanoseconds: whole seconds. Steps begin at
	// its multiples since 1970.
	Step int64
}

// Bounds of the answer to a [SeriesQuery].
const (
	// MaxSeries is how many series there may be, MaxSteps how many steps.
	MaxSeries = 100
	MaxSteps  = 2000
)

// Start returns when the first step begins, in Unix nanoseconds: at From or
// before it, but what counts is in [From, To].
func (q *SeriesQuery) Start() int64 {
	into := q.From % q.Step
	if into < 0 {
		into += q.Step
	}
	return q.From - into
}

// Steps returns how many steps there are.
func (q *SeriesQuery) Steps() int64 {
	if q.From > q.To {
		return 0
	}
	return (q.To-q.Start())/q.Step + 1
}

// Series are sums by steps.
type Series struct {
	// Rows are the largest first.
	Rows []SeriesRow
	// Others is what the rest moved in each step, nil when there is no rest.
	Others []int64
}

// SeriesRow is one combination of values and what it moved in each step.
type SeriesRow struct {
	// TopRow has the sum of the whole time.
	TopRow
	// Points are as many as there are steps. They add up to Value, unless flows
	// are counted: one counts in every step in which it moved.
	Points []int64
}

// Series tells what moved in each step of a time, of the values that moved the
// most in all of it. It knows what Top does.
func (f *Flows) Series(ctx context.Context, q *SeriesQuery) (*Series, error) {
	switch {
	case q.Step <= 0 || q.Step%1e9 != 0:
		return nil, errors.New("a step is whole seconds, one at least")
	case q.From < 0 || q.Steps() > MaxSteps:
		return nil, errors.New("there are too many steps")
	case q.Limit < 1 || q.Limit > MaxSeries:
		return nil, errors.New("there are too many series")
	}
	if err := f.checkTop(&q.TopQuery); err != nil {
		return nil, err
	}
	if q.Dedup {
		return f.dedupSeries(ctx, q)
	}
	return f.store.Series(ctx, q)
}
