package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/follow"
	"github.com/skein-net/skein/topologyd/follow/live"
)

// followCollector shows what watches of queries cost.
type followCollector struct {
	hub                                                              *live.Hub
	queries, evaluated, skipped, elements, watches, kept             *prometheus.Desc
	changes, told, batches, behind, demoted, resumed, ended, seconds *prometheus.Desc
}

func newFollowCollector(h *live.Hub) *followCollector {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("topologyd_follow_"+name, help, labels, nil)
	}
	return &followCollector{
		hub:       h,
		queries:   d("queries", "Different queries that are followed, by way.", "way"),
		evaluated: d("evaluations_total", "How often queries looked at a start element again; of global ones, how often they were run.", "way"),
		skipped:   d("skipped_total", "How often queries did not have to look although an element changed.", "way"),
		elements:  d("elements", "Nodes and edges in the results of all queries that are followed."),
		watches:   d("watches", "Watches of queries."),
		kept:      d("kept_changes", "Changes of results that are kept for watches."),
		changes:   d("changes_total", "Changes of the graph that were looked at."),
		told:      d("told_changes_total", "Changes of results."),
		batches:   d("batches_total", "Batches of changes that were looked at."),
		behind:    d("behind_total", "How often changes came faster than they could be looked at, and all watches of queries began anew."),
		demoted:   d("demoted_total", "Queries that are run again and again because what they depend on is too much to be followed."),
		resumed:   d("resumed_total", "Watches that went on where they had broken off."),
		ended:     d("ended_total", "Watches of queries that were ended: slow (it did not read), too_large (all of a query whose result became too large).", "reason"),
		seconds:   d("seconds_total", "Time that following took: apply (changes), run (global queries).", "part"),
	}
}

// Describe implements [prometheus.Collector].
func (c *followCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements [prometheus.Collector].
func (c *followCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.hub.Stats()
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for _, w := range []struct {
		way    string
		counts follow.Counts
	}{{"local", s.Local}, {"bounded", s.Bounded}, {"global", s.Global}} {
		gauge(c.queries, w.counts.Queries, w.way)
		count(c.evaluated, float64(w.counts.Evaluated), w.way)
		count(c.skipped, float64(w.counts.Skipped), w.way)
	}
	gauge(c.elements, s.Elements)
	gauge(c.watches, s.Watches)
	gauge(c.kept, s.Kept)
	count(c.changes, float64(s.Changes))
	count(c.told, float64(s.Told))
	count(c.batches, float64(s.Batches))
	count(c.behind, float64(s.Behind))
	count(c.demoted, float64(s.Demoted))
	count(c.resumed, float64(s.Resumed))
	count(c.ended, float64(s.Slow), "slow")
	count(c.ended, float64(s.TooLarge), "too_large")
	count(c.seconds, s.Applying.Seconds(), "apply")
	count(c.seconds, s.Running.Seconds(), "run")
}
