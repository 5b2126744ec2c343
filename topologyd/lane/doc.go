// Package lane shares processor time and memory among queries, so that those
// that take long, by mistake or on purpose, do not keep the others waiting.
//
// Every query starts in the quick lane. One that runs for longer than a few
// milliseconds has to change to the slow lane, which only a few may use at the
// same time, in turns; what it held in the quick lane goes to the next one. How
// many may wait for the slow lane is bounded, and so is the memory of all
// queries together. A query that finds no room is refused, never queued without
// an end.
//
// The package only decides who may run: it starts no goroutine, runs no query
// and does not know what a query is. [Run.Pace] is called by the query itself,
// often; what does not call it is not stopped.
package lane
