package ofprobe

import "time"

// budget is the share of a core that one bridge may cost. It is not safe for
// concurrent use.
//
// Time that was spent must be paid for by waiting: d of work cost d/share of
// wall time. The debt may grow to burst before anybody waits, so that a change
// now and then is seen at once.
type budget struct {
	share float64
	burst time.Duration
	// paid is up to when, on the wall clock, all work is paid for.
	paid time.Time
}

// newBudget returns a budget without debt.
func newBudget(share float64) *budget {
	return &budget{share: share, burst: 2 * time.Second}
}

// spend notes work that took d and ended at now.
func (b *budget) spend(now time.Time, d time.Duration) {
	if b.paid.Before(now.Add(-d)) {
		b.paid = now.Add(-d)
	}
	b.paid = b.paid.Add(b.cost(d))
}

// cost is for how long d of work is all there may be.
func (b *budget) cost(d time.Duration) time.Duration {
	return time.Duration(float64(d) / b.share)
}

// wait is how long to do nothing, 0 when there is room.
func (b *budget) wait(now time.Time) time.Duration {
	if !b.paid.After(now) {
		return 0
	}
	return max(b.paid.Sub(now)-b.burst, 0)
}
