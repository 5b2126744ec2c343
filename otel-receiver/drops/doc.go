// Package drops says why the kernel of this host dropped packets of a flow: how
// many, by the reasons that the kernel gives (enum skb_drop_reason,
// include/net/dropreason-core.h).
//
// A program of eBPF at the tracepoint skb:kfree_skb counts packets of IP by their
// addresses, ports and reason; once a second the counts are read and kept by
// conversation. The names of the reasons are those of the running kernel.
//
// It must never take a packet for lost that was not: copies for packet sockets and
// packets for other hosts are left out. And it must never cost a host that drops
// a lot: what it looks at in a second is bounded, and beyond that it samples and
// says so.
package drops
