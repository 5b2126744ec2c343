// Package dashboards makes the Grafana dashboards of Skein, and json/ holds
// what it made: Grafana is provisioned from there, and a test compares the two.
// Of the datasource it knows the model of its queries and nothing else. It must
// never name an installation: every datasource is chosen by a variable.
package dashboards

//go:generate go run ./cmd/skein-dashboards -out json
