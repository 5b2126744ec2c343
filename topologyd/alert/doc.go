// Package alert says what a graph rule is, when its alerts begin and end, and what
// they say: groups of rules in the shape of Prometheus' rule files, labels and
// annotations as templates over what a query found, and the [Machine] that takes
// results and gives alerts.
//
// It is pure: time, results and what happened around them are handed in. It must
// never query, wait, send or store.
package alert
