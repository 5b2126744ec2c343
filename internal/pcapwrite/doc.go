// Package pcapwrite writes captures in the formats pcap with nanoseconds
// (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), little-endian,
// for files and for streams that are read while they grow.
//
// Every record is written with one Write, so that who reads along never waits
// for the rest of one. The package believes nothing that it is given: texts are
// made valid UTF-8 without control characters and cut, lengths are checked, and
// what a format cannot say is an error, not a wrong file. It must never look
// into packets.
package pcapwrite
