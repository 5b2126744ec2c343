// Package rules makes the graph hold what users define: nodes of their own,
// metadata on nodes that a query finds, edges between the nodes of two queries,
// and the nodes and links of fabrics.
//
// A [Manager] works out what the definitions ask for on the current graph,
// compares it with what the graph holds under their names, and submits only the
// differences, as entity events like everybody else's: a rule speaks as the
// source "rule.<id>", all fabrics as "fabric". So a deleted rule takes away
// exactly what it said, whatever else changed meanwhile, and what a daemon left
// behind is found and removed by the next one.
//
// It works beside the daemon's ingest, within the limits of queries and for a
// bounded share of the time, and only while this replica leads. It must never
// change what others say of a node, nor keep a node in the graph that nobody
// else speaks of.
package rules
