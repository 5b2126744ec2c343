package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// health shows topologyd itself, and who reports to it.
func health() (dashboard.Dashboard, error) {
	d := newBoard(UIDHealth, "Skein / topologyd and agents",
		"Whether topologyd and those who report to it are well.")
	d.variable(datasourceVariable(varPrometheus, "Prometheus", "prometheus"))
	status := Query{QueryType: typeStatus}
	one := func(title, description, unit, field string) {
		p := statPanel(title, description, unit, status).
			ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("/^" + field + "$/"))
		if field == "stale" {
			p.Thresholds(steps(green, from(1, red)))
		}
		d.add(4, 4, p)
	}
	one("Version", "Version of topologyd.", unitNone, "version")
	one("Up for", "How long topologyd has been running.", unitSeconds, "uptime_seconds")
	one("Nodes", "Nodes of the live graph.", unitCount, "nodes")
	one("Edges", "Edges of the live graph.", unitCount, "edges")
	one("Stale", "What sources say of entities and have not said again in time.", unitCount, "stale")
	one("Waiting", "Relationships to entities that nobody has reported yet.", unitCount, "dangling")

	d.add(16, 9, tablePanel("Agents", "Hosts, when counters of their interfaces last came, and what their agent cannot see.",
		Query{QueryType: typeTable, Gremlin: "G.V().Has('Type','host')", Columns: []string{"Name", "@Host", "@Stale", "Limitations"}},
		Query{QueryType: typeTable, Gremlin: "G.V().HasKey('Metric').Dedup('@Host')", Columns: []string{"@Host", "Metric.Last"}}).
		WithTransformation(transform("joinByField", map[string]any{"byField": "@Host", "mode": "outer"})).
		OverrideByName("Metric.Last", []dashboard.DynamicConfigValue{{Id: "unit", Value: "dateTimeFromNow"}, {Id: "displayName", Value: "Counters"}}).
		OverrideByName("Name", []dashboard.DynamicConfigValue{{Id: "displayName", Value: "Host"}, cellLink("Open host", UIDHost, "host="+cell("@Host"))}).
		OverrideByName("Limitations", property("displayName", "Not seen")).
		OverrideByName("@Host", hidden()))
	d.add(8, 9, sideways(times(tablePanel("topologyd", "What topologyd says of itself.", status), "started", "past.oldest", "past.newest"), "What"))

	d.add(24, 9, tablePanel("Stale nodes", "Nodes whose reports are overdue. Look at the agent of their host.",
		Query{QueryType: typeTable, Gremlin: "G.V().Has('@Stale',TRUE).Limit(1000)", Columns: []string{"Name", "Type", "@Host", "@Origin", "@UpdatedAt", "@ID"}}).
		OverrideByName("Name", cellProperties(cellLink("Details and history", UIDNode, "node="+cell("@ID")))).
		OverrideByName("@Host", property("displayName", "Host")).
		OverrideByName("@Origin", property("displayName", "Reported by")).
		OverrideByName("@UpdatedAt", property("displayName", "Last change")).
		OverrideByName("@ID", hidden()))

	d.collapsed(withPrometheus)
	healthMetrics(d)
	return d.done()
}

// healthMetrics are panels of what topologyd, the Collector and Telegraf tell
// Prometheus of themselves.
func healthMetrics(d *board) {
	const rate = "[$__rate_interval]"
	d.add(12, 8, promPanel("Graph", "Nodes and edges of the live graph.", unitCount,
		prom("sum by (instance) (topologyd_graph_nodes)", "nodes {{instance}}"),
		prom("sum by (instance) (topologyd_graph_edges)", "edges {{instance}}"),
		prom("sum by (instance) (topologyd_graph_stale_facets)", "stale {{instance}}")))
	d.add(12, 8, promPanel("Events", "Events taken each second, by what became of them.", unitRate,
		prom("sum by (result) (rate(topologyd_ingest_events_total"+rate+"))", "{{result}}")))
	d.add(12, 8, promPanel("Refused", "What topologyd refused to take, and why.", unitRate,
		prom("sum by (protocol, reason) (rate(topologyd_ingest_rejected_total"+rate+"))", "{{protocol}} {{reason}}")))
	d.add(12, 8, promPanel("Queries", "Queries each second, by how they ended.", unitRate,
		prom("sum by (result) (rate(topologyd_queries_total"+rate+"))", "{{result}}")))
	d.add(12, 8, promPanel("Time of requests", "The time within which 95 of 100 requests were answered.", unitSeconds,
		prom("histogram_quantile(0.95, sum by (le, route) (rate(topologyd_http_request_duration_seconds_bucket"+rate+")))", "{{route}}")))
	d.add(12, 8, promPanel("Event log", "Events that wait to be written, and errors since the start.", unitCount,
		prom("sum by (instance) (topologyd_log_waiting_events)", "waiting {{instance}}"),
		prom("sum by (instance) (topologyd_log_errors_total)", "errors {{instance}}")))
	d.add(12, 8, promPanel("On disk", "Size of the event log, of the past and of the flow store.", unitBytes,
		prom("sum by (instance) (topologyd_log_bytes)", "log {{instance}}"),
		prom("sum by (instance) (topologyd_past_bytes)", "past {{instance}}"),
		prom("sum by (instance) (topologyd_flow_store_bytes)", "flows {{instance}}")))
	d.add(12, 8, promPanel("Memory", "Resident memory of topologyd and the Collector.", unitBytes,
		prom(`process_resident_memory_bytes{job="topologyd"}`, "topologyd {{instance}}"),
		prom("otelcol_process_memory_rss", "otelcol {{instance}}")))
	d.add(12, 8, promPanel("Flows in memory", "Flows that topologyd holds, and those that had to go early.", unitCount,
		prom("sum by (instance) (topologyd_flows_live)", "live {{instance}}"),
		prom("sum by (instance) (topologyd_flows_evicted_total)", "evicted {{instance}}")))
	d.add(12, 8, promPanel("Telegraf", "Metrics that Telegraf dropped, and those that wait in its outputs.", unitCount,
		prom("sum by (output) (internal_write_metrics_dropped)", "dropped {{output}}"),
		prom("sum by (output) (internal_write_buffer_size)", "waiting {{output}}")))
}
