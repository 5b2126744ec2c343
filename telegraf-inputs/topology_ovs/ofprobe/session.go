package ofprobe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// session is one connection after the HELLOs.
type session struct {
	openflow.Dialect
	conn    net.Conn
	timeout time.Duration
	xid     uint32

	// in gives the messages. After each, next asks for the one after it: until
	// then its memory is the receiver's. err is why in was closed.
	in   chan openflow.Message
	next chan struct{}
	err  error

	done   chan struct{}
	reader sync.WaitGroup
}

// connect connects to a target. A socket that is not there is [feed.Absent].
func connect(ctx context.Context, cfg *Config, target string) (net.Conn, error) {
	network, address, secure, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, network, address)
	switch {
	case network == "unix" && (errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)):
		return nil, feed.Absent(fmt.Errorf("connect to switch: %w", err))
	case err != nil:
		return nil, fmt.Errorf("connect to switch: %w", err)
	case !secure:
		return conn, nil
	}
	settings := cfg.TLS.Clone()
	if settings == nil {
		settings = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if host, _, err := net.SplitHostPort(address); err == nil && settings.ServerName == "" {
		settings.ServerName = host
	}
	c := tls.Client(conn, settings)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error is the one to tell
		return nil, fmt.Errorf("connect to switch by TLS: %w", err)
	}
	return c, nil
}

// newSession agrees on a version and starts to read. It takes the connection
// also when it fails.
func newSession(ctx context.Context, cfg *Config, conn net.Conn) (*session, error) {
	s := &session{
		conn: conn, timeout: cfg.Timeout,
		in: make(chan openflow.Message), next: make(chan struct{}), done: make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // ends what waits; it fails on a closed connection only
	defer stop()
	r := openflow.NewReader(conn)
	if err := s.greet(cfg, r); err != nil {
		_ = conn.Close() // nothing is lost with it
		return nil, err
	}
	s.reader.Go(func() { s.read(r) })
	return s, nil
}

// greet exchanges HELLOs.
func (s *session) greet(cfg *Config, r *openflow.Reader) error {
	offer := openflow.AllVersions
	if cfg.Version != 0 {
		offer = openflow.VersionsOf(cfg.Version)
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(s.timeout)); err != nil {
		return fmt.Errorf("greet switch: %w", err)
	}
	if err := s.write(openflow.Hello(s.newXID(), offer)); err != nil {
		return err
	}
	m, err := r.Next()
	if err != nil {
		return fmt.Errorf("greet switch: %w", err)
	}
	switch m.Kind() {
	case openflow.KindHello:
	case openflow.KindError:
		return refusal(m)
	default:
		return fmt.Errorf("greet switch: %v is not a HELLO", m.Kind())
	}
	theirs := openflow.HelloVersions(m)
	s.Version = openflow.Negotiate(offer, theirs)
	if s.Version == 0 {
		return fmt.Errorf("greet switch: it speaks %v, we speak %v", theirs, offer)
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("greet switch: %w", err)
	}
	return nil
}

// refusal is the error that an error message is.
func refusal(m openflow.Message) error {
	f, err := openflow.DecodeFailure(m)
	if err != nil {
		return err
	}
	return f
}

// read is the goroutine that reads.
func (s *session) read(r *openflow.Reader) {
	defer close(s.in)
	for {
		m, err := r.Next()
		if err != nil {
			s.err = fmt.Errorf("read from switch: %w", err)
			return
		}
		select {
		case s.in <- m:
		case <-s.done:
			return
		}
		select {
		case <-s.next:
		case <-s.done:
			return
		}
	}
}

// write sends one message.
func (s *session) write(b []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return fmt.Errorf("write to switch: %w", err)
	}
	if _, err := s.conn.Write(b); err != nil {
		return fmt.Errorf("write to switch: %w", err)
	}
	return nil
}

// newXID numbers a request. 0 is for what nobody asked for.
func (s *session) newXID() uint32 {
	if s.xid++; s.xid == 0 {
		s.xid = 1
	}
	return s.xid
}

// close ends the connection and returns when nothing runs any more.
func (s *session) close() {
	close(s.done)
	_ = s.conn.Close() // nothing is lost with it
	s.reader.Wait()
}
