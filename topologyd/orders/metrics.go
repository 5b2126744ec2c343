package orders

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/order"
)

// counters are the metrics of the package.
type counters struct {
	evaluations *prometheus.CounterVec // kind
	messages    *prometheus.CounterVec // kind, direction
	drops       *prometheus.CounterVec // reason
	closed      *prometheus.CounterVec // reason
	events      *prometheus.CounterVec // kind
	throttled   prometheus.Counter
	fetches     *prometheus.CounterVec // result
}

func newCounters(reg prometheus.Registerer, m *Manager) (*counters, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_orders_" + name, Help: help}, labels)
	}
	c := &counters{
		evaluations: vec("evaluations_total", "Results of queries of captures taken over: whole ones, changes, and those that failed.", "kind"),
		messages:    vec("messages_total", "Messages of sessions with hosts, by kind and direction (in, out).", "kind", "direction"),
		drops: vec("dropped_total", "What was passed over by reason: malformed, unknown, outdated and too_many states of captures, packets that nobody waited for (packets) or took in time (slow), "+
			"messages for a host that was too slow (control), unexpected messages (unexpected), sessions of a host that the collector does not speak for (foreign), events that the log refused for now (submit).", "reason"),
		closed:    vec("sessions_closed_total", "Sessions of hosts that ended, by reason: host, silent, replaced, malformed, hello, write, stopping, not_leader, credentials, other.", "reason"),
		events:    vec("events_total", "Events on how captures do at nodes, by kind.", "kind"),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{Name: "topologyd_orders_throttled_total", Help: "Messages of hosts that waited because the host sent too much."}),
		fetches:   vec("fetches_total", "Requests for packets by result: ok, failed, refused.", "result"),
	}
	for _, x := range []prometheus.Collector{c.evaluations, c.messages, c.drops, c.closed, c.events, c.throttled, c.fetches, newGauges(m)} {
		if err := reg.Register(x); err != nil {
			return nil, fmt.Errorf("register metrics of orders: %w", err)
		}
	}
	return c, nil
}

// gauges shows what is known now.
type gauges struct {
	m                                      *Manager
	sessions, assignments, states, queries *prometheus.Desc
}

func newGauges(m *Manager) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("topologyd_orders_"+name, help, labels, nil)
	}
	return &gauges{
		m:           m,
		sessions:    desc("sessions", "Hosts that are connected."),
		assignments: desc("assignments", "Captures at nodes, those refused included."),
		states:      desc("states", "Captures at nodes by state.", "state"),
		queries:     desc("queries", "Different queries of captures that are followed."),
	}
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.sessions, g.assignments, g.states, g.queries} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	var n tally
	var sessions, total, queries int
	if t := g.m.term.Load(); t != nil {
		t.mu.Lock()
		n, total, queries = t.states, t.total, len(t.queries)
		for _, h := range t.hosts {
			if h.session != nil {
				sessions++
			}
		}
		t.mu.Unlock()
	}
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	gauge(g.sessions, sessions)
	gauge(g.assignments, total)
	gauge(g.queries, queries)
	gauge(g.states, n.waiting, order.StateWaiting)
	gauge(g.states, n.starting, order.StateStarting)
	gauge(g.states, n.running, order.StateRunning)
	gauge(g.states, n.failed, order.StateFailed)
	gauge(g.states, n.refused, order.StateRefused)
}
