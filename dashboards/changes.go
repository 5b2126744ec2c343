package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// changes shows what differs between the two ends of the time range.
func changes() (dashboard.Dashboard, error) {
	d := newBoard(UIDChanges, "Skein / Topology changes and time travel",
		"What was added, removed and changed between the beginning and the end of the time range, and when.")
	d.variable(
		withAll(hostVariable("Only what belongs to this host."), allGremlin),
		withAll(queryVariable("node", "Node", "Only this node and its neighbours.", kindGremlin, "G.V().Has('@Host',REGEX('${host:regex}')).Limit(2000).ValueMap('Name','@ID')"), allGremlin),
		keysVariable(),
		expandVariable(),
	)
	const nodes = "G.V().Has('@Host',REGEX('${host:regex}')).Has('@ID',REGEX('${node:regex}'))"
	const graph = nodes + ".Neighbors().SubGraph()"
	difference := func(view string) Query {
		return Query{QueryType: typeDiff, View: view, Gremlin: graph, Keys: "${keys}", ChangesOnly: yes(), NodeLimit: 200, Arcs: "change", Expand: "${expand}", ExpandVariable: "expand"}
	}
	events := func(limit int, ops ...string) Query {
		return Query{QueryType: typeEvents, Gremlin: graph, What: "all", Ops: ops, Keys: "${keys}", Limit: limit}
	}
	count := func(title, description, color, op string) {
		d.add(4, 4, statPanel(title, description, unitWhole, events(10000, op)).
			ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"count"}).Fields("/^id$/")).
			Thresholds(steps(grey, from(1, color))).NoValue("0"))
	}
	d.b.Annotation(changesAnnotation(nodes))

	count("Added", "Nodes and edges that came in this time, at most 10,000. What came and went again counts, too.", green, "added")
	count("Removed", "Nodes and edges that went in this time.", red, "removed")
	count("Changed", "Changes of the chosen attributes in this time.", orange, "changed")
	d.add(12, 4, textPanel("Time travel", "The time picker is the time machine. Its **beginning** is compared with its **end**; all other dashboards show the graph at its end. "+
		"The bars below tell when something happened; click the line of a change for the history of its node. Green was added, red removed, orange changed."))

	d.add(24, 16, graphPanel("Difference", "Both ends of the time range in one graph: what differs, and what it hangs on. When nothing differs it is the graph as it is.", difference("graph")).
		NoValue("Beginning and end of this time are the same."))

	d.add(24, 8, perMinute(barPanel("Changes over time", "Nodes and edges that were added, removed and changed in each minute.", unitCount, events(10000, "added", "removed", "changed"))).
		NoValue(noChanges))

	d.add(24, 9, tablePanel("What differs", "One line for each node and edge that is not the same at both ends.", difference("table")).
		OverrideByName("change", append(changeCells(), width(90)...)).
		OverrideByName("name", cellProperties(cellLink("Details and history", UIDNode, "node="+cell("node")))).
		OverrideByRegexp("/^(id|node)$/", hidden()))
	d.add(24, 11, changesTable("What happened", "Every single change, also of what is as it was.", graph, "${keys}", 1000))

	d.collapsed("Before and after")
	ends := func(title, at string) {
		d.add(12, 16, graphPanel(title, "The graph as it was then.",
			Query{QueryType: typeTopology, Gremlin: graph, Time: at, NodeLimit: 100, Arcs: "state", Traffic: no(), Expand: "${expand}", ExpandVariable: "expand"}))
	}
	ends("Before: at the beginning of the time", "${__from:date:iso}")
	ends("After: at the end of the time", "${__to:date:iso}")
	return d.done()
}

// perMinute counts events by what they were, and stands one bar beside the other.
func perMinute(p *barchart.PanelBuilder) *barchart.PanelBuilder {
	grouped := map[string]any{"aggregations": []string{}, "operation": "groupby"}
	return p.
		WithTransformation(transform("sortBy", map[string]any{"sort": []map[string]any{{"field": "time"}}})).
		WithTransformation(transform("formatTime", map[string]any{"timeField": "time", "outputFormat": "MM-DD HH:mm", "useTimezone": true})).
		WithTransformation(transform("groupBy", map[string]any{"fields": map[string]any{
			"time": grouped, "op": grouped,
			"id": map[string]any{"aggregations": []string{"count"}, "operation": "aggregate"},
		}})).
		WithTransformation(transform("groupingToMatrix", map[string]any{"columnField": "op", "rowField": "time", "valueField": "id (count)", "emptyValue": "zero"})).
		Orientation(common.VizOrientationVertical).
		Stacking(common.StackingModeNormal).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		XTickLabelMaxLength(20).
		XTickLabelSpacing(100).
		OverrideByName("added", fixedColor(green)).
		OverrideByName("removed", fixedColor(red)).
		OverrideByName("changed", fixedColor(orange))
}

func fixedColor(color string) []dashboard.DynamicConfigValue {
	return property("color", map[string]string{"mode": "fixed", "fixedColor": color})
}
