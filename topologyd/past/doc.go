// Package past keeps every change of the graph on disk and answers what the
// graph was at any time that is kept: the state at a moment, all revisions of
// a slice of time, the history of one element, and the changes after a
// revision.
//
// It is derived from the event log: each replica writes its own from the
// changes that applying the log makes, and the log can make it again as far as
// it goes. So nothing here has to be on the disk before a write is
// acknowledged, and a crash may cost the tail that [Store.Sync] had not yet
// confirmed.
//
// A store is a directory of two kinds of files. A file of changes is a run of
// frames, each with a checksum, that hold changes as differences. A base is
// the whole graph at one revision, dense and in blocks that are decoded in
// parallel. The state at a time is the newest base before it, and what changed
// since; docs/formats/past.md describes both.
//
// The package must never decide what the graph is: it knows revisions and
// times, not facets, events or rules. It does not read the event log.
package past
