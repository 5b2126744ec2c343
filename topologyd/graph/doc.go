// Package graph is the live graph: nodes made of the facets that sources
// report, edges with the evidence for them, indexes on scalar attributes, and
// consistent views of one revision for readers.
//
// A [Graph] has one logical writer: its methods that change it may be called
// from several goroutines and are serialized by a mutex that is held for one
// event, for the heartbeats of one call of Touch, or for a few thousand nodes of
// a sweep; only restoring holds it longer. Readers take a [View]: an immutable state at one
// revision, which costs a few hundred bytes and no copying. All tables are
// vectors of pages that are copied when they are written for the first time
// after a view was taken, so readers never wait for the writer while they
// read, the writer never waits for a reader, and what a view kept alive is
// garbage when the view is.
//
// The package is pure: standard library and internal/entity only. It does no
// input or output, starts no goroutine, reads no clock (every call is told the
// time) and never logs. What happened is returned as a list of [Change].
package graph
