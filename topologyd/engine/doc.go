// Package engine is the heart of the daemon: it takes entity events, keeps
// those that change something in the event log, applies them to the graph in
// the order of the log, and tells subscribers what changed.
//
// One goroutine writes. Whoever submits prepares the events (identifiers,
// hashes) on a goroutine of its own and waits until they are logged and
// applied; what arrives while the log is busy forms the next batch, so that
// batches grow with the load and nobody waits for a timer. Reports that change
// nothing never reach that goroutine.
//
// The package knows neither protocols nor the clock's zone nor who is asking;
// it never logs an event's content.
package engine
