package dashboards

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"

	"github.com/skein-net/skein/grafana-datasource/pkg/query"
)

// Query types of the datasource.
const (
	typeTopology   = query.TypeTopology
	typeTable      = query.TypeTable
	typeFlows      = query.TypeFlows
	typeTimeSeries = query.TypeTimeSeries
	typeDiff       = query.TypeDiff
	typeEvents     = query.TypeEvents
	typeStatus     = query.TypeStatus
)

// Query is a query of the Skein datasource as dashboards hold it. Texts may
// contain dashboard variables. Which fields mean something depends on QueryType;
// docs/grafana.md describes them.
type Query struct {
	RefID      string                `json:"refId,omitempty"`
	Hide       bool                  `json:"hide,omitempty"`
	Datasource *common.DataSourceRef `json:"datasource,omitempty"`
	QueryType  string                `json:"queryType"`
	Gremlin    string                `json:"gremlin,omitempty"`
	// Time is empty for the dashboard's range.
	Time string `json:"time,omitempty"`

	// Topology and differences.
	Group          []string `json:"group,omitempty"`
	Expand         string   `json:"expand,omitempty"`
	NodeLimit      int      `json:"nodeLimit,omitempty"`
	ExpandVariable string   `json:"expandVariable,omitempty"`
	Arcs           string   `json:"arcs,omitempty"`
	Traffic        *bool    `json:"traffic,omitempty"`
	ChangesOnly    *bool    `json:"changesOnly,omitempty"`
	Keys           string   `json:"keys,omitempty"`
	View           string   `json:"view,omitempty"`

	// Tables.
	Columns []string `json:"columns,omitempty"`
	Flatten bool     `json:"flatten,omitempty"`

	// Flows, and series of them.
	Flows  string  `json:"flows,omitempty"`
	Filter *Filter `json:"filter,omitempty"`
	By     string  `json:"by,omitempty"`
	Metric string  `json:"metric,omitempty"`
	Sort   string  `json:"sort,omitempty"`
	Order  string  `json:"order,omitempty"`
	Limit  int     `json:"limit,omitempty"`

	// Time series.
	Series string   `json:"series,omitempty"`
	Fields []string `json:"fields,omitempty"`
	Rate   *bool    `json:"rate,omitempty"`
	Legend string   `json:"legend,omitempty"`

	// Events.
	Ops  []string `json:"ops,omitempty"`
	What string   `json:"what,omitempty"`

	// Live runs the query again whenever the graph changes.
	Live bool `json:"live,omitempty"`
}

// Filter chooses flows, as in the datasource; "$__all" is any, too.
type Filter = query.Filter

// ImplementsDataqueryVariant makes Query a query of the dashboard builders.
func (Query) ImplementsDataqueryVariant() {}

// DataqueryType returns the ID of the datasource's plugin.
func (Query) DataqueryType() string { return PluginID }

// Equals tells whether another query is the same.
func (q Query) Equals(other variants.Dataquery) bool {
	o, ok := other.(Query)
	return ok && reflect.DeepEqual(q, o)
}

// Validate returns what is wrong with the query by itself.
func (q Query) Validate() error {
	known := []string{typeTopology, typeTable, typeFlows, typeTimeSeries, typeDiff, typeEvents, typeStatus}
	if !slices.Contains(known, q.QueryType) {
		return fmt.Errorf("unknown query type %q", q.QueryType)
	}
	needs := q.QueryType == typeTopology || q.QueryType == typeTable || q.QueryType == typeDiff
	if needs && q.Gremlin == "" {
		return errors.New("no Gremlin query")
	}
	if q.QueryType == typeTimeSeries && q.Series == "" {
		return errors.New("no kind of series")
	}
	return nil
}

// Build lets a Query be its own builder.
func (q Query) Build() (variants.Dataquery, error) { return q, q.Validate() }

// yes and no are values of fields whose default is the other one.
func yes() *bool { v := true; return &v }
func no() *bool  { v := false; return &v }
