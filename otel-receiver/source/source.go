package source

import (
	"context"
	"time"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// TickInterval is how often a worker's Tick is called at least, idle or not, as
// long as the source itself is not behind.
const TickInterval = 100 * time.Millisecond

// Frame is one frame as it was captured. It and its bytes are the source's, and
// valid only during the call of [Worker.Frame]; a worker changes neither.
type Frame struct {
	// Data is what was captured of the frame, its VLAN tags in place. It may be
	// empty.
	Data []byte
	// Wire is the frame's length on the wire in bytes, never less than len(Data).
	// What the kernel or a network card has put together from several frames
	// (GRO, GSO, LRO), or has yet to take apart, counts as one frame, longer than
	// the MTU: up to 64 KiB and, with BIG TCP, beyond.
	Wire int
	// Time is when the frame was captured, in Unix nanoseconds.
	Time int64
	// Link is what the frame begins with.
	Link packet.LinkType
	// Outgoing is set for frames that this host itself sent on the interface. A
	// file or a stream seldom tells.
	Outgoing bool
	// Weight is how many packets the frame stands for, where the source samples; 0
	// is 1.
	Weight uint32
}

// Bulk is what a source counted itself of one conversation since it was last
// told: packets that have all headers that tell flows apart in common with a
// sample. It and its bytes are the source's, and valid only during the call of
// [BulkWorker.Bulk].
type Bulk struct {
	// Sample is the frame of one of the packets, the first that was seen: its Time
	// is when, its Outgoing where it was going, its Wire its own length. Its Data
	// holds at least the headers.
	Sample Frame
	// Same counts the packets that went the way of Sample, which is one of them,
	// Reverse the answers. They are scaled when the source samples: Sample.Weight is
	// the rate.
	Same, Reverse BulkCount
}

// BulkCount counts packets of one direction.
type BulkCount struct {
	Packets, Bytes uint64
	// First and Last are the times of the first and the last one, Unix nanoseconds,
	// 0 when there is none.
	First, Last int64
}

// BulkWorker is a [Worker] that also takes what a source counted itself.
type BulkWorker interface {
	Worker
	// Bulk is called as Frame is.
	Bulk(b *Bulk)
}

// Sampler is a [Source] that can look at less than all frames.
type Sampler interface {
	// SetSampling has the source count one frame of n, chosen at random, from now
	// on; frames carry n as their Weight. It may be called at any time, by any
	// goroutine. 1 ends sampling.
	SetSampling(n uint32) error
}

// Matcher is a filter that a source applies itself: data are the captured bytes
// of a frame, wire its length on the wire.
type Matcher interface {
	Matches(data []byte, wire int) bool
}

// Worker takes a share of a source's frames. Its methods are never called at the
// same time, so that what it owns needs no lock.
type Worker interface {
	// Frame takes a frame.
	Frame(f *Frame)
	// Tick tells the time in Unix nanoseconds, about every TickInterval and also
	// when no frames come. Frames after a Tick may be a little older than now. For
	// a file it is the time of the file, not of the day, and it goes back when
	// another file or stream begins earlier.
	Tick(now int64)
}

// Source is where frames come from.
type Source interface {
	// Run hands frames to the workers until ctx ends (its result is then nil) or
	// the source does: nil at the end of a file, an error when an interface is no
	// more or a worker panicked ([*PanicError]). All calls of workers are over when
	// it returns. How frames are spread over several workers is the source's
	// matter, but the two directions of a conversation meet in one worker. Run is
	// called once.
	Run(ctx context.Context, workers []Worker) error
	// Stats may be called at any time, by several goroutines.
	Stats() Stats
}

// Stats counts what a source has seen since it was made. What a source cannot
// know stays 0.
type Stats struct {
	// Received counts the frames handed to workers, Bytes their wire lengths.
	Received, Bytes uint64
	// Dropped counts frames that passed the filter and were lost, because workers
	// were too slow for the kernel's ring.
	Dropped uint64
	// Freezes counts how often the kernel found the ring full.
	Freezes uint64
	// Filtered counts frames that a filter applied by the source itself refused.
	// Those that the kernel's filter refuses are not counted by anybody.
	Filtered uint64
	// Truncated counts frames of which not all was captured (snap length). They
	// are received all the same.
	Truncated uint64
	// Malformed counts frames, files and streams that ended early or were not what
	// they claimed to be.
	Malformed uint64
	// Opened counts how often the source was opened: more than 1 when the
	// interface, or the stream's sender, came back.
	Opened uint64
	// Refused counts streams that were turned away, because there were too many.
	Refused uint64
	// Panics counts workers that panicked.
	Panics uint64
	// Overflow counts packets and bytes that a source which counts itself had no
	// room for: no flow tells of them.
	Overflow, OverflowBytes uint64
	// CPU is the time that the source and its workers have used, in the kernel on
	// their behalf where that can be told. Memory is what is held now, in bytes,
	// rings and maps.
	CPU    time.Duration
	Memory uint64
}
