// Package hops joins what capture points saw of one conversation: the flow
// records with one tracking ID become the points that it passed, in their order,
// and what was lost and how long it took from each to the next. It also tells
// each conversation's total once, however many points counted it.
//
// Every figure comes with the evidence that it was taken from and with how far
// it can be believed ([Confidence]). What was not measured is not made up: a
// loss below zero is told as a surplus, and clocks of two hosts are never
// compared without saying so.
//
// The package is pure: it reads records and keeps no more of them than it was
// allowed. It must never ask a store, look at the graph or read a clock.
package hops
