package dashboards

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// link is an entry of the links at the top of every dashboard.
type link struct{ uid, title, icon, tooltip string }

func links() []link {
	return []link{
		{UIDOverview, "Overview", "sitemap", "All hosts and what connects them"},
		{UIDHost, "Host", "cube", "One host from inside"},
		{UIDFlows, "Flows", "exchange-alt", "Who talks with whom, and how much"},
		{UIDChanges, "Changes", "history", "What was added, removed and changed"},
		{UIDCaptures, "Captures", "eye", "What is captured, and where"},
		{UIDHealth, "Health", "heart", "topologyd and the agents"},
	}
}

// toDashboard returns the path of a dashboard with the same datasource, and
// more variables given as name=value.
func toDashboard(uid string, vars ...string) string {
	var b strings.Builder
	b.WriteString("/d/" + uid + "?${" + varSkein + ":queryparam}")
	for _, v := range vars {
		b.WriteString("&var-" + v)
	}
	return b.String()
}

// cellLink is a link in the cells of a table, in the time of the dashboard.
func cellLink(title, uid string, vars ...string) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "links", Value: []map[string]any{{
		"title": title,
		"url":   toDashboard(uid, vars...) + "&${__url_time_range}",
	}}}
}

// cell stands for the value of another field of the same row.
func cell(field string) string { return `${__data.fields["` + field + `"]}` }
