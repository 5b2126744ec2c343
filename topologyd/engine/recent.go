package engine

import (
	"context"
	"errors"
	"sort"
	"sync"

	"github.com/skein-net/skein/topologyd/graph"
)

// ErrSlow ends a subscription whose reader fell behind what is kept.
var ErrSlow = errors.New("the subscriber is too slow: changes it has not read are no longer kept; subscribe again")

// nextMax is the most changes that one Next returns.
const nextMax = 1000

// recent is a ring of the last changes, from which all subscribers read at
// their own pace. A subscriber costs a position in it and nothing else, so
// many, and slow ones, do not matter to the writer or to one another.
type recent struct {
	mu    sync.Mutex
	size  uint64
	ring  []graph.Change // change n is in ring[n % size]
	next  uint64         // number of the next change
	base  uint64         // revision before the first one
	last  uint64         // revision of the newest one
	news  chan struct{}  // closed when there is something new
	ended bool

	subscribers int
	cutOff      uint64
}

func (r *recent) init(size int) {
	r.size = uint64(max(size, 1))
	r.news = make(chan struct{})
}

// start tells from which revision on changes will be published.
func (r *recent) start(revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.base, r.last = revision, revision
}

// publish adds changes, in the order of their revisions.
func (r *recent) publish(changes []graph.Change) {
	if len(changes) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes {
		if uint64(len(r.ring)) < r.size {
			r.ring = append(r.ring, c)
		} else {
			r.ring[r.next%r.size] = c
		}
		r.next++
		r.last = max(r.last, c.Revision)
	}
	close(r.news)
	r.news = make(chan struct{})
}

// end ends all subscriptions.
func (r *recent) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended = true
		close(r.news)
	}
}

// oldest is the number of the oldest change that is kept.
func (r *recent) oldest() uint64 { return r.next - uint64(len(r.ring)) }

// find returns the number of the change after the one that made a revision.
// ok is false when changes after it are not kept.
func (r *recent) find(revision uint64) (n uint64, ok bool) {
	if revision > r.last || revision < r.base {
		return 0, false
	}
	first := r.oldest()
	// Marks of staleness carry the revision before them and stay behind the cut,
	// so that a subscriber that resumes is told them again.
	i := sort.Search(len(r.ring), func(i int) bool { return r.ring[(first+uint64(i))%r.size].Revision > revision })
	for i > 0 && r.ring[(first+uint64(i-1))%r.size].IsMark() {
		i--
	}
	if i == 0 && first > 0 && !(len(r.ring) > 0 && r.ring[first%r.size].Revision <= revision+1) {
		return 0, false
	}
	return first + uint64(i), true
}

// Subscription is one reader of changes. It is for one goroutine.
type Subscription struct {
	r      *recent
	view   *graph.View
	after  uint64 // changes up to this revision are in the view
	at     uint64 // number of the next change to read
	closed bool
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
	r.subscribers++
	if n, ok := r.find(from); ok && from > 0 {
		return &Subscription{r: r, after: from, at: n}, nil
	}
	v := e.graph.View()
	return &Subscription{r: r, view: v, after: v.Revision(), at: r.next}, nil
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
	if s.at < r.oldest() {
		r.cutOff++
		return nil, nil, ErrSlow
	}
	for ; s.at < r.next && len(out) < nextMax; s.at++ {
		if c := r.ring[s.at%r.size]; c.Revision > s.after || c.IsMark() {
			out = append(out, c)
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
	if !s.closed {
		s.closed = true
		s.r.subscribers--
	}
}
