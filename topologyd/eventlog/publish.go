package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// When a message reaches followers (nats-server 2.15.2). With one replica,
// stream.processJetStreamMsg stores the message before it confirms it and wakes
// consumers, and fileStore.StoreMsg holds the store's lock until
// flushPendingMsgsLocked has written and, with SyncAlways, synced the block;
// fileStore.LoadNextMsg takes the same lock and stops at LastSeq, which is set
// after that. With several replicas, raft.sendAppendEntryLocked stores an entry
// in the leader's log, synced with SyncAlways (createRaftGroup), before it is
// sent; followers confirm after they stored it, and only what a majority
// stored is applied to the stream, confirmed and delivered. So whoever follows
// never sees what a crash could take back, beyond what Batched allows.

// publisher sends records one after the other, several at a time in flight.
//
// A record whose confirmation is missing is sent again, under an ID by which
// the stream recognizes it, but only while no later one is confirmed: confirmed
// records are numbered in the order in which they were published. (The one
// exception: a later record was stored and its confirmation got lost as well.
// Then the order changes; the batch numbers in the records tell.)
type publisher struct {
	l       *Log
	subject string
	inbox   string // replies arrive below it
	prefix  string // begins the IDs of this run
	wake    chan struct{}

	mu    sync.Mutex
	items []*pending // in order; the first ones are in flight
	bytes int64
	next  uint64
	// careful: up to this number records are sent one at a time, since something
	// went wrong with them.
	careful uint64
	ended   bool
	refuse  error // why nothing is taken just now
}

// pending is a record that is not confirmed yet.
type pending struct {
	number   uint64 // its ID among those of this run
	data     []byte
	size     int  // as it came
	packed   bool // data is the message; only the goroutine that sends knows
	done     func(uint64, error)
	deadline time.Time
	sent     time.Time // of the try that runs; zero: to be sent
	again    time.Time // not to be sent before
	tries    int
	why      error // the last try failed

	resolved bool
	seq      uint64 // of the result
	err      error
}

// Bounds of what is in flight and between tries.
const (
	flightBytes = 16 << 20
	retryEvery  = 50 * time.Millisecond
)

func newPublisher(l *Log) *publisher {
	return &publisher{
		l: l, subject: l.cfg.subject("events"), inbox: nats.NewInbox(), prefix: rand.Text()[:12] + "-", wake: make(chan struct{}, 1),
	}
}

// Publish hands a record over to be stored; it belongs to the log until done
// is called. Records are stored in the order of the calls. done is called
// exactly once, within [Config.Timeout] and from another goroutine, with the
// record's number in the log, from 1 upward, or with an error; it must not
// block. After an error that wraps [ErrTimeout] or [ErrClosed] the record may be
// stored all the same. Publish itself fails, and never calls done, when the
// queue is full ([ErrFull]), the log is closed ([ErrClosed]) or cannot be
// written, or the record is empty or too long.
func (l *Log) Publish(record []byte, done func(number uint64, err error)) error {
	if len(record) == 0 || len(record) > MaxRecord {
		return fmt.Errorf("append to event log: a record of %d bytes; 1 to %d are possible", len(record), MaxRecord)
	}
	return l.pub.add(record, done)
}

// add queues a record, which may be empty here.
func (p *publisher) add(record []byte, done func(number uint64, err error)) error {
	l := p.l
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return ErrClosed
	}
	if p.refuse != nil {
		return p.refuse
	}
	if n := len(p.items); n >= l.cfg.Queue || n > 0 && p.bytes+int64(len(record)) > l.cfg.QueueBytes {
		return ErrFull
	}
	p.next++
	p.items = append(p.items, &pending{number: p.next, data: record, size: len(record), done: done, deadline: time.Now().Add(l.cfg.Timeout)})
	p.bytes += int64(len(record))
	p.kick()
	return nil
}

// Append stores a record and returns its number in the log, from 1 upward.
func (l *Log) Append(ctx context.Context, record []byte) (uint64, error) {
	if len(record) == 0 {
		return 0, errors.New("append to event log: an empty record")
	}
	return l.append(ctx, record)
}

func (l *Log) append(ctx context.Context, record []byte) (uint64, error) {
	type result struct {
		number uint64
		err    error
	}
	c := make(chan result, 1)
	if err := l.pub.add(record, func(n uint64, err error) { c <- result{n, err} }); err != nil {
		return 0, err
	}
	select {
	case r := <-c:
		return r.number, r.err
	case <-ctx.Done():
		return 0, fmt.Errorf("append to event log: %w", ctx.Err())
	}
}

