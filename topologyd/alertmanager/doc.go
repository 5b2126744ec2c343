// Package alertmanager gives alerts to every Alertmanager that is configured or
// found, by its API v2 (github.com/prometheus/alertmanager, api/v2/openapi.yaml), as
// Prometheus' notifier does: each Alertmanager has a bounded queue and a goroutine
// of its own, so one that hangs or is away holds up nobody else. A queue holds the
// newest state of each alert, so that minutes without an Alertmanager lose nothing.
//
// The package must never decide what an alert is, when it fires or how often it is
// sent again, never make its callers wait, and never write credentials to a log, an
// error or a metric.
package alertmanager
