package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of what a query may ask for.
const (
	// MaxText is the longest JSON of a query, in bytes.
	MaxText = 256 << 10
	// MaxNodes is the most nodes of a graph, as of topologyd.
	MaxNodes = 2000
	// MaxSeries is the most series, as of topologyd.
	MaxSeries = 100
	// MaxRows is the most rows that topologyd gives of flows and events.
	MaxRows = 10000
)

// Defaults are what the settings of the datasource say for queries that say
// nothing.
type Defaults struct {
	// NodeLimit is the most nodes of a graph.
	NodeLimit int
	// MaxRows is the most rows of a table; limits of queries are cut to it.
	MaxRows int
}

// Parse reads the JSON of a query and fills in defaults. Unknown members are
// passed over, for Grafana adds its own. The error says what to change.
func Parse(text []byte, d Defaults) (*Query, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("the query is longer than %d KiB", MaxText>>10)
	}
	q := &Query{}
	if err := json.Unmarshal(text, q); err != nil {
		return nil, plain(err)
	}
	if err := q.complete(d); err != nil {
		return nil, err
	}
	return q, nil
}

// plain says what is wrong with JSON in words of the model.
func plain(err error) error {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) && typ.Field != "" {
		return fmt.Errorf("query member %q is a %s: give %s", typ.Field, typ.Value, form(typ.Type.String()))
	}
	return fmt.Errorf("the query is not the JSON of a query: %w", err)
}

func form(typ string) string {
	switch typ {
	case "string":
		return "a text"
	case "bool", "*bool":
		return "true or false"
	default:
		return "an object"
	}
}

// complete checks q and fills in defaults.
func (q *Query) complete(d Defaults) error {
	q.Time = strings.TrimSpace(q.Time)
	if strings.TrimSpace(q.Gremlin) == "" {
		q.Gremlin = ""
	}
	if q.ExpandVariable == "" {
		q.ExpandVariable = "expand"
	}
	if err := q.checkWords(); err != nil {
		return err
	}
	switch q.Type {
	case TypeTopology:
		return q.completeGraph(d, ArcsState)
	case TypeDiff:
		if err := oneOf("view", &q.View, ViewGraph, ViewTable, ViewBoth); err != nil {
			return err
		}
		return q.completeGraph(d, ArcsChange)
	case TypeTable:
		if q.Gremlin == "" {
			return errors.New("the table has no query: write Gremlin, for example G.V().Has('Type', 'bridge')")
		}
	case TypeFlows:
		return q.completeFlows(d)
	case TypeTimeSeries:
		return q.completeSeries()
	case TypeEvents:
		return q.completeEvents(d)
	case TypeStatus:
	case TypePath:
		return errors.New("path queries are not there yet: use a topology query that ends in ShortestPathTo(…)")
	case "":
		return errors.New("the query has no type: choose Topology, Table, Flows, Time series, Difference, Events or Status")
	default:
		return fmt.Errorf("unknown query type %q: choose topology, table, flows, timeseries, diff, events or status", q.Type)
	}
	return nil
}

// checkWords checks the members that hold lists, whatever the type.
func (q *Query) checkWords() error {
	if len(q.Group) > 8 {
		return errors.New("more than 8 levels of grouping: take some away")
	}
	if n := len(q.ExpandPaths()); n > 500 {
		return fmt.Errorf("%d groups are to be expanded, more than 500: collapse some", n)
	}
	return nil
}

func (q *Query) completeGraph(d Defaults, arcs string) error {
	if q.Gremlin == "" {
		q.Gremlin = "G"
	}
	if q.Arcs == "" {
		q.Arcs = arcs
	}
	if q.NodeLimit == 0 {
		q.NodeLimit = Int(d.NodeLimit)
	}
	if err := within("nodeLimit", &q.NodeLimit, 200, MaxNodes); err != nil {
		return err
	}
	return oneOf("arcs", &q.Arcs, ArcsState, ArcsType, ArcsChange, ArcsNone)
}

func (q *Query) completeFlows(d Defaults) error {
	if err := oneOf("flows", &q.Flows, FlowsList, FlowsTop, FlowsSankey); err != nil {
		return err
	}
	if err := q.Filter.check(); err != nil {
		return err
	}
	usual := Int(100)
	if q.Flows != FlowsList {
		usual = 20
	}
	if q.Flows == FlowsSankey && q.By == "" {
		q.By = "pair"
	}
	return rows(&q.Limit, usual, d)
}

func (q *Query) completeSeries() error {
	if err := oneOf("series", &q.Series, SeriesInterface, SeriesFlows, SeriesGremlin); err != nil {
		return err
	}
	switch q.Series {
	case SeriesInterface:
		if q.Gremlin == "" {
			q.Gremlin = "G.V()"
		}
		if len(q.Fields) == 0 {
			q.Fields = Strings{"RxBytes", "TxBytes"}
		}
	case SeriesGremlin:
		if q.Gremlin == "" {
			return errors.New("the time series has no query: write Gremlin that ends in Metrics(), Aggregates() or a number")
		}
	case SeriesFlows:
		if err := q.Filter.check(); err != nil {
			return err
		}
		if q.Filter.Finished != "" {
			return errors.New("flows over time cannot be filtered by finished: take that filter away")
		}
	}
	if len(q.Fields) > 32 {
		return errors.New("more than 32 fields: take some away")
	}
	return within("limit", &q.Limit, 10, MaxSeries)
}

func (q *Query) completeEvents(d Defaults) error {
	if err := oneOf("what", &q.What, WhatAll, WhatNodes, WhatEdges); err != nil {
		return err
	}
	for _, op := range q.Ops {
		if !slices.Contains([]string{OpAdded, OpRemoved, OpChanged}, op) {
			return fmt.Errorf("unknown ops %q: choose added, removed or changed", op)
		}
	}
	return rows(&q.Limit, 1000, d)
}

// rows checks a limit of rows, and cuts it to what the datasource allows.
func rows(n *Int, usual Int, d Defaults) error {
	if err := within("limit", n, usual, MaxRows); err != nil {
		return err
	}
	if d.MaxRows > 0 {
		*n = min(*n, Int(d.MaxRows))
	}
	return nil
}

// within checks a number, 0 means usual.
func within(name string, n *Int, usual, most Int) error {
	switch {
	case *n == 0:
		*n = usual
	case *n < 0:
		return fmt.Errorf("%s is %d: give a number from 1 to %d", name, *n, most)
	}
	*n = min(*n, most)
	return nil
}

// oneOf checks a word; an empty one becomes the first of words.
func oneOf(name string, word *string, words ...string) error {
	if *word == "" {
		*word = words[0]
		return nil
	}
	if !slices.Contains(words, *word) {
		last := len(words) - 1
		return fmt.Errorf("unknown %s %q: choose %s or %s", name, *word, strings.Join(words[:last], ", "), words[last])
	}
	return nil
}
