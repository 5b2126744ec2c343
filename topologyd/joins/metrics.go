package joins

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/join"
)

// counters are the metrics of the package.
type counters struct {
	events *prometheus.CounterVec // kind
}

// table shows the table in force, row by row, and the state of files.
type table struct {
	m                                         *Manager
	rows, pairs, ambiguous, tooMany, filesBad *prometheus.Desc
}

func newCounters(m *Manager, reg prometheus.Registerer) (*counters, error) {
	c := &counters{events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_joins_events_total",
		Help: "Changes of the table of joins that were submitted, by kind of event."}, []string{"kind"})}
	t := &table{
		m:         m,
		rows:      prometheus.NewDesc("topologyd_joins_rows", "Rows of the table of joins in force, by kind: same, edge.", []string{"kind"}, nil),
		pairs:     prometheus.NewDesc("topologyd_joins_pairs", "Pairs of entities that a row joins.", []string{"row"}, nil),
		ambiguous: prometheus.NewDesc("topologyd_joins_ambiguous", "Keys under which a row unifies nothing because several entities of a side have them.", []string{"row"}, nil),
		tooMany:   prometheus.NewDesc("topologyd_joins_too_many", "Keys under which a row makes no edges because they would be too many.", []string{"row"}, nil),
		filesBad:  prometheus.NewDesc("topologyd_joins_files_failed", "Files of joins that cannot be used as they are.", nil, nil),
	}
	for _, x := range []prometheus.Collector{c.events, t} {
		if err := reg.Register(x); err != nil {
			return nil, fmt.Errorf("register metrics of joins: %w", err)
		}
	}
	return c, nil
}

// Describe implements [prometheus.Collector].
func (t *table) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{t.rows, t.pairs, t.ambiguous, t.tooMany, t.filesBad} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (t *table) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	kinds := map[string]int{join.Same: 0, join.Edge: 0}
	for _, f := range t.m.deps.Table() {
		kinds[f.Row.Kind]++
		gauge(t.pairs, f.Pairs, f.Row.Name)
		gauge(t.ambiguous, f.Ambiguous, f.Row.Name)
		gauge(t.tooMany, f.TooMany, f.Row.Name)
	}
	for kind, n := range kinds {
		gauge(t.rows, n, kind)
	}
	bad := 0
	for _, f := range t.m.wanted().files {
		if f.Problem != "" {
			bad++
		}
	}
	gauge(t.filesBad, bad)
}
