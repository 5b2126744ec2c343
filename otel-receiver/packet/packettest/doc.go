// Package packettest makes frames for tests: a sample of every layer and tunnel
// that package packet decodes, with what should come out, conversations of TCP,
// UDP and ICMP, and pcap files of them. The frames are serialized by gopacket
// where it can, so that they are not made by the code that they test.
//
// It is for tests only: nothing that is shipped may import it.
package packettest
