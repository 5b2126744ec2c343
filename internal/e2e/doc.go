// Package e2e runs the built programs together: topologyd, Telegraf, the
// Collector and Grafana's datasource as processes, on network namespaces that the
// tests make, and looks at them only as a user could: by queries, watches,
// dashboards and signals.
//
// The programs are those of the directory that SKEIN_BIN names (make test-e2e
// sets it). Tests that need root skip without it. Nothing but tests imports
// the package.
package e2e
