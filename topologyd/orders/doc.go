// Package orders has hosts do what users defined: it follows the query of each
// capture ([capture.Kind]) as the graph changes, turns the nodes found into
// assignments of their hosts (package order), gives them to the collectors that
// are connected, and writes how each one does onto its node (the attribute
// Captures).
//
// Only the replica that leads works; the others turn collectors away, who try
// the next address. The package must never dial a host, never let a host that
// is slow, gone or hostile hold up the others, and never stop because of a
// definition that it cannot follow.
package orders
