// Package overview makes a picture of a graph, or of the difference between
// two, that has at most so many nodes: what does not fit is put together in
// groups.
//
// A group is what has the same values on the first so many levels: on a host,
// in a network namespace, of a type. [New] takes the levels, how many nodes
// there may be and which groups are to be opened; [Overview.Draw] opens all
// groups as deep as fits, then those that were asked for, merges the edges
// between what is shown, and counts what is not. Nothing gets lost unseen: each
// node and edge is shown, counted in a group, or counted as left out.
//
// The picture depends on what the graph holds only, not on the order in which
// it came: the same graph gives the same picture in every replica.
//
// The package is pure: it reads no clock, does no input or output of its own,
// keeps no state, and must never change what it is given.
package overview
