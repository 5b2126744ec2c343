package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// What a variable stands for when everything is chosen. In Gremlin it is an
// expression that fits all, in the filter of flows the word for any.
const (
	allGremlin = ".*"
	allFilter  = "$__all"
)

func textOf(s string) dashboard.StringOrMap { return dashboard.StringOrMap{String: &s} }

func option(label, value string) dashboard.VariableOption {
	selected := true
	return dashboard.VariableOption{
		Selected: &selected,
		Text:     dashboard.StringOrArrayOfString{String: &label},
		Value:    dashboard.StringOrArrayOfString{String: &value},
	}
}

func datasourceVariable(name, label, plugin string) *dashboard.DatasourceVariableBuilder {
	return dashboard.NewDatasourceVariableBuilder(name).Label(label).Type(plugin)
}

// textVariable is a text that people type.
func textVariable(name, label, value, description string) *dashboard.TextBoxVariableBuilder {
	return dashboard.NewTextBoxVariableBuilder(name).
		Label(label).
		Description(description).
		DefaultValue(textOf(value)).
		Current(option(value, value))
}

// VariableQuery is what a variable asks of the Skein datasource: the hosts, or
// what a query in Gremlin gives, of nodes their names and IDs.
type VariableQuery struct {
	RefID   string `json:"refId"`
	Kind    string `json:"kind"`
	Gremlin string `json:"gremlin,omitempty"`
}

// Kinds of [VariableQuery].
const (
	kindHosts   = "hosts"
	kindGremlin = "gremlin"
)

// queryVariable is chosen from what a query gives; what is not in the list may
// come from a link.
func queryVariable(name, label, description, kind, gremlin string) *dashboard.QueryVariableBuilder {
	query := map[string]any{"refId": "Skein-" + name, "kind": kind}
	definition := kind
	if gremlin != "" {
		query["gremlin"] = gremlin
		definition = gremlin
	}
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Description(description).
		Datasource(skein()).
		Query(dashboard.StringOrMap{Map: query}).
		Definition(definition).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortNaturalAsc).
		AllowCustomValue(true)
}

// hostVariable chooses a host by its host.id.
func hostVariable(description string) *dashboard.QueryVariableBuilder {
	return queryVariable("host", "Host", description, kindHosts, "")
}

// withAll lets everything be chosen, which is also where it begins.
func withAll(v *dashboard.QueryVariableBuilder, all string) *dashboard.QueryVariableBuilder {
	return v.IncludeAll(true).AllValue(all).Current(option("All", "$__all"))
}

// groupVariable chooses the levels of grouping.
func groupVariable() *dashboard.CustomVariableBuilder {
	levels := []string{"host", "namespace", "owner", "type"}
	chosen := []string{"host", "namespace", "type"}
	selected := true
	options := make([]dashboard.VariableOption, 0, len(levels))
	for i := range levels {
		options = append(options, option(levels[i], levels[i]))
	}
	return dashboard.NewCustomVariableBuilder("group").
		Label("Group by").
		Description("Levels of groups, from coarse to fine, in the order in which they are chosen. Type the key of an attribute for others, such as Driver or K8s.Namespace.").
		Values(textOf("host,namespace,owner,type")).
		Options(options).
		Multi(true).
		AllowCustomValue(true).
		Current(dashboard.VariableOption{
			Selected: &selected,
			Text:     dashboard.StringOrArrayOfString{ArrayOfString: chosen},
			Value:    dashboard.StringOrArrayOfString{ArrayOfString: chosen},
		})
}

// expandVariable holds the groups that are open; the links of a node graph set it.
func expandVariable() *dashboard.TextBoxVariableBuilder {
	return textVariable("expand", "Open", "", "Groups that are open, separated by commas. Click a group, then Expand; * opens all that fits.")
}

// keysVariable holds the attributes whose changes count.
func keysVariable() *dashboard.TextBoxVariableBuilder {
	return textVariable("keys", "Attributes", keysThatMatter, "Only changes of these attributes count, separated by commas; empty is all.")
}
