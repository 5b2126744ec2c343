package alerts

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/alert"
)

// Results of an evaluation, as a label of its counter.
const (
	resultChanges = "changes" // of a followed query
	resultWhole   = "whole"   // a whole result, of a followed query or of one that was evaluated
	resultFailed  = "failed"
)

// Reasons for what is dropped, as a label of its counter.
const (
	dropTotal   = "alerts"          // there are MaxAlerts
	dropFound   = "found"           // rules found MaxFound
	dropState   = "state_too_large" // of what would survive a restart
	dropContext = "context"         // of what happened around an alert, since many began at once, or there are many
)

// counters are the metrics of the package.
type counters struct {
	evaluations *prometheus.CounterVec // result
	seconds     prometheus.Counter
	latency     prometheus.Histogram
	dropped     *prometheus.CounterVec // reason
	saves       *prometheus.CounterVec // result
	sent        *prometheus.CounterVec // state
}

// shown shows the rules and alerts that there are.
type shown struct {
	m                                 *Manager
	rules, alerts, problems, filesBad *prometheus.Desc
}

func newCounters(m *Manager, reg prometheus.Registerer) (*counters, error) {
	c := &counters{
		evaluations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_alerts_evaluations_total",
			Help: "How often graph rules took a result: changes (of a query that is followed), whole (all of it), failed."}, []string{"result"}),
		seconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "topologyd_alerts_evaluation_seconds_total",
			Help: "Time that queries of graph rules took that are not followed."}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "topologyd_alerts_latency_seconds",
			Help:                        "Time from a change, by the clock of its source, to the alert that it makes or ends being handed over; for rules without for.",
			Buckets:                     []float64{.01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 30, 60},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_alerts_dropped_total",
			Help: "What did not become or stay an alert by reason: alerts (there are too many), found (too much is found), state_too_large (they would not survive a restart), context (too many began at once, or there are too many, to tell what happened around)."}, []string{"reason"}),
		saves: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_alerts_saves_total",
			Help: "How often alerts were written to survive a restart, by result: ok, failed."}, []string{"result"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_alerts_sent_total",
			Help: "Alerts handed over to be sent, repeats included, by state: firing, resolved."}, []string{"state"}),
	}
	s := &shown{
		m:        m,
		rules:    prometheus.NewDesc("topologyd_alerts_rules", "Graph rules by health: ok, unknown (no result yet), error.", []string{"health"}, nil),
		alerts:   prometheus.NewDesc("topologyd_alerts", "Alerts of graph rules by state: pending, firing.", []string{"state"}, nil),
		problems: prometheus.NewDesc("topologyd_alerts_problems", "Graph rules of which something could not be done as they say.", nil, nil),
		filesBad: prometheus.NewDesc("topologyd_alerts_files_failed", "Files of graph rules that cannot be used as they are.", nil, nil),
	}
	for _, reason := range []string{dropTotal, dropFound, dropState, dropContext} {
		c.dropped.WithLabelValues(reason)
	}
	for _, x := range []prometheus.Collector{c.evaluations, c.seconds, c.latency, c.dropped, c.saves, c.sent, s} {
		if err := reg.Register(x); err != nil {
			return nil, fmt.Errorf("register metrics of alerts: %w", err)
		}
	}
	return c, nil
}

// Describe implements [prometheus.Collector].
func (s *shown) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.rules, s.alerts, s.problems, s.filesBad} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (s *shown) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	t := s.m.tally()
	for _, h := range []string{HealthOK, HealthUnknown, HealthError} {
		gauge(s.rules, t.health[h], h)
	}
	for _, state := range []alert.State{alert.Pending, alert.Firing} {
		gauge(s.alerts, t.states[state], state.String())
	}
	gauge(s.problems, t.problems)
	gauge(s.filesBad, t.filesBad)
}
