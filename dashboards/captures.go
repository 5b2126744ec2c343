package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// captures shows what is captured, and tells how to capture more.
func captures() (dashboard.Dashboard, error) {
	d := newBoard(UIDCaptures, "Skein / Captures",
		"Where packets are looked at, what came of it, and how to capture somewhere else.")
	d.variable(
		datasourceVariable(varPrometheus, "Prometheus", "prometheus"),
		queryVariable("node", "Interface", "The interface that is to be captured.", kindGremlin, "G.V().HasKey('IfIndex').Limit(2000).ValueMap('Name','@ID')"),
		queryVariable("interface", "Name", "Name of that interface.", kindGremlin, "G.V('${node}').Values('Name')").Hide(dashboard.VariableHideHideVariable),
		queryVariable("netns", "Namespace", "Namespace of that interface.", kindGremlin, "G.V('${node}').In('Type','netns').Values('Name')").Hide(dashboard.VariableHideHideVariable),
		textVariable("capture", "Capture", "", "Only these captures, separated by commas; empty is all."),
	)
	f := &Filter{Capture: "${capture}"}
	const places = "capture,host,interface"
	top := func(by, metric string) Query {
		return Query{QueryType: typeFlows, Flows: "top", By: by, Metric: metric, Filter: f, Limit: 50}
	}
	series := func(by, metric, legend string, rate *bool) Query {
		return Query{QueryType: typeTimeSeries, Series: "flows", By: by, Metric: metric, Filter: f, Rate: rate, Limit: 10, Legend: legend}
	}

	d.add(14, 9, tablePanel("What is captured", "Captures that reported flows in this time, where they are, and what they saw.",
		top(places, "bytes"), top(places, "packets"), top(places, "flows")).
		WithTransformation(transform("merge", map[string]any{})).
		OverrideByName("CaptureID", property("displayName", "Capture")).
		OverrideByName("Host", cellProperties(cellLink("Open host", UIDHost, "host="+cell("HostID")))).
		OverrideByName("HostID", hidden()).
		OverrideByName("Bytes", bar(unitBytes)).
		OverrideByRegexp("/^(Packets|Flows)$/", append(property("unit", unitCount), width(100)...)))
	d.add(10, 9, textPanel("Capture ${interface}", captureText))
	d.add(24, 5, tablePanel("The chosen interface", "What is to be captured.",
		Query{QueryType: typeTable, Gremlin: "G.V('${node}')", Columns: []string{"Name", "Type", "State", "MTU", "MAC", "IPV4", "IPV6", "@ID"}}).
		OverrideByName("Name", cellProperties(cellLink("Details and history", UIDNode, "node="+cell("@ID")))).
		OverrideByName("@ID", hidden()))

	d.add(12, 9, stacked(seriesPanel("Bytes by capture", "Bytes per second that each capture saw.", unitBytesRate, series("capture", "bytes", "{{CaptureID}}", yes())).NoValue(noFlows)))
	d.add(12, 9, stacked(seriesPanel("Packets by capture", "Packets per second that each capture saw.", "pps", series("capture", "packets", "{{CaptureID}}", yes())).NoValue(noFlows)))
	d.add(12, 9, seriesPanel("Flows by capture", "How many flows had packets in each step.", unitCount, series("capture", "flows", "{{CaptureID}}", no())).NoValue(noFlows))
	d.add(12, 9, stacked(seriesPanel("Bytes by interface", "Bytes per second by where they were seen.", unitBytesRate, series("host,interface", "bytes", "{{Interface}}", yes())).NoValue(noFlows)))

	d.add(24, 9, flowsTable("Latest flows", "What captures saw last. The columns on the right tell where.", f, "last", 50))

	d.collapsed(withPrometheus)
	const c = "otelcol_receiver_flowcapture_"
	d.add(12, 8, promPanel("Packets", "Packets that captures got from the kernel.", "pps",
		prom("sum by (capture, interface) (rate("+counter(c+"packets_received")+"[$__rate_interval]))", "{{capture}} {{interface}}")))
	d.add(12, 8, promPanel("Dropped", "Packets that the kernel dropped because a capture was too slow, and times that a ring was full.", "pps",
		prom("sum by (capture, interface) (rate("+counter(c+"packets_dropped")+"[$__rate_interval]))", "dropped {{capture}} {{interface}}"),
		prom("sum by (capture, interface) (rate("+counter(c+"ring_freezes")+"[$__rate_interval]))", "ring full {{capture}} {{interface}}")))
	d.add(12, 8, promPanel("Flow tables", "Flows that are in the tables of captures.", unitCount,
		prom("sum by (capture, interface) ("+c+"flows_live)", "{{capture}} {{interface}}")))
	d.add(12, 8, promPanel("Lost reports", "Flows that made room for others or were never reported, and records that nobody took.", unitRate,
		prom("sum by (capture) (rate("+counter(c+"flows_evicted")+"[$__rate_interval]))", "evicted {{capture}}"),
		prom("sum by (capture) (rate("+counter(c+"flows_unreported")+"[$__rate_interval]))", "unreported {{capture}}"),
		prom("sum by (reason) (rate("+counter(c+"records_dropped")+"[$__rate_interval]))", "dropped {{reason}}"),
		prom("sum (rate("+counter(c+"records_refused")+"[$__rate_interval]))", "refused")))
	d.add(12, 8, promPanel("Queue to topologyd", "Batches that wait for topologyd.", unitCount,
		prom("sum by (exporter) (otelcol_exporter_queue_size)", "{{exporter}}")))
	d.add(12, 8, promPanel("Failures", "Captures that could not start or ended, since the Collector began.", unitCount,
		prom("sum by (capture) ("+counter(c+"capture_failures")+")", "{{capture}}")))
	return d.done()
}

const captureText = "Captures are made in the configuration of the Collector on the host of the interface, never from here. For **${interface}**:\n\n" +
	"```yaml\n" +
	"receivers:\n" +
	"  flowcapture:\n" +
	"    captures:\n" +
	"      - name: ${interface}\n" +
	"        interfaces: [${interface}]\n" +
	"        netns: ${netns} # leave out for interfaces of the host itself\n" +
	"        filter: not port 4327 and not port 4280\n" +
	"```\n\n" +
	"Then load it: `kill -HUP` the Collector. Its flows are here within an update interval.\n"
