package past

import "context"

// turn waits until a view may be built, and returns what is to be called when
// it is. The views of a graph that is too large for the cache are built one at a
// time: each takes as much memory as all that the cache may hold.
func (s *Store) turn(ctx context.Context) (done func(), err error) {
	n := 1
	s.mu.Lock()
	if s.elements > s.cfg.CacheElements {
		n = cap(s.builds)
	}
	s.mu.Unlock()
	taken := 0
	done = func() {
		for range taken {
			<-s.builds
		}
	}
	// Who takes several does not do so together with another.
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for ; taken < n; taken++ {
		select {
		case s.builds <- struct{}{}:
		case <-ctx.Done():
			done()
			return nil, ctx.Err()
		}
	}
	return done, nil
}
