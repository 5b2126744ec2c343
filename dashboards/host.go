package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// host shows one host from inside.
func host() (dashboard.Dashboard, error) {
	d := newBoard(UIDHost, "Skein / Host",
		"One host: its namespaces, bridges and interfaces, what they carry and what changed.")
	d.variable(
		hostVariable("The host that is shown."),
		withAll(queryVariable("namespace", "Namespace", "Limits tables and series to the interfaces of one namespace; the host stands for its own.", kindGremlin, "G.V().Has('@Host','${host}').Has('Type',WITHIN('host','netns')).ValueMap('Name','@ID')"), allGremlin),
		groupVariable(),
		expandVariable(),
	)
	const all = "G.V().Has('@Host','${host}')"
	const interfaces = all + ".Has('@ID',REGEX('${namespace:regex}')).Descendants().HasKey('IfIndex').Dedup()"
	d.b.Annotation(changesAnnotation(all))

	d.add(4, 4, statPanel("Namespaces", "Network namespaces besides the host's own.", unitWhole, number(all+".Has('Type','netns').Count()")))
	d.add(4, 4, statPanel("Bridges", "Linux bridges and Open vSwitch bridges.", unitWhole, number(all+".Has('Type',WITHIN('bridge','ovsbridge','openvswitch')).Count()")))
	d.add(4, 4, statPanel("Interfaces", "Interfaces of the namespaces that are chosen.", unitWhole, number(interfaces+".Count()")))
	d.add(4, 4, statPanel("Down", "Interfaces whose State is DOWN.", unitWhole, number(interfaces+".Has('State','DOWN').Count()")).
		Thresholds(steps(green, from(1, orange))))
	d.add(4, 4, statPanel("Stale", "Nodes whose reports are overdue.", unitWhole, number(all+".Has('@Stale',TRUE).Count()")).
		Thresholds(steps(green, from(1, red))))
	d.add(4, 4, statPanel("Flows", "Conversations that go on now on interfaces of this host.", unitWhole, number(all+".Flows().Count()")))

	d.add(24, 18, graphPanel("Inside", "The host, its namespaces, bridges and interfaces. Edges are as thick as their traffic.",
		Query{QueryType: typeTopology, Gremlin: all, Group: []string{"${group:csv}"}, Expand: "${expand}", ExpandVariable: "expand", NodeLimit: 200, Arcs: "state", Traffic: yes(), Live: true}))

	d.add(24, 10, tablePanel("Interfaces", "Click a name for details and history.",
		Query{QueryType: typeTable, Gremlin: interfaces, Columns: []string{"Name", "Type", "State", "MTU", "MAC", "IPV4", "IPV6", "Driver", "Speed", "Metric.RxBytes", "Metric.TxBytes", "@Stale", "@ID"}}).
		OverrideByName("Name", cellProperties(cellLink("Details and history", UIDNode, "node="+cell("@ID")))).
		OverrideByRegexp("/^Metric\\.[RT]xBytes$/", property("unit", unitBytes)).
		OverrideByName("Speed", append(property("unit", "Mbits"), property("decimals", 0)...)).
		OverrideByName("MTU", property("decimals", 0)).
		OverrideByName("IPV6", width(260)).
		OverrideByName("@ID", hidden()))

	d.add(12, 9, seriesPanel("Received", "Bytes per second that interfaces received, the busiest ten.", unitBytesRate, interfaceSeries(interfaces, "RxBytes")))
	d.add(12, 9, seriesPanel("Sent", "Bytes per second that interfaces sent, the busiest ten.", unitBytesRate, interfaceSeries(interfaces, "TxBytes")))
	d.add(12, 8, seriesPanel("Packets", "Packets per second, both directions, of the busiest interfaces.", "pps", interfaceSeries(interfaces, "RxPackets", "TxPackets")))
	d.add(12, 8, seriesPanel("Errors and drops", "Packets per second that were dropped or had errors. Nothing is shown for interfaces that had none.", "pps",
		interfaceSeries(interfaces, "RxErrors", "TxErrors", "RxDropped", "TxDropped")).
		NoValue("No errors and no drops in this time."))

	f := &Filter{Host: "${host}"}
	d.add(12, 9, flowsTable("Flows", "Flows on interfaces of this host, those with the most bytes.", f, "bytes", 50))
	d.add(12, 9, stacked(seriesPanel("Flows by application", "Bytes per second, as captures of this host saw them.", unitBytesRate,
		Query{QueryType: typeTimeSeries, Series: "flows", By: "application", Metric: "bytes", Filter: f, Rate: yes(), Limit: 10, Legend: "{{Application}}"}).NoValue(noFlows)))

	d.add(24, 9, changesTable("Changes", "What changed on this host, of "+keysThatMatter+".", all+".SubGraph()", keysThatMatter, 100))
	return d.done()
}

func interfaceSeries(gremlin string, fields ...string) Query {
	legend := "{{Name}}"
	if len(fields) > 1 {
		legend += " {{field}}"
	}
	return Query{QueryType: typeTimeSeries, Series: "interface", Gremlin: gremlin, Fields: fields, Rate: yes(), Limit: 10, Legend: legend}
}
