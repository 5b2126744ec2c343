// Package graph is the live graph: nodes made of the facets that sources
// report, edges with the evidence for them, indexes on scalar attributes, and
// consistent views of one revision for readers.
//
// A [Graph] has one logical writer: its methods that change it may be called
// from several goroutines and are serialized by a mutex that is held for some
// dozens of events, for the heartbeats of one call of Touch, or for a few thousand
// nodes of a sweep; only restoring holds it longer. Readers take a [View]: an
// immutable state at one revision, which costs a few hundred bytes and no copying. All tables are
// vectors of pages that are copied when they are written for the first time
// after a view was taken, so readers never wait for the writer while they
// read, the writer never waits for a reader, and what a view kept alive is
// garbage when the view is.
//
// # Representation
//
// The graph is dense: a million nodes with ten attributes and two edges each
// take about 550 MB, nearly all of it without pointers. A node is a number, its
// slot, and so is an edge. What belongs to a slot stands in several vectors, by
// who reads it:
//
//   - heads and links (links.go): the lists of edges, 16 bytes a node and 32 an
//     edge, all that a traversal reads;
//   - nodes and edges (nodes.go, edges.go): IDs, dates, revisions, 64 bytes
//     each. An edge's only evidence stands in its record; more of it, and
//     attributes, are in extras (evidence.go), which few edges need;
//   - data (content.go, assertion.go): one string for each node, with its
//     attributes packed by package pack, its identity and its facets; and its
//     counters, if it has some;
//   - names (names.go): hosts and sources by number;
//   - the table of joins (joins.go) and its index of keys (joinkeys.go): which
//     entities are shown by the node of another (members.go), and which edges
//     follow from what two entities say. An index entry takes about eleven bytes;
//   - heartbeats (liveness.go): when each facet was heard of last. They are the
//     writer's alone and are never copied;
//   - the tables of IDs (table.go), the index of values (index.go) and those by
//     order (ordered.go), of which one is made when it was asked for.
//
// A [Node] or [Edge] is made when somebody asks for one, and for each [Change].
// Making one takes about a microsecond and a kilobyte. Whoever looks at many
// elements reads them by their slots instead ([View.NodeAttr], [View.OutSlots],
// [View.AppendNodeJSON] and others): that allocates nothing or little. Strings
// and values that are read this way stay valid after the view is gone.
//
// A view that a [Builder] made has the same heads and links, and whole nodes and
// edges behind them.
//
// The package is pure: standard library, internal/entity and the packages pack
// and join only. It does no input or output, starts no goroutine, reads no clock (every
// call is told the time) and never logs. What happened is returned as a list of
// [Change].
package graph
