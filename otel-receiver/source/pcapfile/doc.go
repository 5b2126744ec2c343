// Package pcapfile replays captures from files: pcap and pcapng, plain or
// compressed by gzip.
//
// The time that the worker is told is the file's, so that flows begin, are
// reported and expire as they did then, however fast the file is read. A gap in
// the file passes in steps.
//
// This package must never write a file or keep a frame.
package pcapfile