func (p *publisher) kick() {
	if p == nil {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *publisher) subscribe() error {
	sub, err := p.l.conn.Subscribe(p.inbox+".*", p.reply)
	if err == nil {
		err = sub.SetPendingLimits(-1, -1) // bounded by what is in flight
	}
	if err != nil {
		return fmt.Errorf("connect to event log: %w", err)
	}
	return nil
}

// run sends until ctx ends.
func (p *publisher) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	ready, open := p.l.ready, false
	for {
		select {
		case <-ctx.Done():
			p.end()
			return
		case <-ready:
			ready, open = nil, true
		case <-p.wake:
		case <-timer.C:
		}
		p.deliver(time.Now())
		wait := time.Minute
		if open {
			wait = p.send(time.Now())
		}
		timer.Reset(max(min(wait, p.untilDeadline()), time.Millisecond))
	}
}

// deliver calls done for the records that are settled, in order.
func (p *publisher) deliver(now time.Time) {
	p.mu.Lock()
	why := p.l.why
	var out []*pending
	kept := p.items[:0]
	for _, it := range p.items {
		if !it.resolved && !now.Before(it.deadline) {
			it.resolved = true
			it.err = fmt.Errorf("%w, %v: %w", ErrTimeout, p.l.cfg.Timeout, why())
			if it.why != nil {
				it.err = fmt.Errorf("%w (last try: %w)", it.err, it.why)
			}
		}
		if it.resolved {
			out = append(out, it)
			p.bytes -= int64(it.size)
		} else {
			kept = append(kept, it)
		}
	}
	clear(p.items[len(kept):])
	p.items = kept
	if len(kept) == 0 || kept[0].number > p.careful {
		p.careful = 0
	}
	p.mu.Unlock()
	for _, it := range out {
		it.done(it.seq, it.err)
	}
}

// untilDeadline returns when the next record will have waited too long.
func (p *publisher) untilDeadline() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.items) == 0 {
		return time.Minute
	}
	return time.Until(p.items[0].deadline)
}

// send sends what is due and returns how long nothing else will be.
func (p *publisher) send(now time.Time) (wait time.Duration) {
	due, wait := p.due(now)
	for i, it := range due {
		if !it.packed {
			it.data, it.packed = pack(it.data), true
		}
		err := p.l.conn.PublishMsg(&nats.Msg{
			Subject: p.subject, Reply: p.inbox + "." + strconv.FormatUint(it.number, 36), Data: it.data,
			Header: nats.Header{jetstream.MsgIDHeader: []string{p.prefix + strconv.FormatUint(it.number, 36)}},
		})
		if err != nil {
			p.mu.Lock()
			for _, rest := range due[i:] {
				p.retry(rest, err)
			}
			p.mu.Unlock()
			return retryEvery
		}
	}
	return wait
}

// due marks the records that are to be sent now as sent.
func (p *publisher) due(now time.Time) (due []*pending, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait = time.Minute
	for _, it := range p.items { // what got no answer
		if limit := p.patience(it); !it.sent.IsZero() && !it.resolved && limit > 0 {
			if left := it.sent.Add(limit).Sub(now); left <= 0 {
				p.retry(it, errors.New("no answer"))
			} else {
				wait = min(wait, left)
			}
		}
	}
	window, room := p.l.cfg.InFlight, int64(flightBytes)
	if p.careful > 0 {
		window = 1
	}
	for i, it := range p.items {
		if i >= window || i > 0 && room < int64(it.size) {
			break
		}
		room -= int64(it.size)
		if it.resolved || !it.sent.IsZero() {
			continue
		}
		if left := it.again.Sub(now); left > 0 {
			return due, min(wait, left)
		}
		it.sent = now
		it.tries++
		due = append(due, it)
	}
	return due, wait
}

// patience is how long a try may take before the next one. Alone there is
// nobody who could lose a record but a server that ends, and that is noticed.
func (p *publisher) patience(it *pending) time.Duration {
	if p.l.cfg.mode() == Single {
		return 0
	}
	return p.l.cfg.Timeout / 5 * time.Duration(min(it.tries, 4))
}
