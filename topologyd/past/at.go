package past

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// flight is a view that is being built, for all who ask for it.
type flight struct {
	done chan struct{}
	view *graph.View
	err  error
}

// At returns the graph as it was at a time: of every element the last revision
// that is valid by then, without edges that lack an end. After the last change
// it is the graph as far as it was appended. Counters and Stale marks are not
// kept. The error is ErrTooOld for a time before what is kept.
//
// The view is shared and may be cached; it must not be changed.
func (s *Store) At(ctx context.Context, t time.Time) (v *graph.View, err error) {
	defer func() { s.give(ctx, v) }()
	ms := t.UnixMilli()
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, ErrClosed
		}
		if v := s.cache.get(ms, s.now()); v != nil {
			l := s.layout()
			_, err := l.root(ms)
			s.stats.Cached++
			s.mu.Unlock()
			if err != nil {
				return nil, err
			}
			return v, nil
		}
		f, ok := s.flights[ms]
		if !ok {
			f = &flight{done: make(chan struct{})}
			s.flights[ms] = f
			s.mu.Unlock()
			s.fly(ctx, ms, f)
			return f.view, f.err
		}
		s.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !errors.Is(f.err, context.Canceled) && !errors.Is(f.err, context.DeadlineExceeded) {
			return f.view, f.err
		}
		// It was the other's context that ended.
	}
}

// fly builds the view of a flight.
func (s *Store) fly(ctx context.Context, ms int64, f *flight) {
	low, high := int64(0), int64(0)
	defer func() {
		s.mu.Lock()
		delete(s.flights, ms)
		if f.view != nil {
			s.stats.Built++
			if late := s.cache.building[f]; late > low {
				s.cache.put(cached{f.view, f.view.NodeCount() + f.view.EdgeCount(), low, min(high, late), s.now()})
			}
		}
		delete(s.cache.building, f)
		s.mu.Unlock()
		close(f.done)
	}()
	t, err := s.turn(ctx)
	if err != nil {
		f.err = err
		return
	}
	defer func() { t.made(f.view) }()
	f.err = s.retryGone(func(l layout) (err error) {
		f.view, low, high, err = s.build(ctx, &l, ms)
		return err
	}, func() {
		s.cache.building[f] = math.MaxInt64
	})
}

// retryGone calls fn with what can be read, and again when a file was removed
// meanwhile or a base turned out to be damaged. begin, if any, is called at the
// moment of which the layout is, with s.mu held.
func (s *Store) retryGone(fn func(l layout) error, begin func()) error {
	for try := 0; ; try++ {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return ErrClosed
		}
		s.flush()
		l := s.layout()
		if begin != nil {
			begin()
		}
		s.mu.Unlock()
		err := fn(l)
		if err == nil || try > len(l.bases)+3 || !errors.Is(err, errBadBase) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// errBadBase: a base that was to be used is damaged; it is noted.
var errBadBase = errors.New("damaged base")

// open loads a base.
func (s *Store) openRoot(b *baseInfo) (*base, error) {
	if b == nil {
		return nil, nil
	}
	x, err := loadBase(b.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.noteBad(b.path, err)
		return nil, errors.Join(errBadBase, err)
	}
	return x, err
}

// build builds the view at a time, and tells for which times it holds.
func (s *Store) build(ctx context.Context, l *layout, ms int64) (v *graph.View, low, high int64, err error) {
	info, err := l.root(ms)
	if err != nil {
		return nil, 0, 0, err
	}
	root, err := s.openRoot(info)
	if err != nil {
		return nil, 0, 0, err
	}
	f, err := s.fold(ctx, l, root, ms, false)
	if err != nil {
		return nil, 0, 0, err
	}
	f.high = min(f.high, l.next(ms, math.MaxInt64))
	v, err = f.view(ctx, root, s.cfg.Workers)
	return v, f.low, f.high, err
}

// fold gathers what changed after a base up to a time.
func (s *Store) fold(ctx context.Context, l *layout, root *base, until int64, all bool) (*fold, error) {
	f := newFold(0, until)
	if f.all = all; all {
		f.most = 4 * s.cfg.MaxSlice
	}
	if root != nil {
		f.after, f.revision, f.low = root.revision, root.revision, milliseconds(root.at)
	}
	for i := range l.files {
		info := &l.files[i]
		if info.last <= f.after {
			continue
		}
		if info.valid > until {
			f.high = min(f.high, info.valid)
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := info.load()
		if err != nil {
			return nil, err
		}
		f.sparse = all && milliseconds(info.first) > until // only what came late
		if err := f.file(c); err != nil {
			return nil, err
		}
		s.noteLost(c)
	}
	return f, nil
}
