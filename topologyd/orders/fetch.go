package orders

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/skein-net/skein/internal/order"
)

// fetch is one answer with packets that is under way.
type fetch struct {
	request uint64
	follow  bool
	limit   int // bytes

	mu    sync.Mutex
	queue []*order.Packets
	bytes int
	lost  int64 // packets that did not fit
	err   error
	ended bool // nothing comes any more
	news  chan struct{}
}

// Fetch has a host send packets that it keeps, and yields what comes; Request is
// set by it. A message has packets of several captures perhaps, in the order of
// their times within one; Lost counts those that are missing. The last message
// has Done. Breaking off or the end of ctx ends the answer at the host too.
//
// The error is the last thing that is yielded, with no message beside it: [ErrNoHost], [ErrNotAllowed],
// [ErrBusy], [ErrTooSlow] for an answer that is not followed, [ErrHost] with what
// the host said, or the context's.
func (m *Manager) Fetch(ctx context.Context, host string, f order.Fetch) iter.Seq2[*order.Packets, error] {
	return func(yield func(*order.Packets, error) bool) {
		s, x, err := m.beginFetch(host, &f)
		if err != nil {
			m.n.fetches.WithLabelValues("refused").Inc()
			yield(nil, err)
			return
		}
		result := "failed"
		defer func() { m.n.fetches.WithLabelValues(result).Inc() }()
		done := false // by the host
		defer func() { s.endFetch(x, !done) }()
		for {
			p, err := x.next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			done = p.Done
			switch {
			case p.Error != "":
				if len(p.Packets) > 0 || p.Lost > 0 {
					part := *p
					part.Done, part.Error = false, ""
					if !yield(&part, nil) {
						return
					}
				}
				if done {
					yield(nil, fmt.Errorf("%w: %s", ErrHost, clean(p.Error, maxText)))
					return
				}
			case done:
				result = "ok"
				yield(p, nil)
				return
			case !yield(p, nil):
				result = "ok"
				return
			}
		}
	}
}

func (m *Manager) beginFetch(id string, f *order.Fetch) (*session, *fetch, error) {
	if !m.deps.RawPackets {
		return nil, nil, ErrNotAllowed
	}
	t := m.term.Load()
	if t == nil {
		return nil, nil, ErrNoHost
	}
	t.mu.Lock()
	var s *session
	if h := t.hosts[id]; h != nil {
		s = h.session
	}
	t.mu.Unlock()
	if s == nil {
		return nil, nil, ErrNoHost
	}
	f.Request = m.request.Add(1)
	x := &fetch{request: f.Request, follow: f.Follow, limit: m.cfg.Session.FetchBytes, news: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx.Err() != nil:
		return nil, nil, ErrNoHost
	case len(s.fetches) >= m.cfg.Session.Fetches:
		return nil, nil, ErrBusy
	}
	select {
	case s.control <- &order.Envelope{Fetch: f}:
	default:
		return nil, nil, ErrBusy
	}
	s.fetches[x.request] = x
	return s, x, nil
}

// endFetch forgets an answer; cancel tells the host.
func (s *session) endFetch(x *fetch, cancel bool) {
	s.mu.Lock()
	_, open := s.fetches[x.request]
	delete(s.fetches, x.request)
	s.mu.Unlock()
	if open && cancel {
		s.cancelFetch(x.request)
	}
}

func (s *session) cancelFetch(request uint64) {
	select {
	case s.control <- &order.Envelope{Cancel: &order.Cancel{Request: request}}:
	default:
		s.n.drops.WithLabelValues("control").Inc()
	}
}

// deliver hands packets to who waits for them. It never waits itself.
func (s *session) deliver(p *order.Packets) {
	s.mu.Lock()
	x := s.fetches[p.Request]
	s.mu.Unlock()
	if x == nil {
		s.n.drops.WithLabelValues("packets").Add(float64(len(p.Packets)))
		return
	}
	slow, full := x.put(p)
	if slow > 0 {
		s.n.drops.WithLabelValues("slow").Add(float64(slow))
	}
	if full {
		s.endFetch(x, !p.Done)
	} else if p.Done {
		s.endFetch(x, false)
	}
}

// endFetches ends all answers: the host is gone.
func (s *session) endFetches(reason error) {
	s.mu.Lock()
	all := s.fetches
	s.fetches = make(map[uint64]*fetch)
	s.mu.Unlock()
	for _, x := range all {
		x.fail(fmt.Errorf("%w any more: %w", ErrNoHost, reason))
	}
}

// put takes a part of an answer. slow counts the packets that there was no room
// for; full tells that the answer ends for that.
func (x *fetch) put(p *order.Packets) (slow int, full bool) {
	size := 256
	for i := range p.Packets {
		size += len(p.Packets[i].Data) + 128
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	defer poke(x.news)
	if x.ended {
		return 0, false
	}
	if x.bytes > 0 && x.bytes+size > x.limit {
		slow = len(p.Packets)
		if !x.follow {
			x.err, x.ended = ErrTooSlow, true
			return slow, true
		}
		x.lost += int64(slow) + p.Lost
		if !p.Done {
			return slow, false
		}
		p = &order.Packets{Request: p.Request, Done: true, Error: p.Error}
		size = 256
	}
	if x.lost > 0 {
		p.Lost += x.lost
		x.lost = 0
	}
	x.queue = append(x.queue, p)
	x.bytes += size
	x.ended = p.Done
	return slow, false
}

func (x *fetch) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		x.err, x.ended = err, true
	}
	poke(x.news)
}

var errNothing = errors.New("there is nothing more")

// next waits for the next part; those that came before an error come first.
func (x *fetch) next(ctx context.Context) (*order.Packets, error) {
	for {
		p, err := x.take()
		if p != nil || err != nil {
			return p, err
		}
		select {
		case <-x.news:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (x *fetch) take() (*order.Packets, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.queue) > 0 {
		p := x.queue[0]
		x.queue[0] = nil
		if x.queue = x.queue[1:]; len(x.queue) == 0 {
			x.queue, x.bytes = nil, 0
		} else {
			size := 256
			for i := range p.Packets {
				size += len(p.Packets[i].Data) + 128
			}
			x.bytes = max(x.bytes-size, 0)
		}
		return p, nil
	}
	if x.err == nil && x.ended {
		return nil, errNothing
	}
	return nil, x.err
}
