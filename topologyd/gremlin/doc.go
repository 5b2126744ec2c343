// Package gremlin is the query language of Skein: a chain of steps such as
//
//	G.V().Has('Type','veth').Out().Count()
//
// that starts at the whole graph and narrows, follows or measures it. It has
// the names and the meaning of Skydive's Gremlin subset, so that queries people
// know work unchanged; docs/queries.md is the language for users.
//
// [Parse] turns text into a [Query]: lexer, parser and a static check that each
// step is given what it works on. [Query.Run] evaluates it on one immutable
// [graph.View] under [Limits] and gives a [Result], [Query.Each] gives the rows
// one by one as they are found, [Query.Explain] tells how it was done. Filters
// are planned: a source takes its elements from the indexes that leave the
// fewest, and a filter in the middle that many elements come to is made a set
// (plan.go, plan_sieve.go). Steps are streams of slots
// (dense numbers of nodes and edges) pushed from one operator to the next, so
// that Limit stops everything before it, and only the steps that must see all
// their input (Sort, Order, Group, As, Descendants, ShortestPathTo, SubGraph) hold
// it; Sort and Order no more of it than a Limit after them lets pass.
//
// A sub-traversal, the argument of Where and its like, is compiled with the query
// and bound once to a run (traversal.go). Filters and moves are pipes (pipe.go):
// what they need is made when they are bound, so that running a traversal for one
// element after the other makes nothing. A query with Path remembers the way to
// the element that is looked at (ways.go); no other query pays for that.
//
// What is not in the view comes from [Sources], with [Query.RunOn]: the graph at
// other times, and flows. Filters, nodes, window, order and limit of flows are
// given to their source as a hint, and checked again on what it gives.
//
// The package is pure: it reads a view and its sources, keeps no state, starts
// no goroutines, never logs and never changes the graph. A Query may be run any
// number of times and by several goroutines at once.
//
// [Complete] tells editors what can stand at a place in a text that need not be
// a query yet; [References] describes the language.
//
// Adding a step takes one entry in the table of table.go and its builder, and
// one in reference_table.go that describes it.
package gremlin
