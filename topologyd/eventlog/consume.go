package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// reading is what happens while a stream is consumed; all but message may be
// nil. An error of any of them ends it.
type reading struct {
	// begin is told first how many messages are there to be delivered.
	begin func(pending uint64) error
	// message takes one, in order.
	message func(jetstream.Msg, *jetstream.MsgMetadata) error
	// idle is called when no message came for a while, and again every idleAgain
	// as long as none does.
	idle func(context.Context) error
}

// idleAfter is how long nothing has to come for reading.idle.
const (
	idleAfter = time.Second
	idleAgain = 5 * time.Second
)

// consume makes an ordered consumer of a stream and reads until something
// fails, or ctx ends; it always returns an error.
//
// Pulls are small, so that records of several hundred kB do not pile up, and a
// server that says nothing for two heartbeats counts as lost.
func (l *Log) consume(
	ctx context.Context, stream string, cfg jetstream.ConsumerConfig,
	r *reading,
) error {
	cfg.Name = "skein_" + rand.Text()
	cfg.AckPolicy, cfg.MemoryStorage, cfg.Replicas = jetstream.AckNonePolicy, true, 1
	cfg.InactiveThreshold = time.Minute
	short, cancel := context.WithTimeout(ctx, min(l.cfg.Timeout, requestTimeout))
	defer cancel()
	consumer, err := l.js.CreateConsumer(short, stream, cfg)
	if err != nil {
		return fmt.Errorf("read event log: %w", err)
	}
	defer l.removeConsumer(stream, cfg.Name)
	if r.begin != nil {
		if err := r.begin(consumer.CachedInfo().NumPending); err != nil {
			return err
		}
	}
	messages, err := consumer.Messages(
		jetstream.PullMaxMessagesWithBytesLimit(pullRecords, pullBytes),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullBeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("read event log: %w", err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)() // next may be waiting without it
	for delivered := uint64(1); ; delivered++ {
		msg, err := r.next(ctx, messages)
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read event log: %w", err)
		}
		if meta.Sequence.Consumer != delivered {
			return fmt.Errorf("read event log: delivery %d is missing", delivered)
		}
		if err := r.message(msg, meta); err != nil {
			return err
		}
	}
}

// next waits for the next message.
func (r *reading) next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	for wait := idleAfter; r.idle != nil; wait = idleAgain {
		short, cancel := context.WithTimeout(ctx, wait)
		msg, err := messages.Next(jetstream.NextContext(short))
		cancel()
		switch {
		case err == nil:
			return msg, nil
		case !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
			return nil, fmt.Errorf("read event log: %w", err)
		}
		if err := r.idle(ctx); err != nil {
			return nil, err
		}
	}
	msg, err := messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("read event log: %w", err)
	}
	return msg, nil
}

// removeConsumer deletes a consumer; one that stays goes by itself within a
// minute.
func (l *Log) removeConsumer(stream, name string) {
	if !l.conn.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := l.js.DeleteConsumer(ctx, stream, name); err != nil {
		l.log.Debug("remove consumer", "error", err)
	}
}
