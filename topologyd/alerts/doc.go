// Package alerts runs graph rules: it reads them from files and definitions,
// follows or evaluates their queries, feeds what they find to a [alert.Machine]
// each, adds to an alert what happened around it, and hands alerts to whoever
// tells people.
//
// A query of nodes or edges that can be decided near what changed is followed by
// the daemon's hub: its alerts come with the change. All others are evaluated at
// an interval, and soon after a change that may matter to them, within limits and
// a share of one core, so that an expensive rule delays nobody but itself.
//
// Every replica of the daemon runs all rules and sends all alerts; nothing of a
// replica is in a label, so that whoever takes them sees one.
//
// What fires survives a restart in a file. Nothing is resolved before a rule's
// first complete result.
//
// The package must never change the graph, hold up those who do, or decide when
// an alert begins and ends: that is package alert's.
package alerts
