package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Entry is one record as it is followed.
type Entry struct {
	// Number of the record; numbers grow, mostly by 1.
	Number uint64
	Data   []byte
	// Missing is how many records between the one before and this one are gone:
	// dropped by retention, or lost with a damaged file.
	Missing uint64
	// Pending is how many records were after this one when it was delivered; 0:
	// it was the newest.
	Pending uint64
}

// RewoundError ends a Follow: the log ends before the record after which it was
// to begin or go on. What the caller knows is not what the log holds, for
// example because a crash took the end of a Batched log, or somebody made the
// stream anew.
type RewoundError struct{ After, Last uint64 }

func (e *RewoundError) Error() string {
	return fmt.Sprintf("follow event log: it ends with record %d, before %d", e.Last, e.After)
}

// A pull of so many records, or so many bytes, is under way at a time.
const (
	pullRecords = 128
	pullBytes   = 12 << 20 // more than the longest record
	pullBeat    = time.Second
	pullExpiry  = 20 * time.Second
)

// requestTimeout bounds one request of a follower: one that gets lost while the
// server changes is asked again.
const requestTimeout = 2 * time.Second

// Follow calls fn for every record after the one with the number after, in
// order, those of this daemon too, and goes on until ctx ends (whose error it
// returns) or fn fails. It gets over lost connections, changes of the leader
// and times without a majority. Records are delivered when they are stored as
// durably as configured, not before. It ends with a [*RewoundError] when the
// log ends before after.
func (l *Log) Follow(ctx context.Context, after uint64, fn func(Entry) error) error {
	f := follower{l: l, at: after, fn: fn}
	for wait := time.Duration(0); ; wait = min(max(2*wait, 50*time.Millisecond), time.Second) {
		if wait > 0 && !sleep(ctx, wait) {
			break
		}
		if err := l.Ready(ctx); err != nil {
			break
		}
		before := f.at
		err := f.follow(ctx)
		var rewound *RewoundError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case f.failed != nil:
			return f.failed
		case errors.As(err, &rewound):
			return err
		}
		if f.at != before {
			wait = 0
		}
		l.log.Debug("following the event log was interrupted", "after", f.at, "error", err)
	}
	return ctx.Err()
}

// follower is one Follow.
type follower struct {
	l      *Log
	at     uint64 // number of the last record delivered
	fn     func(Entry) error
	failed error // of fn
}

// follow reads until something fails.
func (f *follower) follow(ctx context.Context) error {
	l := f.l
	short, cancel := context.WithTimeout(ctx, min(l.cfg.Timeout, requestTimeout))
	defer cancel()
	info, err := l.info(short)
	if err != nil {
		return err
	}
	if f.at > info.State.LastSeq {
		return &RewoundError{After: f.at, Last: info.State.LastSeq}
	}
	return l.consume(ctx, l.cfg.streamName(), jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.at + 1,
	}, nil, f.deliver)
}

func (f *follower) deliver(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
	number := meta.Sequence.Stream
	if number <= f.at {
		return fmt.Errorf("record %d comes after %d", number, f.at)
	}
	e := Entry{Number: number, Data: msg.Data(), Missing: number - f.at - 1, Pending: meta.NumPending}
	if e.Missing > 0 {
		f.l.log.Warn("records of the event log are gone", "after", f.at, "missing", e.Missing)
	}
	if err := f.fn(e); err != nil {
		f.failed = fmt.Errorf("record %d of the event log: %w", e.Number, err)
		return f.failed
	}
	f.at = number
	return nil
}

// errEnd ends a Replay.
var errEnd = errors.New("end of the log")

// Replay calls fn for every record after the number given, in order, up to the
// last that is there when it is called.
func (l *Log) Replay(ctx context.Context, after uint64, fn func(number uint64, record []byte) error) error {
	_, last, _, err := l.Bounds(ctx)
	if err != nil {
		return err
	}
	if after >= last {
		return nil
	}
	err = l.Follow(ctx, after, func(e Entry) error {
		if err := fn(e.Number, e.Data); err != nil {
			return err
		}
		if e.Number >= last || e.Pending == 0 {
			return errEnd
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}
