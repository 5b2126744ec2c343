package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Durability says when Append returns.
type Durability string

// The durabilities of the log.
const (
	// Sync: the record is on the disk (fsync).
	Sync Durability = "sync"
	// Batched: the record is written; a crash of the machine, not of the daemon,
	// can lose what was written within the last [Config.SyncInterval].
	Batched Durability = "batched"
)

// Config says where the log is and how much of it is kept.
type Config struct {
	// Dir holds the files; it is made if need be.
	Dir          string
	Durability   Durability
	SyncInterval time.Duration
	// MaxAge and MaxBytes bound what is kept; the oldest records go first.
	MaxAge   time.Duration
	MaxBytes int64
	// Timeout bounds how long Append waits for the log.
	Timeout time.Duration
}

// DefaultConfig returns a synchronous log of 7 days and 10 GB.
func DefaultConfig(dir string) Config {
	return Config{
		Dir: dir, Durability: Sync, SyncInterval: 200 * time.Millisecond,
		MaxAge: 7 * 24 * time.Hour, MaxBytes: 10 << 30, Timeout: 10 * time.Second,
	}
}

// MaxRecord is the longest record that Append takes, in bytes.
const MaxRecord = 8<<20 - 1024

const (
	streamName = "SKEIN_EVENTS"
	subject    = "skein.events"
)

// Log is an open event log. Append may be called from one goroutine at a time,
// the other methods from any.
type Log struct {
	cfg    Config
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	lock   *os.File
}

// Open opens the log in a directory, which it locks against other processes.
func Open(ctx context.Context, cfg Config, logger *slog.Logger) (*Log, error) {
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data directory: %w; give one that can be written with --data-dir", err)
	}
	l := &Log{cfg: cfg}
	if err := l.open(ctx, logger); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Log) open(ctx context.Context, logger *slog.Logger) (err error) {
	if l.lock, err = lockFile(filepath.Join(l.cfg.Dir, "lock")); err != nil {
		return err
	}
	l.server, err = server.NewServer(&server.Options{
		ServerName: "topologyd", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: l.cfg.Dir, JetStreamMaxStore: l.cfg.MaxBytes + l.cfg.MaxBytes/4, MaxPayload: MaxRecord + 1024,
		SyncAlways: l.cfg.Durability == Sync, SyncInterval: l.cfg.SyncInterval,
	})
	if err != nil {
		return fmt.Errorf("set up event log: %w", err)
	}
	l.server.SetLogger(&natsLogger{logger}, false, false)
	l.server.Start()
	if !l.server.ReadyForConnections(l.cfg.Timeout) {
		return fmt.Errorf("start event log: not ready within %v; see the log for the reason", l.cfg.Timeout)
	}
	if l.conn, err = nats.Connect("", nats.InProcessServer(l.server)); err != nil {
		return fmt.Errorf("connect to event log: %w", err)
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		return fmt.Errorf("connect to event log: %w", err)
	}
	l.stream, err = l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subject}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: l.cfg.MaxAge, MaxBytes: l.cfg.MaxBytes,
	})
	if err != nil {
		return fmt.Errorf("open event stream: %w", err)
	}
	return nil
}

// Append stores a record and returns its number in the log, from 1 upward.
func (l *Log) Append(ctx context.Context, record []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	ack, err := l.js.Publish(ctx, subject, record)
	if err != nil {
		return 0, fmt.Errorf("append to event log: %w", err)
	}
	return ack.Sequence, nil
}

// Replay calls fn for every record after the number given, in order, up to the
// last that is there when it is called. When records between after and the
// first one left were dropped by retention, replay starts with that one.
func (l *Log) Replay(ctx context.Context, after uint64, fn func(number uint64, record []byte) error) error {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read event log: %w", err)
	}
	last := info.State.LastSeq
	if info.State.Msgs == 0 || after >= last {
		return nil
	}
	consumer, err := l.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(after+1, info.State.FirstSeq),
	})
	if err != nil {
		return fmt.Errorf("read event log: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read event log: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read event log: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read event log: %w", err)
		}
		if err := fn(meta.Sequence.Stream, msg.Data()); err != nil {
			return fmt.Errorf("record %d of the event log: %w", meta.Sequence.Stream, err)
		}
		if meta.Sequence.Stream >= last {
			return nil
		}
	}
}

// Size tells how many records the log holds and how many bytes they take.
func (l *Log) Size(ctx context.Context) (records, bytes uint64, err error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read event log: %w", err)
	}
	return info.State.Msgs, info.State.Bytes, nil
}

// Close closes the log. It is safe on a log that is open only in part, and
// more than once.
func (l *Log) Close() error {
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
	if l.lock == nil {
		return nil
	}
	err := l.lock.Close()
	l.lock = nil
	if err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}

// natsLogger passes the server's messages on. Its notices are details to us.
type natsLogger struct{ log *slog.Logger }

func (n *natsLogger) Noticef(format string, v ...any) { n.log.Debug(fmt.Sprintf(format, v...)) }
func (n *natsLogger) Warnf(format string, v ...any)   { n.log.Warn(fmt.Sprintf(format, v...)) }
func (n *natsLogger) Errorf(format string, v ...any)  { n.log.Error(fmt.Sprintf(format, v...)) }
func (n *natsLogger) Fatalf(format string, v ...any)  { n.log.Error(fmt.Sprintf(format, v...)) }
func (n *natsLogger) Debugf(string, ...any)           {}
func (n *natsLogger) Tracef(string, ...any)           {}
