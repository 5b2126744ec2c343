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
	// Data is nil when there is no record: the entry only tells that the log goes
	// up to Number, and that what is Missing is gone.
	Data []byte
	// Missing is how many records between the one before and this one are gone:
	// dropped by retention, or lost with a damaged file. Without Data the one of
	// this number counts too.
	Missing uint64
	// Pending is how many records were after this one when it was delivered. It
	// is 0 for the newest, but may stay above the truth once some cannot be read:
	// who waits for the end of the log compares Number with [Log.Bounds].
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
// returns), fn fails, or a message is no record. It gets over lost connections, changes of the leader
// and times without a majority. Records are delivered when they are stored as
// durably as configured, not before. What was lost is told by [Entry.Missing].
//
// When the log ends before after, because a crash took its end and the caller
// knows more than what is left, a log alone goes on with the numbers that
// follow after; in the other modes Follow ends with a [*RewoundError], since
// others may have seen something else by these numbers.
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
		case errors.As(err, &rewound) && f.lasts():
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
	at     uint64 // number of the last entry delivered
	void   uint64 // number of the last record seen, when it was empty
	last   uint64 // number of the last record when the reading began
	fn     func(Entry) error
	failed error     // what another try cannot overcome
	behind time.Time // since when the log ends before at
	silent bool      // whether the log went on when nothing came the last time
}

// behindFor is how long the log of several servers has to end before what was
// delivered until it counts as rewound: a leader that has just begun may not
// have applied all that it stored.
const behindFor = 12 * time.Second

// lasts tells whether the log has been behind for long enough.
func (f *follower) lasts() bool {
	if f.l.cfg.mode() == Single {
		return true
	}
	if f.behind.IsZero() {
		f.behind = time.Now()
	}
	return time.Since(f.behind) >= behindFor
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
	f.last = info.State.LastSeq
	if f.at > f.last {
		if l.cfg.mode() != Single {
			return &RewoundError{After: f.at, Last: f.last}
		}
		if err := l.skipTo(ctx, f.at); err != nil {
			return err
		}
	}
	f.behind, f.silent = time.Time{}, false
	return l.consume(ctx, l.cfg.streamName(), jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.at + 1,
	}, &reading{message: f.take, idle: f.idle})
}

// take takes one message.
func (f *follower) take(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
	e := Entry{Number: meta.Sequence.Stream, Pending: meta.NumPending}
	if e.Number <= f.at {
		return fmt.Errorf("record %d comes after %d", e.Number, f.at)
	}
	var err error
	f.silent = false
	if e.Data, err = unpack(msg.Data()); err != nil {
		f.failed = fmt.Errorf("record %d of the event log: %w", e.Number, err)
		return f.failed
	}
	if len(e.Data) > 0 {
		return f.deliver(e)
	}
	f.void = e.Number // told with the next one
	if e.Pending == 0 || e.Number >= f.last {
		return f.deliver(Entry{Number: e.Number, Pending: e.Pending})
	}
	return nil
}

// idle is called when nothing came for a while. Records that cannot be read
// any more are passed over by the server; at the end of the log nothing follows
// that would tell.
func (f *follower) idle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if max(f.at, f.void) >= f.last {
		return f.heard(ctx)
	}
	stream, err := f.l.js.Stream(ctx, f.l.cfg.streamName())
	if err != nil {
		return fmt.Errorf("read event log: %w", err)
	}
	_, err = stream.GetMsg(ctx, max(f.at, f.void)+1, jetstream.WithGetMsgSubject(f.l.cfg.subject("events")))
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.As(err, &api) && api.Code < 500 {
		return f.deliver(Entry{Number: f.last})
	}
	return nil
}

// heard ends the reading when the log goes on and nothing of it comes: the server
// that holds the consumer may wait for a copy of the log that it does not get,
// after a cut for example, and says that it is alive. Another consumer may be
// held by another server.
func (f *follower) heard(ctx context.Context) error {
	info, err := f.l.info(ctx)
	if err != nil || info.State.LastSeq <= max(f.at, f.void) {
		f.silent = false
		return nil //nolint:nilerr // without an answer nothing is known
	}
	if !f.silent {
		f.silent = true
		return nil
	}
	f.silent = false
	return fmt.Errorf("the event log has record %d, and nothing after %d is delivered", info.State.LastSeq, f.at)
}

func (f *follower) deliver(e Entry) error {
	e.Missing = e.Number - f.at
	if e.Data != nil {
		e.Missing--
	}
	if e.Missing > 0 {
		f.l.log.Warn("records of the event log are gone", "after", f.at, "missing", e.Missing)
	}
	if err := f.fn(e); err != nil {
		f.failed = fmt.Errorf("record %d of the event log: %w", e.Number, err)
		return f.failed
	}
	f.at = e.Number
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
		if e.Data != nil {
			if err := fn(e.Number, e.Data); err != nil {
				return err
			}
		}
		if e.Number >= last {
			return errEnd
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}
