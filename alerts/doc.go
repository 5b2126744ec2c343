// Package alerts holds the alerts that Skein ships, as files: rules for Prometheus
// (prometheus) with tests for promtool, graph rules (graph) with tests for
// topologyctl, and a configuration of Alertmanager with its templates
// (alertmanager). Each alert has a page in docs/runbooks.
//
// It has no code but its tests, which hold the files against one another and
// against what they speak of. It must never be imported.
package alerts
