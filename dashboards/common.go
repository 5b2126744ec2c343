package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
)

// What panels say when there is nothing to show.
const (
	noFlows   = "No flows in this time."
	noChanges = "Nothing changed in this time."
)

// number is a query for a table, or for one number.
func number(gremlin string) Query { return Query{QueryType: typeTable, Gremlin: gremlin} }

// changesAnnotation marks changes of nodes on the time axis of all panels.
func changesAnnotation(gremlin string) cog.Builder[dashboard.AnnotationQuery] {
	ds := skein()
	return dashboard.NewAnnotationQueryBuilder().
		Name("Topology changes").
		Datasource(ds).
		Enable(true).
		IconColor(orange).
		Target(Query{RefID: "Changes", Datasource: &ds, QueryType: typeEvents, Gremlin: gremlin, What: "nodes", Ops: []string{"added", "removed", "changed"}, Keys: keysThatMatter, Limit: 200})
}

// changesTable lists events, the newest first.
func changesTable(title, description, gremlin, keys string, limit int) *table.PanelBuilder {
	return tablePanel(title, description,
		Query{QueryType: typeEvents, Gremlin: gremlin, What: "all", Ops: []string{"added", "removed", "changed"}, Keys: keys, Limit: limit}).
		OverrideByName("time", width(180)).
		OverrideByName("text", width(420)).
		OverrideByName("op", append(changeCells(), width(90)...)).
		OverrideByName("name", cellProperties(cellLink("Details and history", UIDNode, "node="+cell("node")))).
		OverrideByRegexp("/^(id|kind|title|tags|hostid|node|revision)$/", hidden()).
		SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName("time").Desc(true)})
}

// flowsTable lists flows, those with the most of something first.
func flowsTable(title, description string, f *Filter, sort string, limit int) *table.PanelBuilder {
	p := tablePanel(title, description,
		Query{QueryType: typeFlows, Flows: "list", Filter: f, Sort: sort, Order: "desc", Limit: limit}).
		OverrideByRegexp("/^(Layers|Tracking|ID|HostID|Node|Start)$/", hidden()).
		OverrideByName("Interface", cellProperties(cellLink("Flows seen here", UIDFlows, "node="+cell("Node")))).
		OverrideByName("Host", cellProperties(cellLink("Open host", UIDHost, "host="+cell("HostID")))).
		OverrideByRegexp("/ port$/", property("unit", unitNone)).
		OverrideByName("Last", width(170))
	for _, narrow := range []string{"Application", "Protocol", "A port", "B port", "RTT", "Interface"} {
		p.OverrideByName(narrow, width(105))
	}
	return p.OverrideByRegexp("/^(AB|BA) (bytes|packets)$/", width(110))
}

// times writes times as texts, before a table is turned on its side: there a
// column holds values of all kinds.
func times(p *table.PanelBuilder, fields ...string) *table.PanelBuilder {
	conversions := make([]map[string]any, 0, len(fields))
	for _, f := range fields {
		conversions = append(conversions, map[string]any{"targetField": f, "destinationType": "string", "dateFormat": "YYYY-MM-DD HH:mm:ss"})
	}
	return p.WithTransformation(transform("convertFieldType", map[string]any{"fields": map[string]any{}, "conversions": conversions}))
}

// sideways shows the one row of a table as lines.
func sideways(p *table.PanelBuilder, name string) *table.PanelBuilder {
	return p.
		WithTransformation(transform("transpose", map[string]any{"firstFieldName": name, "restFieldsName": "Value"})).
		Filterable(false).
		OverrideByName(name, width(220))
}

func panelLink(title, uid string, vars ...string) []cog.Builder[dashboard.DashboardLink] {
	return []cog.Builder[dashboard.DashboardLink]{
		dashboard.NewDashboardLinkBuilder(title).Type(dashboard.DashboardLinkTypeLink).Url(toDashboard(uid, vars...)).KeepTime(true),
	}
}

func cellProperties(p ...dashboard.DynamicConfigValue) []dashboard.DynamicConfigValue { return p }
