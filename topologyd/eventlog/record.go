package eventlog

import (
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/wire"
)

// recordVersion is the first byte of every record that is written. Version 1,
// which has neither origin, batch nor flags, is still read.
const recordVersion = 2

// Flag is what the daemon that took an event says of it.
type Flag uint8

// Force tells that the event was judged newer although its time is older,
// because the source's clock was set back.
const Force Flag = 1

// knownFlags are the bits that a reader of this version understands.
const knownFlags = Force

// Head is what a record says of all its events.
type Head struct {
	// At is when the daemon took the events, on its clock.
	At time.Time
	// Revision is that of the daemon's graph before the events.
	Revision uint64
	// Origin is the daemon's run that took the events, Batch the number of the
	// record among those of the run. Both are 0 in records of version 1.
	Origin entity.UUID
	Batch  uint64
}

// Record is one message of the log.
type Record struct {
	Head
	Events []entity.Event
	// Flags are in step with Events; nil: none is set.
	Flags []Flag
}

// Flag returns the flag of an event.
func (r *Record) Flag(i int) Flag {
	if i < len(r.Flags) {
		return r.Flags[i]
	}
	return 0
}

// AppendHeader appends the head of a record of n events, which follow in the
// form of [AppendEvent].
func AppendHeader(b []byte, h *Head, n int) []byte {
	b = append(b, recordVersion)
	b = wire.AppendInt(b, h.At.UnixNano())
	b = wire.AppendUint(b, h.Revision)
	b = wire.AppendUUID(b, h.Origin)
	b = wire.AppendUint(b, h.Batch)
	return wire.AppendUint(b, uint64(n))
}

// AppendEvent appends one event of a record.
func AppendEvent(b []byte, f Flag, e *entity.Event) []byte {
	return wire.AppendEvent(append(b, byte(f)), e)
}

// AppendRecord appends the binary form of a record to b.
func AppendRecord(b []byte, r *Record) []byte {
	b = AppendHeader(b, &r.Head, len(r.Events))
	for i := range r.Events {
		b = AppendEvent(b, r.Flag(i), &r.Events[i])
	}
	return b
}

// DecodeRecord is the reverse of [AppendRecord]; it reads records of version 1
// too. Errors about the content wrap [wire.ErrCorrupt]; a version or a flag
// that is not known does not.
func DecodeRecord(b []byte) (*Record, error) {
	r := wire.NewReader(b)
	head, version, err := readHead(r)
	if err != nil {
		return nil, err
	}
	rec := &Record{Head: head}
	n := r.Count(8)
	rec.Events = make([]entity.Event, 0, min(n, 4096))
	for i := range n {
		var f Flag
		if version > 1 {
			f = Flag(r.Byte())
		}
		if f&^knownFlags != 0 {
			return nil, fmt.Errorf("event %d of a record has the unknown flag %#x; use a newer daemon", i, uint8(f&^knownFlags))
		}
		if f != 0 && rec.Flags == nil {
			rec.Flags = make([]Flag, i, n)
		}
		if rec.Flags != nil {
			rec.Flags = append(rec.Flags, f)
		}
		rec.Events = append(rec.Events, r.Event())
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("decode record: %w", err)
		}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("decode record: %w: %d bytes after its end", wire.ErrCorrupt, r.Len())
	}
	return rec, nil
}
