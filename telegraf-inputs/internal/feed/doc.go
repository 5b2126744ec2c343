// Package feed is what an input does besides speaking its protocol: it keeps a
// connection to a source of topology, connects again after a break, and sees to
// it that what is reported is what the source said last.
//
// An input gives a [Source]. A [Feed] calls its Follow, again and again: each
// time it lists all that is there and then tells changes. What a listing no
// longer has is deleted. While there is no connection, nobody knows what is
// there: the entities are kept, so that a short break is not seen, but after a
// report interval they are no longer reported, so that the graph shows them as
// stale and expires them in the end.
//
// The package must never look at what the attributes of an entity mean, and
// knows no protocol.
package feed
