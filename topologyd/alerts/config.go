package alerts

import (
	"time"

	"github.com/skein-net/skein/topologyd/gremlin"
)

// Config holds what a manager is told by its daemon, and its limits.
type Config struct {
	// RuleFiles are patterns of files of rules, which are looked at every
	// FilesEvery.
	RuleFiles  []string
	FilesEvery time.Duration
	// Interval is that of groups that say none.
	Interval time.Duration
	// ResendDelay is how often an alert that fires, or has ended lately, is sent
	// again.
	ResendDelay time.Duration
	// Around is how far back what changed near an alert is told.
	Around time.Duration
	// ExternalURL is where people reach this daemon, GrafanaURL their Grafana with
	// Skein's dashboards; "" is nowhere.
	ExternalURL, GrafanaURL string
	// StateFile is where alerts survive a restart; "" is nowhere.
	StateFile string

	// MaxRules is how many rules there may be, MaxAlerts how many alerts of all of
	// them, MaxFound how many things they may find that need not be alerts; what is
	// beyond is not alerted, and counted.
	MaxRules, MaxAlerts, MaxFound int
	// MaxNotes is about how many bytes of what happened around them is kept with all
	// alerts; those beyond go without.
	MaxNotes int64
	// Query are the limits of the evaluation of one query.
	Query gremlin.Limits
	// Quick is how long an evaluation may take among others, for which there are
	// QuickAtOnce places; after each its place rests for QuickPause times as long as
	// it took. One that takes longer waits for those like it: one of them runs at a
	// time, and none for SlowPause times as long as it took.
	Quick                              time.Duration
	QuickAtOnce, QuickPause, SlowPause int
	// Debounce is how long changes are gathered before a rule that they may matter
	// to is evaluated. Every is the least time between two evaluations of one rule,
	// Pause that in multiples of how long it took.
	Debounce, Every time.Duration
	Pause           int
	// Retry is how soon a rule is tried again that failed; it grows up to RetryMost.
	Retry, RetryMost time.Duration
	// Warmup is how long after the start counters and Stale marks may be missing, which
	// are not kept over a restart: a rule that asks for them, and has alerts, waits.
	Warmup time.Duration
	// SaveEvery is how soon alerts are written after they changed, MaxState the
	// most bytes of that.
	SaveEvery time.Duration
	MaxState  int64
	// Settle bounds the wait for changes to be noted before an alert tells of them.
	Settle time.Duration
}

// DefaultConfig returns the configuration of a daemon that nobody configured.
func DefaultConfig() Config {
	q := gremlin.DefaultLimits()
	q.Time, q.Visited, q.Memory, q.Results = 5*time.Second, 5_000_000, 64<<20, 100_000
	return Config{
		FilesEvery: 2 * time.Second, Interval: 15 * time.Second, ResendDelay: time.Minute, Around: 15 * time.Minute,
		MaxRules: 1000, MaxAlerts: 100_000, MaxFound: 500_000, MaxNotes: 32 << 20, Query: q,
		Quick: 100 * time.Millisecond, QuickAtOnce: 1, QuickPause: 3, SlowPause: 9, Debounce: 100 * time.Millisecond, Every: time.Second, Pause: 9,
		Retry: time.Second, RetryMost: time.Minute, Warmup: time.Minute, SaveEvery: time.Second, MaxState: 64 << 20, Settle: 100 * time.Millisecond,
	}
}
