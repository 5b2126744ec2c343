// Package engine is the heart of the daemon: it takes entity events, keeps
// those that change something in the event log, applies the log to the graph in
// its order, writes what changed to the past, and tells subscribers.
//
// An event goes around: Submit prepares it (identifiers, hashes) on the
// sender's goroutine; the proposer puts what waits into one record and hands it
// to the log; the follower gets it back, like those of all other replicas; the
// applier, which alone applies, changes the graph and answers the sender. While
// a few records are on this way, what arrives forms the next one, so that
// batches grow with the load and nobody waits for a timer. Whether an event is
// worth a record depends on what this replica heard; what a record does to the
// graph depends on the log alone, so all replicas hold the same graph.
//
// Reports that change nothing are only noted; replicas tell one another of them
// beside the log. One replica, which holds a lease, decides what has expired.
//
// The package knows neither protocols nor who is asking; it never logs an
// event's content.
package engine
