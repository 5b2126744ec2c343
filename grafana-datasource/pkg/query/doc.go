// Package query is the query model of the datasource: what a panel, a
// dashboard or an alert rule asks, as JSON, and the rules by which the range of
// the dashboard becomes the time that topologyd is asked about.
//
// The package asks nothing and knows no frames; it may not import the plugin.
package query
