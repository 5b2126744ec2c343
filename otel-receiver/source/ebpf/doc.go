// Package ebpf counts the flows of an interface of Linux in the kernel: programs
// at both hooks of tc (tcx, or a classifier of clsact before Linux 6.6) count each
// packet in a map, and a reader hands on what was counted, once for each
// conversation and interval, with the first bytes of its first packet. Decoding,
// IDs and connections are those of every other source: they are the worker's.
//
// # What is counted
//
// The key of a packet is a hash of all that tells flows apart in a flow table:
// hardware addresses, VLANs, addresses, protocol and ports, and the same of what
// is inside VXLAN, Geneve, GRE and IP in IP. It is finer than the table's where
// that is cheaper, never coarser. What the programs do not understand as the
// decoder does, and what tells more than its length (SYN, FIN, RST, ICMP, ARP,
// fragments), goes through a ring, a packet at a time.
//
// Counts are exact. There are two maps; while one counts, the other is read, after
// the kernel has told that no program still writes to it. Packets for which there
// is room in neither the map nor the ring are counted as overflow.
//
// # What is seen
//
// Programs run before those that others attached, so that they see what those
// drop, and before the queueing discipline drops what is sent. They change no
// packet. One buffer of the kernel is one packet, as for AF_PACKET; what goes out
// and is split before it is sent counts as what it becomes. On a loopback
// interface only what comes in is counted, which is all.
//
// This package must never decide about a packet, or decode one.
package ebpf
