// Package ruletest tests graph rules as promtool tests Prometheus' rules: a file
// says what is in a graph, what happens to it and which alerts there are then. Rules
// run on the real graph and query engine, in time that is made up, so that a test of
// a week takes milliseconds.
//
// The package must never ask a server or the clock.
package ruletest
