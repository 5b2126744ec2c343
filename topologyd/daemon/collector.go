package daemon

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/version"
	"github.com/skein-net/skein/topologyd/engine"
)

// collector shows the engine's state as metrics.
type collector struct {
	status  func(context.Context) (engine.Status, error)
	metrics []metric
}

type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*engine.Status) float64
}

// collectTimeout bounds how long asking the engine may hold up a scrape.
const collectTimeout = 2 * time.Second

func newCollector(status func(context.Context) (engine.Status, error)) *collector {
	c := &collector{status: status}
	add := func(name, help string, kind prometheus.ValueType, value func(*engine.Status) float64) {
		c.metrics = append(c.metrics, metric{prometheus.NewDesc("topologyd_"+name, help, nil, nil), kind, value})
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	add("graph_revision", "Revision of the graph.", gauge, func(s *engine.Status) float64 { return float64(s.Graph.Revision) })
	add("graph_nodes", "Nodes of the graph.", gauge, func(s *engine.Status) float64 { return float64(s.Graph.Nodes) })
	add("graph_edges", "Edges of the graph.", gauge, func(s *engine.Status) float64 { return float64(s.Graph.Edges) })
	add("graph_facets", "What sources say of entities; several may speak of one.", gauge, func(s *engine.Status) float64 { return float64(s.Graph.Facets) })
	add("graph_stale_facets", "Facets whose reports are overdue.", gauge, func(s *engine.Status) float64 { return float64(s.Graph.Stale) })
	add("graph_dangling", "Relationships to entities that nobody has reported.", gauge, func(s *engine.Status) float64 { return float64(s.Graph.Dangling) })
	add("graph_changed_total", "Events that changed the graph.", counter, func(s *engine.Status) float64 { return float64(s.Graph.Changed) })
	add("graph_unchanged_total", "Events that said what was known.", counter, func(s *engine.Status) float64 { return float64(s.Graph.Unchanged) })
	add("graph_outdated_total", "Events older than what was known.", counter, func(s *engine.Status) float64 { return float64(s.Graph.Outdated) })
	add("graph_expired_total", "Facets that expired because their reports stopped.", counter, func(s *engine.Status) float64 { return float64(s.Graph.Expired) })
	add("log_records", "Records that the event log holds.", gauge, func(s *engine.Status) float64 { return float64(s.LogRecords) })
	add("log_bytes", "Size of the event log.", gauge, func(s *engine.Status) float64 { return float64(s.LogBytes) })
	add("log_written_records_total", "Records written to the event log since the start.", counter, func(s *engine.Status) float64 { return float64(s.Records) })
	add("log_written_events_total", "Events written to the event log since the start.", counter, func(s *engine.Status) float64 { return float64(s.Events) })
	add("log_errors_total", "Records that the event log refused.", counter, func(s *engine.Status) float64 { return float64(s.LogErrors) })
	add("log_waiting_events", "Events that wait for the event log.", gauge, func(s *engine.Status) float64 { return float64(s.Waiting) })
	add("log_busy_total", "Submissions turned away because too many events waited.", counter, func(s *engine.Status) float64 { return float64(s.Busy) })
	add("snapshots_total", "Snapshots of the graph written.", counter, func(s *engine.Status) float64 { return float64(s.Snapshots) })
	add("snapshot_errors_total", "Snapshots that could not be written.", counter, func(s *engine.Status) float64 { return float64(s.SnapshotErrors) })
	add("log_reachable", "1 when the event log answers.", gauge, func(s *engine.Status) float64 { return one(s.Log.Reachable) })
	add("log_record", "Number of the last record that the graph holds.", gauge, func(s *engine.Status) float64 { return float64(s.Record) })
	add("log_last_record", "Number of the last record of the log.", gauge, func(s *engine.Status) float64 { return float64(s.Log.Last) })
	add("log_applied_events_total", "Events taken from the event log, those of other daemons included.", counter, func(s *engine.Status) float64 { return float64(s.Applied) })
	add("log_missing_records_total", "Records that the event log has lost.", counter, func(s *engine.Status) float64 { return float64(s.Missing) })
	add("log_damaged_records_total", "Records of the event log that could not be read.", counter, func(s *engine.Status) float64 { return float64(s.Corrupt) })
	add("log_clock_behind_total", "Records written while the clock was behind the event log.", counter, func(s *engine.Status) float64 { return float64(s.ClockBack) })
	add("leads", "1 on the daemon that decides what has expired and applies rules.", gauge, func(s *engine.Status) float64 { return one(s.Leads) })
	add("heard_sent_total", "Unchanged reports told to other daemons.", counter, func(s *engine.Status) float64 { return float64(s.HeardSent) })
	add("heard_taken_total", "Unchanged reports that other daemons told.", counter, func(s *engine.Status) float64 { return float64(s.HeardTaken) })
	add("heard_dropped_total", "Unchanged reports that could not be told or read.", counter, func(s *engine.Status) float64 { return float64(s.HeardDropped) })
	add("past_bytes", "Size of the past on the disk.", gauge, func(s *engine.Status) float64 { return float64(s.Past.Bytes) })
	add("past_bases", "Whole states of the graph that the past holds.", gauge, func(s *engine.Status) float64 { return float64(s.Past.Bases) })
	add("past_cached_elements", "Nodes and edges of past views in memory.", gauge, func(s *engine.Status) float64 { return float64(s.Past.Elements) })
	add("past_changes_total", "Changes written to the past.", counter, func(s *engine.Status) float64 { return float64(s.Past.Appended) })
	add("past_errors_total", "Records whose changes could not be written to the past.", counter, func(s *engine.Status) float64 { return float64(s.PastErrors) })
	add("past_dropped_hole_total", "Changes the past did not keep because some before them are missing.", counter, func(s *engine.Status) float64 { return float64(s.Past.DroppedHole) })
	add("past_dropped_disk_total", "Changes the past did not keep because of the disk.", counter, func(s *engine.Status) float64 { return float64(s.Past.DroppedDisk) })
	add("past_lost_revisions_total", "Revisions of the past found in damaged files.", counter, func(s *engine.Status) float64 { return float64(s.Past.LostRevisions) })
	add("past_bad_bases_total", "Damaged whole states, for which an older one stands in.", counter, func(s *engine.Status) float64 { return float64(s.Past.BadBases) })
	add("past_base_errors_total", "Whole states that could not be written.", counter, func(s *engine.Status) float64 { return float64(s.Past.BaseErrors) })
	add("past_views_built_total", "Views of past times that were built.", counter, func(s *engine.Status) float64 { return float64(s.Past.Built) })
	add("past_views_cached_total", "Views of past times that were there already.", counter, func(s *engine.Status) float64 { return float64(s.Past.Cached) })
	add("past_expired_files_total", "Files of the past removed for their age or the space they take.", counter, func(s *engine.Status) float64 {
		return float64(s.Past.ExpiredAge + s.Past.ExpiredBytes)
	})
	add("watch_cut_off_total", "Watchers that fell too far behind.", counter, func(s *engine.Status) float64 { return float64(s.CutOff) })
	return c
}

// buildInfo is a metric that tells which version runs.
func buildInfo() prometheus.Collector {
	v := version.Get()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "topologyd_build_info", Help: "1, with what runs as labels.",
		ConstLabels: prometheus.Labels{"version": v.Version, "revision": v.Revision, "goversion": v.Go},
	}, func() float64 { return 1 })
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
}

// Collect implements [prometheus.Collector]. While the engine does not run
// there is nothing to show.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	s, err := c.status(ctx)
	if err != nil {
		return
	}
	for _, m := range c.metrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&s))
	}
}
