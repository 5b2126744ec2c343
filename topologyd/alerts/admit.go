package alerts

import (
	"iter"
	"time"

	"github.com/skein-net/skein/topologyd/alert"
)

// admit passes on things as long as there may be more alerts; what is known
// already always passes.
func (r *runner) admit(all iter.Seq[*alert.Subject]) iter.Seq[*alert.Subject] {
	r.skipped.Store(false)
	return func(yield func(*alert.Subject) bool) {
		for s := range all {
			if r.may(s.Key) && !yield(s) {
				return
			}
		}
	}
}

// may reports whether a thing is known already or one more may be, and notes when
// there are too many alerts. The lock is held.
func (r *runner) may(key string) bool {
	if r.machine.Has(key) {
		return true
	}
	total, found := r.m.total.Add(1), r.m.found.Add(1)
	reason := dropTotal
	switch {
	case found > int64(r.m.cfg.MaxFound):
		reason = dropFound
	case total <= int64(r.m.cfg.MaxAlerts):
		r.reserved++
		return true
	}
	r.m.total.Add(-1)
	r.m.found.Add(-1)
	r.skipped.Store(true)
	r.m.n.dropped.WithLabelValues(reason).Inc()
	return false
}

// failed notes that the rule could not be evaluated; its alerts stay.
func (r *runner) failed(err error) {
	r.m.n.evaluations.WithLabelValues(resultFailed).Inc()
	r.mu.Lock()
	defer r.mu.Unlock()
	if text := err.Error(); r.failure != text {
		r.m.deps.Log.Warn("graph rule fails; its alerts stay as they are", "alert", r.w.rule.Alert, "group", r.w.group.Name, "error", err)
		r.failure = text
	}
	r.health = HealthError
}

// succeeded notes that the rule has a whole result.
func (r *runner) succeeded(took time.Duration) {
	r.m.n.evaluations.WithLabelValues(resultWhole).Inc()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.health, r.failure, r.took, r.at = HealthOK, "", took, r.now()
}
