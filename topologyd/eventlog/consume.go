package eventlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// consume makes an ordered consumer of a stream and calls fn for each message
// until fn, the connection or the server fails, or ctx ends; it always returns
// an error. begin, when it is not nil, is told first how many messages are
// there to be delivered.
//
// Pulls are small, so that records of several hundred kB do not pile up, and a
// server that says nothing for two heartbeats counts as lost.
func (l *Log) consume(
	ctx context.Context, stream string, cfg jetstream.ConsumerConfig,
	begin func(pending uint64) error, fn func(jetstream.Msg, *jetstream.MsgMetadata) error,
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
	if begin != nil {
		if err := begin(consumer.CachedInfo().NumPending); err != nil {
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
	for delivered := uint64(1); ; delivered++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read event log: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read event log: %w", err)
		}
		if meta.Sequence.Consumer != delivered {
			return fmt.Errorf("read event log: delivery %d is missing", delivered)
		}
		if err := fn(msg, meta); err != nil {
			return err
		}
	}
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
