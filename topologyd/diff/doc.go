// Package diff tells how two states of the graph differ: which nodes and edges
// were added, removed and changed, and of those that changed every key with its
// old and its new value. The states are whole views ([Views]) or the results of
// one query at two times ([Results]).
//
// A difference is exact: what it says, done to the first state, gives the
// second. Left out are, unless asked for, revision numbers and times; and
// always the Stale mark and the counters (Metric, LastUpdateMetric), which are
// not part of a revision.
//
// The package is pure: it reads no clock, does no input or output of its own,
// and must never change what it is given.
package diff
