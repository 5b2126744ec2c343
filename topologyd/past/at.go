package past

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"sync"
	"sync/atomic"
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
func (s *Store) At(ctx context.Context, t time.Time) (*graph.View, error) {
	ms := t.UnixMilli()
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, ErrClosed
		}
		if v := s.cache.get(ms); v != nil {
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
				s.cache.put(cached{f.view, f.view.NodeCount() + f.view.EdgeCount(), low, min(high, late)})
			}
		}
		delete(s.cache.building, f)
		s.mu.Unlock()
		close(f.done)
	}()
	select {
	case s.builds <- struct{}{}:
		defer func() { <-s.builds }()
	case <-ctx.Done():
		f.err = ctx.Err()
		return
	}
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
		if err := f.file(c); err != nil {
			return nil, err
		}
		s.noteLost(c)
	}
	return f, nil
}

// view builds the view of the last states.
func (f *fold) view(ctx context.Context, root *base, workers int) (*graph.View, error) {
	f.complete()
	var blocks []block
	nodes, edges := 0, 0
	if root != nil {
		blocks = append(append(blocks, root.nodeBlocks...), root.edgeBlocks...)
		nodes, edges = root.nodes, root.edges
	}
	b := graph.NewBuilder(nodes+len(f.touched)/4, edges+len(f.touched)/4)
	split := len(blocks) - edgeBlocks(root)
	err := parallel(ctx, workers, len(blocks), func() func(i int) (*batch, error) {
		s := &stepper{}
		return func(i int) (*batch, error) { return f.block(root, &blocks[i], s) }
	}, func(i int, out *batch) error {
		if i == split { // all nodes of the base are there: now those that are new
			if err := f.news(b, false); err != nil {
				return err
			}
		}
		for j := range out.nodes {
			b.AddNode(&out.nodes[j])
		}
		for j := range out.edges {
			b.AddEdge(&out.edges[j])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if split == len(blocks) {
		if err := f.news(b, false); err != nil {
			return nil, err
		}
	}
	if err := f.news(b, true); err != nil {
		return nil, err
	}
	return b.View(f.revision), nil
}

func edgeBlocks(root *base) int {
	if root == nil {
		return 0
	}
	return len(root.edgeBlocks)
}

// batch is what a block became.
type batch struct {
	nodes []graph.Node
	edges []graph.Edge
}

// block brings the elements of a block to their last state.
func (f *fold) block(root *base, x *block, s *stepper) (*batch, error) {
	out := &batch{}
	if x.edges {
		out.edges = make([]graph.Edge, 0, x.count)
	} else {
		out.nodes = make([]graph.Node, 0, x.count)
	}
	var failed error
	err := root.elements(x, &s.in, func(_ int, e *element) bool {
		attrs := e.attrs
		if t := f.in(e); t != nil && (t.last != 0 || t.gone) {
			t.seen = true
			there, err := s.last(f, t, e)
			if err != nil {
				failed = err
				return false
			}
			if !there {
				return true
			}
			attrs = s.keep(e.attrs)
		}
		if x.edges {
			out.edges = append(out.edges, graph.Edge{})
			e.toEdge(&out.edges[len(out.edges)-1], attrs)
		} else {
			out.nodes = append(out.nodes, graph.Node{})
			e.node(&out.nodes[len(out.nodes)-1], attrs)
		}
		return true
	})
	return out, errors.Join(err, failed)
}

// news adds the elements that the base has not got.
func (f *fold) news(b *graph.Builder, edges bool) error {
	s := &stepper{}
	for i := range f.touched {
		t := &f.touched[i]
		if t.edge != edges || t.seen || t.last == 0 || t.gone || t.based {
			continue
		}
		e := element{id: t.id}
		there, err := s.last(f, t, &e)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		if edges {
			x := &graph.Edge{}
			e.toEdge(x, s.keep(e.attrs))
			b.AddEdge(x)
		} else {
			n := &graph.Node{}
			e.node(n, s.keep(e.attrs))
			b.AddNode(n)
		}
	}
	return nil
}

// parallel does n pieces of work with some goroutines, each with what prepare
// returns, and hands the results on in order. All of them have ended when it
// returns.
func parallel[T any](ctx context.Context, workers, n int, prepare func() func(i int) (T, error), done func(i int, r T) error) error {
	type result struct {
		r   T
		err error
	}
	results := make([]chan result, n)
	for i := range results {
		results[i] = make(chan result, 1)
	}
	var next atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)
	for range min(workers, n) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			work := prepare()
			for {
				i := int(next.Add(1)) - 1
				if i >= n || stop.Load() {
					return
				}
				r, err := work(i)
				results[i] <- result{r, err}
			}
		}()
	}
	for i := range results {
		select {
		case r := <-results[i]:
			if r.err != nil {
				return r.err
			}
			if err := done(i, r.r); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
