package engine

import (
	"context"
	"errors"

	"github.com/skein-net/skein/topologyd/graph"
)

// ErrSlow ends a subscription whose reader fell behind what is kept.
var ErrSlow = errors.New("the subscriber is too slow: changes it has not read are no longer kept; subscribe again")

// nextMax is the most changes that one Next returns.
const nextMax = 1000

// Subscription is one reader of changes. It is for one goroutine.
type Subscription struct {
	r     *recent
	view  *graph.View
	after uint64 // changes up to this revision are in the view
	at    uint64 // number of the next change to read
}

// Subscribe returns a subscription to the changes after a revision. When from
// is 0, or the changes since then are no longer kept, it begins with a view
// (see [Subscription.View]) instead.
func (e *Engine) Subscribe(from uint64) (*Subscription, error) {
	r := &e.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || !e.running.Load() {
		return nil, ErrStopped
	}
	s := &Subscription{r: r}
	r.readers[s] = struct{}{}
	if n, ok := r.find(from); ok && from > 0 {
		s.after, s.at = from, n
		return s, nil
	}
	// It is the one that others are shown now: were it a later one, what is in it and
	// is still to be told would be missing from their next view, and never come.
	s.view, s.at = e.View(), r.next
	s.after = s.view.Revision()
	return s, nil
}

// View returns the state with which the subscription begins, nil when it goes
// on where the subscriber left off.
func (s *Subscription) View() *graph.View { return s.view }

// Next returns the next changes, at least one, waiting for them if need be. It
// returns [ErrSlow] when the subscriber fell behind, [ErrStopped] when the
// engine stops, or the context's error.
func (s *Subscription) Next(ctx context.Context) ([]graph.Change, error) {
	for {
		out, news, err := s.read()
		if err != nil || len(out) > 0 {
			return out, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Subscription) read() (out []graph.Change, news <-chan struct{}, err error) {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	s.view = nil // sent by now; do not keep its pages alive
	if s.at < r.first {
		r.cutOff++
		return nil, nil, ErrSlow
	}
	for ; s.at < r.next && len(out) < nextMax; s.at++ {
		if c := r.change(s.at); c.Revision > s.after || c.IsMark() {
			out = append(out, *c)
		}
	}
	if len(out) == 0 && r.ended {
		return nil, nil, ErrStopped
	}
	return out, r.news, nil
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	delete(s.r.readers, s)
}
