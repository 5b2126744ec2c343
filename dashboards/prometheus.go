package dashboards

import (
	promql "github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// withPrometheus is the title of rows that show nothing without a Prometheus.
const withPrometheus = "With Prometheus"

// prom is a query over the time of the dashboard.
func prom(expr, legend string) *promql.DataqueryBuilder {
	return promql.NewDataqueryBuilder().Expr(expr).LegendFormat(legend).Range().Datasource(prometheus())
}

// counter selects a counter of the Collector, whose name ends in _total or does
// not, as its version and its settings have it.
func counter(name string) string { return `{__name__=~"` + name + `(_total)?"}` }
