package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// node shows one namespace, bridge, interface or whatever else a node is.
func node() (dashboard.Dashboard, error) {
	d := newBoard(UIDNode, "Skein / Namespace, bridge, interface",
		"One node: what it is connected to, what it is made of, what changed, and what moves through it.")
	d.variable(
		withAll(hostVariable("Limits the list of nodes."), allGremlin),
		withAll(queryVariable("type", "Type", "Limits the list of nodes.", kindGremlin, "G.V().Has('@Host',REGEX('${host:regex}')).Values('Type').Dedup()"), allGremlin),
		queryVariable("node", "Node", "The node that is shown, by its ID.", kindGremlin, "G.V().Has('@Host',REGEX('${host:regex}')).Has('Type',REGEX('${type:regex}')).Limit(2000).ValueMap('Name','@ID')"),
		textVariable("depth", "Steps", "3", "How many layer2 edges away the neighbourhood reaches; 0 is all."),
		keysVariable(),
		expandVariable(),
	)
	const one = "G.V('${node}')"
	const around = one + ".Neighbors('RelationType','layer2',${depth}).As('l2')." +
		one + ".Ascendants(0).As('up')." + one + ".Descendants().As('down').Select('l2','up','down').SubGraph()"
	d.b.Annotation(changesAnnotation(one))

	d.add(16, 16, graphPanel("Neighbourhood", "The node, what owns it, what it owns, and what is connected to it.",
		Query{QueryType: typeTopology, Gremlin: around, Expand: "${expand}", ExpandVariable: "expand", NodeLimit: 200, Arcs: "state", Traffic: yes(), Live: true}))
	d.add(8, 16, sideways(times(tablePanel("Attributes", "What is known of the node, but for what its driver can do, and for lists of maps such as routes.",
		Query{QueryType: typeTable, Gremlin: one, Flatten: true}).
		WithTransformation(transform("filterFieldsByName", map[string]any{"exclude": map[string]any{"pattern": `/^Features\./`}})),
		"@CreatedAt", "@UpdatedAt", "Metric.Start", "Metric.Last", "LastUpdateMetric.Start", "LastUpdateMetric.Last"), "Attribute"))

	d.add(12, 9, seriesPanel("Traffic", "Bytes per second of the node, and of interfaces that it owns or is connected to.", unitBytesRate,
		interfaceSeries(one+".Neighbors().HasKey('IfIndex')", "RxBytes", "TxBytes")).
		NoValue("There are no interfaces here, or nothing was counted in this time."))
	d.add(12, 9, tablePanel("Interfaces", "Interfaces that the node owns or is connected to.",
		Query{QueryType: typeTable, Gremlin: one + ".Neighbors().HasKey('IfIndex')", Columns: []string{"Name", "Type", "State", "MTU", "MAC", "IPV4", "IPV6", "@ID"}}).
		OverrideByName("Name", cellProperties(cellLink("Details and history", UIDNode, "node="+cell("@ID")))).
		OverrideByName("@ID", hidden()))

	d.add(24, 9, changesTable("History", "What changed of this node in the time of the dashboard.", one, "${keys}", 200))

	seen := &Filter{Node: one + ".Descendants()"}
	d.add(14, 9, flowsTable("Flows", "Flows that were seen on this node, or on interfaces that it owns.", seen, "bytes", 50))
	d.add(10, 9, stacked(seriesPanel("Flows by application", "Bytes per second, as captures saw them here.", unitBytesRate,
		Query{QueryType: typeTimeSeries, Series: "flows", By: "application", Metric: "bytes", Filter: seen, Rate: yes(), Limit: 10, Legend: "{{Application}}"}).NoValue(noFlows)))

	d.add(24, 8, textPanel("By hand", nodeCommands))
	return d.done()
}

const nodeCommands = "The same with `topologyctl`:\n\n" +
	"```\n" +
	"topologyctl query \"G.V('${node}')\" -o json\n" +
	"topologyctl query \"G.V('${node}').Neighbors().SubGraph()\" -o dot | dot -Tsvg > node.svg\n" +
	"topologyctl history ${node}\n" +
	"topologyctl flows --node ${node} --since -1h --top 10\n" +
	"topologyctl flows --node ${node} --follow\n" +
	"```\n\n" +
	"[Capture here](/d/" + UIDCaptures + "?${ds:queryparam}&var-node=${node}&${__url_time_range}) tells how to see its flows, " +
	"[What changed](/d/" + UIDChanges + "?${ds:queryparam}&var-node=${node}&${__url_time_range}) compares two times.\n"
