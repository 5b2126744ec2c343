// Package follow keeps the results of queries current while the graph changes,
// without running them again on every change.
//
// A [Set] holds any number of queries. It is given changes, in batches, with a
// view of the graph after each batch, and tells for every query what entered its
// result, what of it changed and what left it. A query is followed in one of
// three ways, which [gremlin.Query.Reach] works out:
//
//   - local: V or E and filters. An element alone decides whether it is in the
//     result. What changed is looked up in tables of keys and values, so that it
//     meets only the queries that may want it.
//   - bounded: moves and Where within a few edges. For each start element it is
//     known what it gives; only starts from which something that changed can be
//     reached are looked at again, those found by going back from it.
//   - global: everything else. The query is run again, by the caller, when
//     something changed that may matter; see [Set.Due].
//
// Equal queries are one. Results are sets of nodes and edges, told apart by ID;
// order and repetition do not count.
//
// The package is pure: it starts no goroutine, has no clock and never logs.
// Package live runs a Set beside the engine.
package follow
