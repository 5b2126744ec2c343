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
		OverrideByName("op", append(changeCells(), width(90)...)).
		OverrideByName("name", cellProperties(cellLink("Details and history", UIDNode, "node="+cell("id")))).
		OverrideByRegexp("/^(id|title|tags|hostid|revision)$/", hidden()).
		SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName("time").Desc(true)})
}

// flowsTable lists flows.
func flowsTable(title, description string, f *Filter, limit int) *table.PanelBuilder {
	return tablePanel(title, description,
		Query{QueryType: typeFlows, Flows: "list", Filter: f, Sort: "bytes", Order: "desc", Limit: limit}).
		OverrideByRegexp("/^(Layers|Tracking|ID|Node|Host|Start)$/", hidden()).
		OverrideByName("Interface", cellProperties(cellLink("Flows seen here", UIDFlows, "node="+cell("Node")))).
		OverrideByRegexp("/ port$/", property("unit", "none"))
}

func panelLink(title, uid string, vars ...string) []cog.Builder[dashboard.DashboardLink] {
	return []cog.Builder[dashboard.DashboardLink]{
		dashboard.NewDashboardLinkBuilder(title).Type(dashboard.DashboardLinkTypeLink).Url(toDashboard(uid, vars...)).KeepTime(true),
	}
}

func cellProperties(p ...dashboard.DynamicConfigValue) []dashboard.DynamicConfigValue { return p }
