package eventlog

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Trim drops the records before the one with the number first, as retention
// does when they are too old.
func (l *Log) Trim(ctx context.Context, first uint64) error {
	if err := l.Ready(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, l.cfg.streamName())
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSequence(first))
	}
	if err != nil {
		return fmt.Errorf("trim event log: %w", err)
	}
	return nil
}
