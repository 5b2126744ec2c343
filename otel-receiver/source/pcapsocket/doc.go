// Package pcapsocket takes captures that others send as a stream over TCP, for
// example `tcpdump -U -w - | nc HOST 8100`: pcap and pcapng, plain or compressed
// by gzip.
//
// Each worker takes one stream at a time; a stream that finds no free worker is
// turned away. The times of frames are as sent, or moved so that a stream's
// first frame comes now, its spacing kept.
//
// There is no authentication: whoever can connect can make up flows. Listen on
// loopback, or let a proxy see to who may send. A stream cannot do more than
// that: its records, its silence and its time are bounded.
package pcapsocket
