// Package orders is the collector's side of captures by order: it opens the one
// WebSocket to topologyd (package order has its messages), says what the host can
// do, hands the list of what is to be captured to whoever does it, tells how each
// capture does, and sends packets that captures kept when it is asked for them.
//
// The last list is kept in a file, so that captures go on while topologyd is away
// and after a restart of the collector. A capture that has an end ends by itself.
//
// The package must never hold up a capture, never take "topologyd is away" for
// "nothing is to be done", and never grow with what topologyd sends.
package orders
