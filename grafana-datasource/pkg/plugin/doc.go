// Package plugin is the datasource plugin as Grafana runs it: one [Datasource]
// for each data source that is set up.
//
// It asks topologyd by its Go client, and only what reads: a query for a graph,
// for flows, for changes, for the status. It must never call anything that
// changes topologyd, and no secret of the settings may get into a frame, an
// error, a log or the answer to a resource.
package plugin
