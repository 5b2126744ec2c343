// Package graphtext builds a graph from a compact text, a line for each thing that
// happens: for scripts of queries, and for tests of graph rules that people write.
//
//	node ALIAS [TYPE] [KEY=VALUE ...]   Name is the alias and Type the type,
//	                                    unless given; - is "no type", Name=- "no name"
//	host ALIAS [KEY=VALUE ...]          a node of type host, which has a TID; so does
//	                                    what it owns
//	set ALIAS KEY=VALUE ...             the node has these values from now on, null:
//	                                    none; all else stays
//	edge PARENT -> CHILD RELATION [KEY=VALUE ...]
//	metric ALIAS KEY=VALUE ...          counters of a node
//	stale ALIAS                         the reports of the node have stopped
//	delete ALIAS                        the node is gone
//	unlink PARENT -> CHILD RELATION     the edge is gone
//	same TO FROM KEY                    nodes of type TO join those of type FROM that
//	                                    have the same KEY
//	clock TIME                          from now on it is that time
//
// A value is JSON or a bare word; @Host and @Origin set those fields. A node or edge
// given again is a new revision. # starts a comment at the beginning of a line.
//
// The package must never be part of a daemon: it keeps all that it was told.
package graphtext
