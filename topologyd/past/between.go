package past

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Between asks for the changes of a time.
type Between struct {
	// From and To are both included, to the millisecond.
	From, To time.Time
	// Limit is how many changes there are at most, the newest ones; 10,000 when
	// it is not positive.
	Limit int
	// Of, if not nil, are the elements that count. Keep, if not nil, chooses
	// changes; it is called from one goroutine, and must not keep what it is
	// given.
	Of   map[entity.UUID]struct{}
	Keep func(*graph.Change) bool
}

// Dated is one change in its place in time.
type Dated struct {
	// Change holds the state before, too. Slots are not set.
	graph.Change
	// Logged is when the daemon took it.
	Logged time.Time
	// Parent and Child are the ends of an edge about the time of the change, nil
	// when they are not known.
	Parent, Child *graph.Node
}

// Stretch are the changes of a time.
type Stretch struct {
	// From is what was asked for, or the first time that is kept.
	From time.Time
	// More tells that there are older changes from then on.
	More bool
	// Changes are in the order of their own times and, of the same millisecond,
	// of their revisions.
	Changes []Dated
}

// Between returns the changes that became valid from one moment to another,
// whenever they were logged. Done one after the other they lead from the graph
// that [Store.At] gives for the first moment to that for the last: a change
// that one logged later replaced from an earlier moment on is not among them.
//
// What is older than what is kept is left out; the error is ErrTooOld when that
// is all. It needs memory for Limit changes and one segment of the store.
func (s *Store) Between(ctx context.Context, q Between) (out *Stretch, err error) {
	t, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer t.end()
	if q.Limit <= 0 {
		q.Limit = defaultHistory
	}
	err = s.retryGone(func(l layout) (err error) {
		out, err = s.between(ctx, &l, &q)
		return err
	}, nil)
	return out, err
}

// between goes back from base to base until there are enough changes.
func (s *Store) between(ctx context.Context, l *layout, q *Between) (*Stretch, error) {
	first, last := q.From.UnixMilli(), q.To.UnixMilli()
	out := &Stretch{From: q.From}
	oldest, _, ok := l.oldest()
	switch {
	case !ok && l.whole():
		return out, nil // nothing ever changed
	case !ok || last < oldest:
		return nil, l.tooOld()
	case first < oldest:
		first, out.From = oldest, time.UnixMilli(oldest)
	}
	g := &gatherer{s: s, l: l, q: q}
	for last >= first && len(g.found) <= q.Limit {
		info, begin, err := l.before(first, last)
		if err != nil {
			return nil, err
		}
		if err := g.window(ctx, info, begin, last); err != nil {
			return nil, err
		}
		last = begin - 1
	}
	out.More = len(g.found) > q.Limit
	slices.SortFunc(g.found, func(a, b *dated) int { return a.compare(b) })
	for _, d := range g.found[max(0, len(g.found)-q.Limit):] {
		out.Changes = append(out.Changes, d.Dated)
	}
	return out, nil
}

// before returns the base to tell changes up to last from, and from when on it
// does; the oldest base stands for its own moment too.
func (l *layout) before(first, last int64) (*baseInfo, int64, error) {
	info, err := l.root(last - 1)
	switch {
	case err != nil && l.whole():
		return nil, first, nil
	case err != nil:
		info, err = l.root(last)
		return info, first, err
	case info == nil:
		return nil, first, nil
	}
	return info, max(first, milliseconds(info.at)+1), nil
}

// dated is a change that was found.
type dated struct {
	Dated
	named bool // its ends were looked for
}

func (d *dated) compare(o *dated) int {
	switch {
	case d.At != o.At:
		return sign(d.At < o.At)
	case d.Revision != o.Revision:
		return sign(d.Revision < o.Revision)
	default:
		return 0
	}
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}

// newest is a heap of changes, the oldest on top.
type newest []*dated

func (h newest) Len() int           { return len(h) }
func (h newest) Less(i, j int) bool { return h[i].compare(h[j]) < 0 }
func (h newest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *newest) Push(x any)        { *h = append(*h, x.(*dated)) }
func (h *newest) Pop() any {
	n := len(*h) - 1
	x := (*h)[n]
	*h = (*h)[:n]
	return x
}

// gatherer finds the newest changes, one more than the limit.
type gatherer struct {
	s     *Store
	l     *layout
	q     *Between
	found newest
	first int64 // of the window
	st    stepper
}

// room reports whether a change of a time could be among the newest.
func (g *gatherer) room(at int64) bool {
	return at >= g.first && (len(g.found) <= g.q.Limit || at >= g.found[0].At)
}

// add takes a change if it is among the newest.
func (g *gatherer) add(c *graph.Change, logged int64) {
	if g.q.Keep != nil && !g.q.Keep(c) {
		return
	}
	d := &dated{Dated: Dated{Change: *c, Logged: timeOf(logged)}}
	if len(g.found) <= g.q.Limit {
		heap.Push(&g.found, d)
	} else if g.found[0].compare(d) < 0 {
		g.found[0] = d
		heap.Fix(&g.found, 0)
	}
}

// window gathers the changes from a time to another; all before it are in the
// base, or in what follows it.
func (g *gatherer) window(ctx context.Context, info *baseInfo, first, last int64) error {
	g.first = first
	if some, err := g.mentioned(ctx, info, last); err != nil || !some {
		return err
	}
	root, err := g.s.openRoot(info)
	if err != nil {
		return err
	}
	f, err := g.s.fold(ctx, g.l, root, last, true)
	if err != nil || f.low < first { // none of them in the window
		return err
	}
	f.complete()
	if root != nil {
		for _, blocks := range [][]block{root.nodeBlocks, root.edgeBlocks} {
			for i := range blocks {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := g.block(f, root, &blocks[i]); err != nil {
					return err
				}
			}
		}
	}
	for i := range f.touched {
		t := &f.touched[i]
		if t.seen || t.last == 0 {
			continue
		}
		if err := g.element(f, t, &element{id: t.id, edge: t.edge}); err != nil {
			return err
		}
	}
	return g.nameEnds(f, root)
}

// maxLooked is of how many elements it is looked up whether files name them.
const maxLooked = 256

// mentioned reports whether the files of a window may have changes of the
// elements that count.
func (g *gatherer) mentioned(ctx context.Context, info *baseInfo, last int64) (bool, error) {
	if g.q.Of == nil || len(g.q.Of) > maxLooked {
		return true, nil
	}
	after := uint64(0)
	if info != nil {
		after = info.revision
	}
	for i := range g.l.files {
		f := &g.l.files[i]
		if f.last <= after || f.valid > last {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		ids, err := f.filter()
		if err != nil {
			return false, err
		}
		for id := range g.q.Of {
			if ids.has(&id) {
				return true, nil
			}
		}
	}
	return false, nil
}

// block gathers the changes of the elements of a block of the base.
func (g *gatherer) block(f *fold, root *base, b *block) error {
	changed := false
	for i := range b.count {
		id := b.id(i)
		if t := f.find(&id); t != nil && t.last != 0 {
			changed = true
			break
		}
	}
	if !changed {
		return nil
	}
	var failed error
	err := root.elements(b, &g.st.in, func(_ int, e *element) bool {
		if t := f.in(e); t != nil && t.last != 0 {
			t.seen = true
			failed = g.element(f, t, e)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}
