package flows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/skein-net/skein/internal/flowrecord"
)

// hub hands reports to those who follow.
type hub struct {
	any    atomic.Int64
	mu     sync.RWMutex
	closed bool
	subs   []*Subscription
}

// Subscription is one follower. Next is for one goroutine.
type Subscription struct {
	f     *Flows
	match func(*flowrecord.Record) bool
	most  int
	wake  chan struct{}

	mu    sync.Mutex
	queue []*flowrecord.Record
	lost  uint64
	ended bool
}

// ErrTooMany is wrapped by the error for one follower too many.
var ErrTooMany = errors.New("there are too many followers")

// Follow begins to collect the reports that match where, as they come.
func (f *Flows) Follow(q *flowrecord.Query) (*Subscription, error) {
	m, err := f.compile(q)
	if err != nil {
		return nil, err
	}
	s := &Subscription{f: f, match: m.match, most: f.cfg.Queue, wake: make(chan struct{}, 1)}
	h := &f.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, ErrStopped
	case len(h.subs) >= f.cfg.Followers:
		return nil, fmt.Errorf("%w already: %d", ErrTooMany, len(h.subs))
	}
	h.subs = append(h.subs, s)
	h.any.Add(1)
	return s, nil
}

// publish gives a report, which must not change any more, to all followers.
func (h *hub) publish(r *flowrecord.Record) {
	if h.any.Load() == 0 {
		return
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, s := range h.subs {
		if s.match(r) {
			s.add(r)
		}
	}
}

func (s *Subscription) add(r *flowrecord.Record) {
	s.mu.Lock()
	if len(s.queue) < s.most {
		s.queue = append(s.queue, r)
	} else {
		s.lost++
		s.f.n.lost.Add(1)
	}
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next waits for reports and returns them in the order in which they came, and
// how many came after them that were left out because the follower fell behind.
// It returns [ErrStopped] when there will be no more.
func (s *Subscription) Next(ctx context.Context) (reports []*flowrecord.Record, lost uint64, err error) {
	for {
		s.mu.Lock()
		reports, lost, ended := s.queue, s.lost, s.ended
		s.queue, s.lost = nil, 0
		s.mu.Unlock()
		switch {
		case len(reports) > 0 || lost > 0:
			return reports, lost, nil
		case ended:
			return nil, 0, ErrStopped
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("wait for flow records: %w", context.Cause(ctx))
		}
	}
}

// Close ends the subscription.
func (s *Subscription) Close() {
	h := &s.f.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.subs, s); i >= 0 {
		h.subs = slices.Delete(h.subs, i, i+1)
		h.any.Add(-1)
	}
}

// close ends all subscriptions and lets no new one in.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, s := range h.subs {
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
		s.signal()
	}
}

func (h *hub) count() int { return int(h.any.Load()) }
