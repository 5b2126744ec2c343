package orders

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/auth"
)

// session is one host that is connected.
type session struct {
	*term
	conn    *websocket.Conn
	id      string
	address string
	hello   order.Hello
	host    *host // set by join
	// greeted has what came of the first message; joined is closed when the session
	// is that of its host.
	greeted chan error
	joined  chan struct{}
	// told is set when the host said how its captures do; the term's lock guards it.
	told bool

	ctx    context.Context // of the session
	cancel context.CancelCauseFunc
	// orders is told when the host is to be given its orders: always those that
	// hold when they are written, so that nothing piles up. control are messages
	// that are not to be lost.
	orders  chan struct{}
	control chan *order.Envelope

	sign    atomic.Int64 // when the host was heard of last, Unix nanoseconds
	writing atomic.Bool

	mu      sync.Mutex
	fetches map[uint64]*fetch
}

// Reasons for which a session ends, besides those of the term.
var (
	errGone      = errors.New("the host ended the connection")
	errSilent    = errors.New("the host gave no sign")
	errWrite     = errors.New("the host does not read")
	errReplaced  = errors.New("another collector with the same host.id has connected")
	errMalformed = errors.New("a message cannot be read")
)

// reasonOf is the reason of a close in metrics.
func reasonOf(err error) string {
	for _, r := range []struct {
		err  error
		name string
	}{
		{errGone, "host"}, {errSilent, "silent"}, {errWrite, "write"}, {errReplaced, "replaced"}, {errMalformed, "malformed"},
		{errStopping, "stopping"}, {errNotLeading, "not_leader"}, {auth.ErrEnded, "credentials"},
	} {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "other"
}

// close ends the session; it does not wait.
func (s *session) close(reason error) { s.cancel(reason) }

func (s *session) heard() { s.sign.Store(time.Now().UnixNano()) }

// run carries the session until it ends.
func (s *session) run() {
	reading, force := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer force()
	// One reads from the first message to the answer to the close, so that every
	// end is told.
	parts.Go(func() { s.read(reading) })
	kind, err := "hello", s.meet()
	if err == nil {
		err = s.term.join(s)
		kind = reasonOf(err)
	}
	if err != nil {
		s.n.closed.WithLabelValues(kind).Inc()
		s.deps.Log.Debug("a collector was turned away", "host", s.id, "address", s.address, "error", err)
		s.close(err)
		s.hangUp(err, force)
		return
	}
	s.heard()
	close(s.joined)
	s.deps.Log.Debug("a host is connected", "host", s.id, "name", s.hello.HostName, "address", s.address, "instance", s.hello.Instance, "version", s.hello.Version)
	parts.Go(s.write)
	parts.Go(s.ping)
	select {
	case <-s.ctx.Done():
	case <-s.term.ctx.Done():
		s.close(context.Cause(s.term.ctx))
	}
	reason := context.Cause(s.ctx)
	s.term.part(s)
	s.endFetches(reason)
	s.n.closed.WithLabelValues(reasonOf(reason)).Inc()
	s.deps.Log.Debug("a host is not connected any more", "host", s.id, "reason", reason)
	s.hangUp(reason, force)
}

// read reads messages until the connection ends. ctx ends with the connection, not
// with the session: the answer to a close is read here.
func (s *session) read(ctx context.Context) {
	limit := bucket{rate: float64(s.cfg.Session.Rate), burst: float64(s.cfg.Session.Burst), left: float64(s.cfg.Session.Burst), at: time.Now()}
	for first := true; ; first = false {
		_, b, err := s.conn.Read(ctx)
		if err != nil {
			reason := errGone
			if errors.Is(err, websocket.ErrMessageTooBig) {
				reason = errMalformed
			}
			s.close(fmt.Errorf("%w: %w", reason, err))
			return
		}
		s.heard()
		if s.ctx.Err() != nil {
			continue // until the host has seen the close
		}
		if first {
			s.greeted <- s.greet(b)
			select {
			case <-s.joined:
			case <-s.ctx.Done():
			}
			continue
		}
		if wait := limit.take(1+float64(len(b))/(64<<10), time.Now()); wait > 0 {
			s.n.throttled.Inc()
			sleep(s.ctx, wait)
			s.heard() // it was us who did not read
		}
		if err := s.receive(b); err != nil {
			s.close(fmt.Errorf("%w: %w", errMalformed, err))
		}
	}
}

// receive takes one message.
func (s *session) receive(b []byte) error {
	e, err := decode(b)
	if err != nil {
		s.n.messages.WithLabelValues("malformed", "in").Inc()
		return err
	}
	switch {
	case e.State != nil:
		s.n.messages.WithLabelValues("state", "in").Inc()
		s.term.report(s, e.State)
	case e.Packets != nil:
		s.n.messages.WithLabelValues("packets", "in").Inc()
		s.deliver(e.Packets)
	case e.Hello != nil:
		return errors.New("a second hello")
	default: // of a newer version, or not for us
		s.n.messages.WithLabelValues("other", "in").Inc()
		s.n.drops.WithLabelValues("unexpected").Inc()
	}
	return nil
}

// bucket lets through so much a second.
type bucket struct {
	rate, burst, left float64
	at                time.Time
}

// take takes out some, and tells how long to wait for it.
func (b *bucket) take(n float64, now time.Time) time.Duration {
	b.left = min(b.burst, b.left+b.rate*now.Sub(b.at).Seconds())
	b.at = now
	b.left -= n
	if b.left >= 0 {
		return 0
	}
	return time.Duration(-b.left / b.rate * float64(time.Second))
}

// write writes messages until the session ends.
func (s *session) write() {
	for {
		var e *order.Envelope
		kind := "assignments"
		select { // what is not to be lost comes first
		case e = <-s.control:
		default:
			select {
			case e = <-s.control:
			case <-s.orders:
				list := s.term.assignments(s)
				if list == nil {
					continue
				}
				e = &order.Envelope{Assignments: list}
			case <-s.ctx.Done():
				return
			}
		}
		switch {
		case e.Fetch != nil:
			kind = "fetch"
		case e.Cancel != nil:
			kind = "cancel"
		}
		if err := s.send(e); err != nil {
			s.close(fmt.Errorf("%w: %w", errWrite, err))
			return
		}
		s.n.messages.WithLabelValues(kind, "out").Inc()
	}
}

func (s *session) send(e *order.Envelope) error {
	b, err := order.Encode(e)
	if err != nil {
		// The next list may be one that fits.
		s.deps.Log.Error("orders cannot be written", "host", s.id, "error", err)
		return nil
	}
	// Not of the session's context: its end would cut off the reason for it. The
	// timer comes before the deadline, after which the reader would give the reason.
	slow := time.AfterFunc(s.cfg.Session.Write, func() { s.close(errWrite) })
	defer slow.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Session.Write+s.cfg.Session.Close)
	defer cancel()
	s.writing.Store(true)
	defer s.writing.Store(false)
	return s.conn.Write(ctx, websocket.MessageText, b)
}

