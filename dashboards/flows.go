package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// flows shows who talks with whom.
func flows() (dashboard.Dashboard, error) {
	d := newBoard(UIDFlows, "Skein / Flows and top talkers",
		"Who talks with whom, about what, and how much, as captures saw it.")
	d.variable(
		withAll(hostVariable("Only flows that were seen on this host."), allFilter),
		textVariable("node", "Node", "", "Only flows that were seen here: the name, ID or TID of a node, or a query in Gremlin."),
		withAll(queryVariable("application", "Application", "Only flows of this application.", kindGremlin, "G.Flows().Values('Application').Dedup()"), allFilter),
		textVariable("address", "Address", "", "Only flows from or to these addresses: IP, Ethernet, or a network such as 10.0.0.0/8."),
		textVariable("port", "Port", "", "Only flows from or to these ports."),
		textVariable("capture", "Capture", "", "Only flows that these captures saw."),
	)
	f := &Filter{Host: "${host:csv}", Node: "${node}", Application: "${application:csv}", Address: "${address}", Port: "${port}", Capture: "${capture}"}
	top := func(by, metric string, limit int) Query {
		return Query{QueryType: typeFlows, Flows: "top", By: by, Metric: metric, Filter: f, Limit: limit}
	}
	series := func(by, metric, legend string, rate *bool) Query {
		return Query{QueryType: typeTimeSeries, Series: "flows", By: by, Metric: metric, Filter: f, Rate: rate, Limit: 10, Legend: legend}
	}

	d.add(12, 9, stacked(seriesPanel("By application", "Bytes per second, the ten largest and the rest.", unitBytesRate, series("application", "bytes", "{{Application}}", yes())).NoValue(noFlows)))
	d.add(12, 9, stacked(seriesPanel("By pair", "Bytes per second between two addresses, the ten largest and the rest.", unitBytesRate, series("pair", "bytes", "{{Network.A}} - {{Network.B}}", yes())).NoValue(noFlows)))

	d.add(8, 10, barPanel("Applications", "Bytes in this time.", unitBytes, top("application", "bytes", 10)))
	d.add(8, 10, barPanel("Interfaces", "Bytes in this time, by where they were seen. A flow that is seen at several places counts at each.", unitBytes, top("Interface", "bytes", 10)))
	d.add(8, 10, barPanel("Ports", "Packets in this time, by the port of the server.", unitCount, top("port", "packets", 10)).
		OverrideByName("Transport.B", property("unit", unitText)))

	d.add(12, 10, tablePanel("Top pairs", "Addresses that exchanged the most, in the order of bytes.", top("pair", "bytes", 25)).
		OverrideByName("Bytes", bar(unitBytes)))
	d.add(12, 10, tablePanel("Top conversations", "Conversations in the order of packets.", top("conversation", "packets", 25)).
		OverrideByName("Transport.Protocol", named("Protocol", 100)).
		OverrideByName("Transport.A", named("A port", 90)).
		OverrideByName("Transport.B", named("B port", 90)).
		OverrideByName("Packets", bar(unitCount)))

	d.add(24, 12, flowsTable("Flows", "Each flow with what it moved since it began, the largest first.", f, "bytes", 200))
	d.add(12, 9, seriesPanel("Flows", "How many flows had packets in each step.", unitCount, series("", "flows", "flows", no())).NoValue(noFlows))
	d.add(12, 9, tablePanel("Who sends to whom", "Source, target and value, as a Sankey panel takes them.",
		Query{QueryType: typeFlows, Flows: "sankey", By: "pair", Metric: "bytes", Filter: f, Limit: 50}).
		OverrideByName("value", property("unit", unitBytes)))
	return d.done()
}

// named gives a column another name, and a width.
func named(name string, px int) []dashboard.DynamicConfigValue {
	return append(property("displayName", name), width(px)...)
}

// bar draws a cell as a bar.
func bar(unit string) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{
		{Id: "unit", Value: unit},
		{Id: "min", Value: 0},
		{Id: "custom.cellOptions", Value: map[string]string{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}},
		{Id: "color", Value: map[string]string{"mode": "fixed", "fixedColor": blue}},
	}
}
