package daemon

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/flows"
	"github.com/skein-net/skein/topologyd/flowstore"
)

// flowCollector shows the state of flows as metrics.
type flowCollector struct {
	parts   *flowParts
	metrics []flowMetric
	evicted *prometheus.Desc
	refused *prometheus.Desc
}

type flowMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*flows.Stats, *flowstore.Stats) float64
}

func newFlowCollector(p *flowParts) *flowCollector {
	c := &flowCollector{
		parts:   p,
		evicted: prometheus.NewDesc("topologyd_flows_evicted_total", "Flows that left memory: full (counted eviction), ended, silent (nothing was heard of them).", []string{"reason"}, nil),
		refused: prometheus.NewDesc("topologyd_flow_store_refused_total", "Rows that the flow store did not take, by reason.", []string{"reason"}, nil),
	}
	add := func(name, help string, kind prometheus.ValueType, value func(f *flows.Stats, s *flowstore.Stats) float64) {
		c.metrics = append(c.metrics, flowMetric{prometheus.NewDesc("topologyd_"+name, help, nil, nil), kind, value})
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	add("flows_live", "Flows in memory.", gauge, func(f *flows.Stats, _ *flowstore.Stats) float64 { return float64(f.Live) })
	add("flows_followers", "Clients that follow flows.", gauge, func(f *flows.Stats, _ *flowstore.Stats) float64 { return float64(f.Followers) })
	add("flows_follow_lost_total", "Reports that clients who fell behind did not get.", counter, func(f *flows.Stats, _ *flowstore.Stats) float64 { return float64(f.Lost) })
	add("flow_store_rows", "Rows of the flow store.", gauge, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Rows) })
	add("flow_store_rollup_rows", "Those of them that hold the sums of minutes.", gauge, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.RollupRows) })
	add("flow_store_rollups_total", "Minutes that were summed up.", counter, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Minutes) })
	add("flow_store_rollups_skipped_total", "Minutes that had too much to be summed up: their reports are read themselves.", counter, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.MinutesLost) })
	add("flow_store_pending_rows", "Rows that cannot be found yet.", gauge, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Pending) })
	add("flow_store_bytes", "Size of the flow store on the disk.", gauge, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Bytes) })
	add("flow_store_oldest_timestamp_seconds", "Time of the oldest row, Unix seconds.", gauge, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Oldest) / 1e9 })
	add("flow_store_read_only", "1 while the disk has too little free space.", gauge, func(_ *flows.Stats, s *flowstore.Stats) float64 { return one(s.ReadOnly) })
	add("flow_store_written_total", "Rows written.", counter, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Written) })
	add("flow_store_queries_total", "Queries of the flow store.", counter, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Queries) })
	add("flow_store_query_errors_total", "Queries of the flow store that failed.", counter, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.QueryErrors) })
	add("flow_store_queries_running", "Queries of the flow store that run now.", gauge, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Running) })
	add("flow_store_queries_waiting", "Queries that wait for others.", gauge, func(_ *flows.Stats, s *flowstore.Stats) float64 { return float64(s.Waiting) })
	return c
}

// Describe implements [prometheus.Collector].
func (c *flowCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
	ch <- c.evicted
	ch <- c.refused
}

// Collect implements [prometheus.Collector].
func (c *flowCollector) Collect(ch chan<- prometheus.Metric) {
	f, s := c.parts.flows.Stats(), c.parts.store.Stats()
	for _, m := range c.metrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&f, &s))
	}
	for _, x := range []struct {
		reason string
		n      uint64
	}{{"full", f.EvictedFull}, {"ended", f.EvictedEnded}, {"silent", f.EvictedSilent}} {
		ch <- prometheus.MustNewConstMetric(c.evicted, prometheus.CounterValue, float64(x.n), x.reason)
	}
	for reason, n := range s.Refused {
		ch <- prometheus.MustNewConstMetric(c.refused, prometheus.CounterValue, float64(n), reason)
	}
}
