package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// keysThatMatter are the attributes whose changes people want to see: not what
// bridges learn and neighbours answer all the time.
const keysThatMatter = "Name,Type,State,OperState,MTU,MAC,IPV4,IPV6,MasterIndex"

// overview shows everything, in as many groups as it takes.
func overview() (dashboard.Dashboard, error) {
	d := newBoard(UIDOverview, "Skein / Network overview",
		"Everything that is known of the network. Click a node or a group for what can be done with it; move the time picker to see it as it was.")
	d.variable(
		textVariable("query", "Query", "G", "A query in Gremlin whose result is drawn. G is everything, G.V().Has('Type','bridge').Neighbors() the bridges and what is on them."),
		groupVariable(),
		expandVariable(),
	)
	d.b.Annotation(changesAnnotation("${query}"))

	d.add(4, 4, statPanel("Hosts", "Hosts that report, or are part of a fabric.", unitWhole, number("G.V().Has('Type','host').Count()")).
		Links(panelLink("Hosts and agents", UIDHealth)))
	d.add(4, 4, statPanel("Namespaces", "Network namespaces besides those of the hosts themselves.", unitWhole, number("G.V().Has('Type','netns').Count()")))
	d.add(4, 4, statPanel("Interfaces", "Network interfaces of all hosts and namespaces.", unitWhole, number("G.V().HasKey('IfIndex').Count()")))
	d.add(4, 4, statPanel("Down", "Interfaces whose State is DOWN.", unitWhole, number("G.V().HasKey('IfIndex').Has('State','DOWN').Count()")).
		Thresholds(steps(green, from(1, orange))))
	d.add(4, 4, statPanel("Stale", "Nodes whose reports are overdue. Only the live graph knows.", unitWhole, number("G.V().Has('@Stale',TRUE).Count()")).
		Thresholds(steps(green, from(1, red))).
		Links(panelLink("Which ones", UIDHealth)))
	d.add(4, 4, statPanel("Flows", "Conversations that go on now, on all interfaces with a capture.", unitWhole, number("G.Flows().Count()")).
		Links(panelLink("Flows", UIDFlows)))

	d.add(24, 18, graphPanel("Topology", "At most 200 nodes and groups; what does not fit is put together. Click a group, then Expand. Edges are as thick as their traffic, dashed when stale.",
		Query{QueryType: typeTopology, Gremlin: "${query}", Group: []string{"${group:csv}"}, Expand: "${expand}", ExpandVariable: "expand", NodeLimit: 200, Arcs: "state", Traffic: yes(), Live: true}))

	d.add(12, 9, stacked(seriesPanel("Traffic of interfaces", "Bytes per second received by interfaces, the busiest ten.", unitBytesRate,
		Query{QueryType: typeTimeSeries, Series: "interface", Gremlin: "G.V().HasKey('IfIndex')", Fields: []string{"RxBytes"}, Rate: yes(), Limit: 10, Legend: "{{Host}} {{Name}}"})))
	d.add(12, 9, stacked(seriesPanel("Traffic of flows", "Bytes per second by application, as captures saw them.", unitBytesRate,
		Query{QueryType: typeTimeSeries, Series: "flows", By: "application", Metric: "bytes", Rate: yes(), Limit: 10, Legend: "{{Application}}"}).NoValue(noFlows)))

	d.add(12, 9, tablePanel("Hosts", "Click a host to see it from inside.",
		Query{QueryType: typeTable, Gremlin: "G.V().Has('Type','host')", Columns: []string{"Name", "Platform", "KernelVersion", "@Stale", "@Host"}, Limit: 1000}).
		OverrideByName("Name", cellProperties(cellLink("Open host", UIDHost, "host="+cell("@Host")))).
		OverrideByName("@Host", hidden()))
	d.add(12, 9, tablePanel("Top talkers", "Pairs of addresses that moved the most in this time.",
		Query{QueryType: typeFlows, Flows: "top", By: "pair", Metric: "bytes", Limit: 10}).
		OverrideByName("Bytes", property("unit", unitBytes)))

	d.add(24, 8, changesTable("Latest changes", "The latest changes of "+keysThatMatter+".", "${query}", keysThatMatter, 50))
	return d.done()
}
