package eventlog

import (
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/wire"
)

// recordVersion is the first byte of every record.
const recordVersion = 1

// Record is one message of the log.
type Record struct {
	// At is when the daemon took the events, on its clock.
	At time.Time
	// Revision is that of the graph before the events.
	Revision uint64
	Events   []entity.Event
}

// AppendHead appends the head of a record of n events, which follow in the
// form of [wire.AppendEvent].
func AppendHead(b []byte, at time.Time, revision uint64, n int) []byte {
	b = append(b, recordVersion)
	b = wire.AppendInt(b, at.UnixNano())
	b = wire.AppendUint(b, revision)
	return wire.AppendUint(b, uint64(n))
}

// AppendRecord appends the binary form of a record to b.
func AppendRecord(b []byte, r *Record) []byte {
	b = AppendHead(b, r.At, r.Revision, len(r.Events))
	for i := range r.Events {
		b = wire.AppendEvent(b, &r.Events[i])
	}
	return b
}

// DecodeRecord is the reverse of [AppendRecord].
func DecodeRecord(b []byte) (*Record, error) {
	r := wire.NewReader(b)
	if v := r.Byte(); r.Err() == nil && v != recordVersion {
		return nil, fmt.Errorf("record of version %d: this daemon reads version %d; use a newer one", v, recordVersion)
	}
	rec := &Record{At: time.Unix(0, r.Int()), Revision: r.Uint()}
	n := r.Count(8)
	rec.Events = make([]entity.Event, 0, min(n, 4096))
	for range n {
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