// ping asks for signs until the session ends, also by itself for want of one.
func (s *session) ping() {
	tick := time.NewTicker(s.cfg.Session.Ping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		if s.writing.Load() {
			continue // which has a deadline
		}
		asked := time.Now()
		left := max(time.Until(time.Unix(0, s.sign.Load()).Add(s.cfg.Session.Silence)), s.cfg.Session.Silence/2)
		// Not of the session's context: its end while a ping is written would close the
		// connection (websocket) before the reason is told. That of the connection ends
		// the wait.
		ctx, cancel := context.WithTimeout(context.Background(), left)
		err := s.conn.Ping(ctx)
		cancel()
		if err == nil {
			s.heard()
			continue
		}
		if s.ctx.Err() == nil && !s.writing.Load() && s.sign.Load() < asked.UnixNano() {
			s.close(fmt.Errorf("%w for %v", errSilent, s.cfg.Session.Silence))
			return
		}
	}
}

// assignments returns all that a host is to do, nil before that is known.
func (t *term) assignments(s *session) *order.Assignments {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := s.host
	if !t.settled || h.session != s {
		return nil
	}
	delete(t.crowd, h)
	all := make([]*assignment, 0, h.tally.total())
	for _, p := range h.places {
		if p.refusal != nil {
			continue
		}
		for _, a := range p.list {
			if !a.plan.spec.KeepsPackets() || t.deps.RawPackets {
				all = append(all, a)
			}
		}
	}
	given := t.fit(h, all)
	h.revision = max(h.revision+1, uint64(max(t.now().UnixMilli(), 0))) //nolint:gosec // not negative
	out := &order.Assignments{Revision: h.revision, Captures: make([]order.Capture, len(given))}
	for i, a := range given {
		d := a.plan.def
		out.Captures[i] = order.Capture{ID: a.id(), Name: a.plan.name(), Revision: d.Revision, Node: a.place.node, Expires: d.Expires, Options: a.plan.spec.Options}
	}
	return out
}
