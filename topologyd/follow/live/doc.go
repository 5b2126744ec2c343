// Package live follows queries on the graph of an engine: it feeds a
// [follow.Set] with changes and hands what happened to the results on to any
// number of watches.
//
// One goroutine takes changes in batches, at most every [Config.Every], with one
// view for each batch. Global queries are run by another, one at a time, within
// a share of one core. Neither ever holds up those who change the graph: a hub
// that falls behind starts over, and its watches are given their results anew.
//
// What happened is kept for a while, so that a watch that broke off can go on.
// All that is kept is bounded: a watch that does not read is told so and ends.
package live
