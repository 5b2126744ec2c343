package pcapsocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/otel-receiver/source"
)

// patience is how long a stream waits for a worker to become free: one that was
// ended a moment ago may not have noticed yet.
const patience = time.Second

// Source takes streams. It is a [source.Source].
type Source struct {
	cfg     Config
	started atomic.Bool
	addr    atomic.Pointer[net.Addr]
	ready   chan struct{}
	sieve   *source.Sieve

	malformed, opened, refused, panics atomic.Uint64
}

// New returns a source that has not been started.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure pcap socket: %w", err)
	}
	return &Source{cfg: cfg.withDefaults(), ready: make(chan struct{}), sieve: source.NewSieve(cfg.Filter, cfg.SnapLen)}, nil
}

// Addr waits until the source listens and returns where, or nil when ctx ends
// first.
func (s *Source) Addr(ctx context.Context) net.Addr {
	select {
	case <-s.ready:
		return *s.addr.Load()
	case <-ctx.Done():
		return nil
	}
}

// Stats implements [source.Source]. Opened counts streams that were taken,
// Refused those that were turned away, Malformed those that ended early or held
// something else than a capture.
func (s *Source) Stats() source.Stats {
	st := s.sieve.Stats()
	st.Malformed, st.Opened, st.Refused, st.Panics = s.malformed.Load(), s.opened.Load(), s.refused.Load(), s.panics.Load()
	return st
}

// Run implements [source.Source]: it listens and takes as many streams at a time
// as there are workers. What is wrong with a stream ends that stream only.
func (s *Source) Run(ctx context.Context, workers []source.Worker) error {
	if len(workers) == 0 {
		return errors.New("take captures: no workers")
	}
	if s.started.Swap(true) {
		return errors.New("take captures: a source runs only once")
	}
	l := s.cfg.Listener
	if l == nil {
		var lc net.ListenConfig
		var err error
		if l, err = lc.Listen(ctx, "tcp", s.cfg.Listen); err != nil {
			return fmt.Errorf("take captures: %w", err)
		}
	}
	addr := l.Addr()
	s.addr.Store(&addr)
	close(s.ready)
	defer l.Close()

	conns := make(chan net.Conn)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var accept sync.WaitGroup
	var acceptErr error
	accept.Go(func() {
		defer cancel()
		acceptErr = s.accept(ctx, l, conns)
	})
	err := source.Each(ctx, len(workers), func(ctx context.Context, i int) error {
		return s.work(ctx, conns, workers[i])
	})
	cancel()
	_ = l.Close() // not left to AfterFunc: accept must end now
	accept.Wait()
	if err == nil {
		err = acceptErr
	}
	var p *source.PanicError
	if errors.As(err, &p) {
		s.panics.Add(1)
	}
	if err != nil {
		return fmt.Errorf("take captures on %s: %w", addr, err)
	}
	return nil
}

// accept hands connections to workers that are free.
func (s *Source) accept(ctx context.Context, l net.Listener, conns chan<- net.Conn) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accept: %w", err)
			}
			// Such as too many open files: others end, so try again.
			s.cfg.Log.Warn("cannot take a capture's stream", "reason", err)
			timer.Reset(patience)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
				continue
			}
		}
		timer.Reset(patience)
		select {
		case conns <- c:
			continue
		case <-ctx.Done():
			_ = c.Close()
			return nil
		case <-timer.C:
		}
		_ = c.Close()
		s.refused.Add(1)
		s.cfg.Log.Warn("capture's stream turned away: all workers have one", "from", c.RemoteAddr().String())
	}
}

// work takes one stream after the other.
func (s *Source) work(ctx context.Context, conns <-chan net.Conn, w source.Worker) error {
	st := &stream{src: s, w: w}
	timer := time.NewTicker(source.TickInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			st.idle()
		case c := <-conns:
			s.opened.Add(1)
			from := c.RemoteAddr().String()
			s.cfg.Log.Info("takes a capture's stream", "from", from)
			n, err := st.take(ctx, c)
			if ctx.Err() == nil && err != nil {
				s.malformed.Add(1)
				s.cfg.Log.Warn("capture's stream ended", "from", from, "frames", n, "reason", err)
			} else {
				s.cfg.Log.Info("capture's stream ended", "from", from, "frames", n)
			}
		}
	}
}
