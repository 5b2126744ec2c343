package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of the log.
var (
	// ErrClosed: the log is closed.
	ErrClosed = errShut
	// ErrFull: too many records wait to be stored.
	ErrFull = errors.New("too many records wait for the event log")
	// ErrTimeout: the log did not confirm a record in time; it may or may not be
	// stored.
	ErrTimeout = errors.New("the event log did not answer in time")
)

// Log is an open event log. Its methods may be called from any goroutine.
type Log struct {
	cfg  Config
	log  *slog.Logger
	srv  *embedded // nil: the server is somebody else's
	conn *nats.Conn
	js   jetstream.JetStream
	lock *os.File
	pub  *publisher

	ready  chan struct{} // closed when the stream was opened for the first time
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	id      string
	problem error // why the log does not work just now
	closed  bool
}

// Open opens the log and locks its directory against other processes. Alone it
// returns when the log can be used. In the other modes it does not wait for
// anybody: the stream is opened, and made if need be, in the background, and
// what needs it waits (see [Log.Ready]).
func Open(ctx context.Context, cfg Config, logger *slog.Logger) (*Log, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data directory: %w; give one that can be written with --data-dir", err)
	}
	l := &Log{cfg: cfg, log: logger, ready: make(chan struct{}), problem: errors.New("the event stream is being opened")}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Log) open(ctx context.Context) (err error) {
	if l.lock, err = lockFile(filepath.Join(l.cfg.Dir, "lock")); err != nil {
		return err
	}
	written := uint64(0)
	if l.cfg.mode() == Single { // in a cluster the others have what is damaged here
		if err := l.salvage(); err != nil {
			l.log.Warn("damage in the event log stays as it is", "error", err)
		}
		written = lastOnDisk(l.cfg.Dir, l.cfg.streamName(), l.cfg.subject("events"))
	}
	if l.cfg.mode() != Outside {
		if l.srv, err = newEmbedded(&l.cfg, l.log); err != nil {
			return err
		}
		if err = l.srv.start(); err != nil {
			return err
		}
	}
	if err = l.connect(); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	if l.cfg.mode() == Single {
		if err = l.openStream(ctx); err != nil {
			return err
		}
		l.setProblem(nil)
		close(l.ready)
	} else {
		l.work.Go(func() { l.awaitStream(run) })
	}
	l.pub = newPublisher(l)
	if err = l.pub.subscribe(); err != nil {
		return err
	}
	l.work.Go(func() { l.pub.run(run) })
	if l.srv != nil {
		l.work.Go(func() { l.mend(run) })
	}
	if written == 0 {
		return nil
	}
	var rewound *RewoundError
	if err := l.skipTo(ctx, written); errors.As(err, &rewound) {
		l.log.Warn("the newest file of the event log makes no sense; going on after what can be read of it", "error", err)
	} else if err != nil {
		return err
	}
	return nil
}

// connect connects to the server, in the background when it is far away.
func (l *Log) connect() (err error) {
	opts := []nats.Option{
		nats.Name("topologyd"), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 200*time.Millisecond),
		nats.ReconnectBufSize(-1), // the publisher sends again itself, in order
		nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.disconnected(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { l.pub.kick() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.log.Warn("event log connection", "error", err)
		}),
	}
	url := ""
	if l.srv != nil {
		opts = append(opts, nats.InProcessServer(l.srv), nats.UserInfo(l.srv.opts.Username, l.srv.opts.Password))
	} else {
		x := &l.cfg.External
		url = strings.Join(x.URLs, ",")
		opts = append(opts, nats.RetryOnFailedConnect(true))
		if x.Credentials != "" {
			opts = append(opts, nats.UserCredentials(x.Credentials))
		}
		if x.CA+x.Cert+x.Key != "" {
			t, err := tlsConfig(x.CA, x.Cert, x.Key)
			if err != nil {
				return fmt.Errorf("connect to event log: %w", err)
			}
			opts = append(opts, nats.Secure(t))
		}
	}
	if l.conn, err = nats.Connect(url, opts...); err != nil {
		return fmt.Errorf("connect to event log: %w", err)
	}
	if l.js, err = jetstream.New(l.conn, jetstream.WithPublishAsyncMaxPending(16)); err != nil {
		return fmt.Errorf("connect to event log: %w", err)
	}
	return nil
}

// disconnected is called by the connection.
func (l *Log) disconnected(err error) {
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return
	}
	if err == nil {
		err = errors.New("the connection was closed")
	}
	l.log.Warn("event log is disconnected", "error", err)
	if l.pub != nil {
		l.pub.lost()
	}
}

// setProblem notes why the log does not work, nil when it does.
func (l *Log) setProblem(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problem = err
}

// why explains that something did not work in time.
func (l *Log) why() error {
	l.mu.Lock()
	err := l.problem
	l.mu.Unlock()
	switch {
	case err != nil:
		return err
	case l.conn != nil && !l.conn.IsConnected():
		if err := l.conn.LastError(); err != nil {
			return fmt.Errorf("not connected to NATS: %w", err)
		}
		return errors.New("not connected to NATS")
	case l.cfg.mode() == Clustered:
		return errors.New("no majority of the cluster's daemons can be reached")
	}
	return errors.New("the server does not answer")
}

// Ready waits until the stream was opened for the first time.
func (l *Log) Ready(ctx context.Context) error {
	select {
	case <-l.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for event log: %w: %w", ctx.Err(), l.why())
	}
}

// ID identifies the log: it is made with the stream, is the same for all who
// use it and never changes. It is empty until the log is ready.
func (l *Log) ID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

// mend replaces a server that cannot write any more, for example because the
// disk was full, as soon as there is room.
func (l *Log) mend(ctx context.Context) {
	const least, most = 500 * time.Millisecond, 30 * time.Second
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.srv.logger.failed:
		}
		err := l.srv.broken()
		if err == nil {
			continue
		}
		l.log.Error("event log does not take records; it is opened again when it can be written", "error", err)
		l.setProblem(err)
		l.pub.fail(err)
		l.srv.stop()
		for wait := least; ; wait = min(2*wait, most) {
			if !sleep(ctx, wait) {
				return
			}
			if err = l.srv.start(); err == nil {
				break
			}
			l.setProblem(err)
		}
		for !l.reopen(ctx) {
			if !sleep(ctx, least) {
				return
			}
		}
		l.log.Info("event log takes records again")
	}
}

// reopen waits for the stream of a server that was replaced.
func (l *Log) reopen(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	if err := l.openStream(ctx); err != nil {
		l.setProblem(err)
		l.pub.fail(err)
		return false
	}
	l.setProblem(nil)
	l.pub.resume()
	return true
}

// sleep waits and tells whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Close closes the log; records that wait fail with [ErrClosed]. It is safe on
// a log that is open only in part, and more than once.
func (l *Log) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	if l.cancel != nil {
		l.cancel()
	}
	l.work.Wait()
	if l.conn != nil {
		l.conn.Close()
	}
	if l.srv != nil {
		l.srv.close()
	}
	if l.lock == nil {
		return nil
	}
	if err := l.lock.Close(); err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}
