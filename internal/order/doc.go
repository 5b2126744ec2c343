// Package order is the contract between topologyd, which decides what hosts do,
// and the collector of a host, which does it: the messages of the one WebSocket
// that a collector opens to topologyd (GET [Path]), as JSON text frames.
//
// The collector begins with a [Hello]. topologyd answers with [Assignments], and
// again whenever they change: always the whole list, never a difference, so that
// a message that was lost or came twice does no harm. The collector tells how
// each one does with a [State]. Packets that a capture kept leave the host only
// when topologyd asks for them with a [Fetch]; they come as [Packets].
//
// Each message is an [Envelope] with exactly one of its fields set. What a reader
// does not know it passes over, so that either side may be newer.
//
// The package is pure: it knows the messages and what is valid in them, and no
// transport.
package order
