// Package packets collects the packets that captures keep on their hosts, and
// writes them as pcap, pcapng or JSON: a [Service] asks the hosts of a capture,
// merges what they answer by time, and follows what comes.
//
// What a host sends is not believed: packets that nobody asked for, and those
// that cannot be, are refused and counted, and a host that sends too much is cut
// off. Memory is bounded by the number of hosts, whatever they keep. The package
// must never store a packet, and never hand one out of which the audit log does
// not know.
package packets
