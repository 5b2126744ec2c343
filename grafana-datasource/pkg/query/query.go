package query

// Types of queries.
const (
	TypeTopology   = "topology"
	TypeTable      = "table"
	TypeFlows      = "flows"
	TypeTimeSeries = "timeseries"
	TypeDiff       = "diff"
	TypeEvents     = "events"
	TypePath       = "path"
	TypeStatus     = "status"
)

// Values of [Query.Arcs].
const (
	ArcsState  = "state"
	ArcsType   = "type"
	ArcsChange = "change"
	ArcsNone   = "none"
)

// Values of [Query.View].
const (
	ViewGraph = "graph"
	ViewTable = "table"
	ViewBoth  = "both"
)

// Values of [Query.Flows].
const (
	FlowsList   = "list"
	FlowsTop    = "top"
	FlowsSankey = "sankey"
)

// Values of [Query.Series].
const (
	SeriesInterface = "interface"
	SeriesFlows     = "flows"
	SeriesGremlin   = "gremlin"
)

// Values of [Query.What].
const (
	WhatNodes = "nodes"
	WhatEdges = "edges"
	WhatAll   = "all"
)

// Values of [Query.Ops].
const (
	OpAdded   = "added"
	OpRemoved = "removed"
	OpChanged = "changed"
)

// Query is what one query of a panel asks. [Parse] fills in the defaults.
type Query struct {
	RefID string `json:"refId,omitempty"`
	Type  string `json:"queryType"`
	// Gremlin is the query to topologyd: of topology and diff it gives a graph or
	// a part of it, of series "interface" nodes.
	Gremlin string `json:"gremlin,omitempty"`
	// Time is "" for the range of the dashboard, "now", or a time as topologyd
	// reads it.
	Time string `json:"time,omitempty"`

	// Group are levels of grouping, coarse to fine; empty means topologyd's.
	Group Strings `json:"group,omitempty"`
	// Expand are paths of groups to open, with commas between them.
	Expand string `json:"expand,omitempty"`
	// ExpandVariable is the dashboard's variable that links to open and close
	// groups set.
	ExpandVariable string `json:"expandVariable,omitempty"`
	// NodeLimit is the most nodes and groups of a graph.
	NodeLimit Int `json:"nodeLimit,omitempty"`
	// Arcs says what the rings around nodes show.
	Arcs string `json:"arcs,omitempty"`
	// Traffic has the thickness of edges show traffic; nil is true.
	Traffic *bool `json:"traffic,omitempty"`

	// View is what a difference is shown as.
	View string `json:"view,omitempty"`
	// ChangesOnly leaves out what did not change; nil is true.
	ChangesOnly *bool `json:"changesOnly,omitempty"`
	// Keys are those whose changes count, as topologyd reads them.
	Keys string `json:"keys,omitempty"`

	// Columns are the keys of a table; empty means all that have scalar values.
	Columns Strings `json:"columns,omitempty"`
	// Flatten makes columns of what is inside maps, too.
	Flatten bool `json:"flatten,omitempty"`

	// Flows is what a query for flows gives.
	Flows  string `json:"flows,omitempty"`
	Filter Filter `json:"filter,omitzero"`
	// By and Metric are as of topologyd's top talkers.
	By     string `json:"by,omitempty"`
	Metric string `json:"metric,omitempty"`
	Sort   string `json:"sort,omitempty"`
	Order  string `json:"order,omitempty"`
	// Limit counts rows, series or events.
	Limit Int `json:"limit,omitempty"`

	// Series is where a time series comes from.
	Series string `json:"series,omitempty"`
	// Fields are the counters of interfaces, or of what Gremlin gives.
	Fields Strings `json:"fields,omitempty"`
	// Rate divides by time; nil is true.
	Rate *bool `json:"rate,omitempty"`
	// Legend names series: {{Name}} stands for the value of a label.
	Legend string `json:"legend,omitempty"`

	// Ops and What choose events.
	Ops  Strings `json:"ops,omitempty"`
	What string  `json:"what,omitempty"`

	// Live has the frontend ask again when the graph changes.
	Live bool `json:"live,omitempty"`
	// Link is what links need to know of the dashboard.
	Link Link `json:"link,omitzero"`
}

// Filter chooses flows; each field holds alternatives with commas between them.
type Filter struct {
	Node        string `json:"node,omitempty"`
	Host        string `json:"host,omitempty"`
	Interface   string `json:"interface,omitempty"`
	Capture     string `json:"capture,omitempty"`
	Address     string `json:"address,omitempty"`
	Port        string `json:"port,omitempty"`
	Application string `json:"application,omitempty"`
	Protocol    string `json:"protocol,omitempty"`
	Layers      string `json:"layers,omitempty"`
	Tracking    string `json:"tracking,omitempty"`
	// Finished is true, false or "".
	Finished string `json:"finished,omitempty"`
}

// Link is what links need to know of the dashboard. The frontend fills it in.
type Link struct {
	// Dashboard is the path of the dashboard, "" outside of one.
	Dashboard string `json:"dashboard,omitempty"`
	// Params are the other variables as a query string.
	Params string `json:"params,omitempty"`
	// App is where the query runs: dashboard, explore, …
	App string `json:"app,omitempty"`
}

// WithTraffic reports whether edges show traffic.
func (q *Query) WithTraffic() bool { return isTrue(q.Traffic) }

// OnlyChanges reports whether a difference leaves out what did not change.
func (q *Query) OnlyChanges() bool { return isTrue(q.ChangesOnly) }

// PerSecond reports whether series are divided by time.
func (q *Query) PerSecond() bool { return isTrue(q.Rate) }

// ExpandPaths returns the paths of groups to open.
func (q *Query) ExpandPaths() []string { return split(q.Expand) }

func isTrue(b *bool) bool { return b == nil || *b }
