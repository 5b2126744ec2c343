// Package flow makes flows of decoded packets: a table of fixed memory counts
// packets and bytes of each conversation in both directions, follows TCP
// connections, measures round trip times, and tells what changed.
//
// One worker owns a [Table]; nothing in it is locked, and only [Table.Stats]
// may be called from elsewhere. With several workers each has a table of its
// own. A fanout that hashes symmetrically (PACKET_FANOUT_HASH) brings both
// directions of a flow to the same worker. Two things do not follow that rule.
// Fragments after the first have no ports, so they may come to another worker,
// whose table then tells a flow "…/Fragment" of them; let the kernel put
// fragments together for the hash (PACKET_FANOUT_FLAG_DEFRAG), or use one
// worker. And the hash sees the outer headers of a tunnel only: the outer source
// port of VXLAN and Geneve is different for each inner flow and direction, so
// the flow of the tunnel itself is told once a worker, each with its share, and
// an inner flow may be told twice, one direction each.
//
// The table never grows and never blocks. What it has no room for is counted
// with its reason (see [Stats]); a flow that makes room for another is reported
// with flowrecord.FinishEvicted.
//
// The package is pure: it must never do I/O, read the clock, start a goroutine
// or import anything but the standard library, packet, flowrecord and entity.
package flow
