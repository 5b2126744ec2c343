package past

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Slice returns all revisions of nodes and edges that were shown at some time
// from one moment to another, both included: what [Store.At] gives for any time
// between them, in one view. A revision that was replaced within the
// millisecond it became valid in is never shown. ArchivedAt and DeletedAt are
// set for those that ended by the last moment. From the zero time means
// everything that is kept.
//
// The error is ErrTooOld when from is before what is kept, and wraps
// ErrTooLarge when there are more than [Config.MaxSlice] revisions.
func (s *Store) Slice(ctx context.Context, from, to time.Time) (v *graph.View, err error) {
	t, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { t.made(v); s.give(ctx, v) }()
	err = s.retryGone(func(l layout) (err error) {
		v, err = s.slice(ctx, &l, from, to)
		return err
	}, nil)
	return v, err
}

func (s *Store) slice(ctx context.Context, l *layout, from, to time.Time) (*graph.View, error) {
	first, last := from.UnixMilli(), to.UnixMilli()
	if from.IsZero() {
		first, _, _ = l.oldest()
	}
	last = max(first, last)
	if from.IsZero() && to.UnixMilli() < first {
		return nil, l.tooOld()
	}
	info, err := l.root(first)
	if err != nil {
		return nil, err
	}
	root, err := s.openRoot(info)
	if err != nil {
		return nil, err
	}
	f, err := s.fold(ctx, l, root, last, true)
	if err != nil {
		return nil, err
	}
	return f.slice(ctx, root, first, last, s.cfg)
}

// interval is when a revision is shown: from a time on, until before another.
type interval struct{ from, to int64 }

// slicer builds a view of a slice of time.
type slicer struct {
	b           *graph.Builder
	first, last int64
	left        int // how many revisions more there may be
	shown       []interval
	nodes       map[entity.UUID][2]int32 // first slot, number of revisions
	pairs       [][2]int32
}

// slice builds the view of all revisions that are shown from a time to another.
func (f *fold) slice(ctx context.Context, root *base, first, last int64, cfg Config) (*graph.View, error) {
	f.complete()
	var blocks []block
	nodes, edges := len(f.refs)/2, len(f.refs)/2
	if root != nil {
		blocks = append(append(blocks, root.nodeBlocks...), root.edgeBlocks...)
		nodes, edges = nodes+root.nodes, edges+root.edges
	}
	x := &slicer{
		b: graph.NewBuilder(min(nodes, cfg.MaxSlice), min(edges, cfg.MaxSlice)), first: first, last: last, left: cfg.MaxSlice,
		nodes: make(map[entity.UUID][2]int32, nodes),
	}
	split := len(blocks) - edgeBlocks(root)
	err := parallel(ctx, cfg.Workers, len(blocks), func() func(i int) (*revisions, error) {
		s := &stepper{}
		return func(i int) (*revisions, error) { return f.revisionsOf(root, &blocks[i], s, first, last) }
	}, func(i int, r *revisions) error {
		if i == split {
			if err := f.newRevisions(x, false); err != nil {
				return err
			}
		}
		return x.add(r)
	})
	if err == nil && split == len(blocks) {
		err = f.newRevisions(x, false)
	}
	if err == nil {
		err = f.newRevisions(x, true)
	}
	if err != nil {
		return nil, err
	}
	return x.b.View(f.revision), nil
}

// revisions are some revisions in the order of elements and, of each, of time.
type revisions struct {
	nodes []graph.Node
	edges []graph.Edge
	shown []interval
}

func (f *fold) revisionsOf(root *base, x *block, s *stepper, first, last int64) (*revisions, error) {
	out := &revisions{}
	var failed error
	err := root.elements(x, &s.in, func(_ int, e *element) bool {
		t := f.in(e)
		if t != nil {
			t.seen = true
		}
		failed = s.revisions(f, t, e, first, last, out)
		return failed == nil
	})
	return out, errors.Join(err, failed)
}

// newRevisions adds those of elements that the base has not got.
func (f *fold) newRevisions(x *slicer, edges bool) error {
	s := &stepper{}
	out := &revisions{}
	for i := range f.touched {
		t := &f.touched[i]
		if t.edge != edges || t.seen || t.last == 0 {
			continue
		}
		e := element{id: t.id, edge: edges}
		if err := s.revisions(f, t, &e, x.first, x.last, out); err != nil {
			return err
		}
	}
	return x.add(out)
}

// revisions appends the revisions of an element that are shown from a time to
// another; e is its state in the base.
func (s *stepper) revisions(f *fold, t *touch, e *element, first, last int64, out *revisions) error {
	s.chain = s.chain[:0]
	if t != nil {
		s.chain = f.chain(t, s.chain)
	}
	// ends[i] is when what was before change i ended; by an end of the element
	// when that is the last change of that moment.
	n := len(s.chain)
	if cap(s.ends) < n+1 {
		s.ends = make([]end, n+1, 2*n+8)
	}
	s.ends = s.ends[:n+1]
	s.ends[n] = end{at: math.MaxInt64}
	for i := n - 1; i >= 0; i-- {
		s.open(f, s.chain[i])
		s.ends[i] = s.ends[i+1]
		if s.h.valid < s.ends[i].at {
			s.ends[i] = end{s.h.valid, isDeleted(s.h.op)}
		}
	}
	s.attrs = append(s.attrs[:0], e.attrs...)
	e.attrs = s.attrs
	s.show(e, s.ends[0], first, last, out)
	for i, r := range s.chain {
		s.open(f, r)
		switch {
		case isDeleted(s.h.op):
			e.known = false
			continue
		case s.h.flags&flagFull != 0:
			s.d.full(&s.h, e)
		case e.known && e.revision+1 == s.h.revision:
			s.d.difference(&s.h, e, nil)
		default:
			continue // what led there was lost
		}
		if s.d.err != nil {
			return s.d.err
		}
		s.show(e, s.ends[i+1], first, last, out)
	}
	s.attrs = e.attrs
	return nil
}

// end is when a revision ended, and whether the element did.
type end struct {
	at   int64
	gone bool
}

// show appends a revision if it is shown from a time to another.
func (s *stepper) show(e *element, until end, first, last int64, out *revisions) {
	if !e.known || e.updated >= until.at || e.updated > last || until.at <= first {
		return
	}
	archived, deleted := int64(0), int64(0)
	if until.at <= last {
		archived = until.at
		if until.gone {
			deleted = until.at
		}
	}
	if e.edge {
		out.edges = append(out.edges, graph.Edge{ArchivedAt: archived, DeletedAt: deleted})
		e.toEdge(&out.edges[len(out.edges)-1], s.keep(e.attrs))
	} else {
		out.nodes = append(out.nodes, graph.Node{ArchivedAt: archived, DeletedAt: deleted})
		e.node(&out.nodes[len(out.nodes)-1], s.keep(e.attrs))
	}
	out.shown = append(out.shown, interval{max(e.updated, first), min(until.at, last+1)})
}

// add adds revisions to the view.
func (x *slicer) add(r *revisions) error {
	if x.left -= len(r.shown); x.left < 0 {
		return x.tooLarge()
	}
	for i := range r.nodes {
		slot := x.b.AddNode(&r.nodes[i])
		at := x.nodes[r.nodes[i].ID]
		if at[1] == 0 {
			at[0] = slot
		}
		at[1]++
		x.nodes[r.nodes[i].ID] = at
		x.shown = append(x.shown, r.shown[i])
	}
	for i := range r.edges {
		e := &r.edges[i]
		x.between(e, r.shown[i])
		if x.left -= len(x.pairs) - 1; x.left < 0 && len(x.pairs) > 0 {
			return x.tooLarge()
		}
		x.b.AddEdgeBetween(e, x.pairs)
	}
	return nil
}

func (x *slicer) tooLarge() error {
	return fmt.Errorf("%w from %s to %s; ask for a shorter time", ErrTooLarge,
		time.UnixMilli(x.first).UTC().Format(time.RFC3339), time.UnixMilli(x.last).UTC().Format(time.RFC3339))
}

// between finds the pairs of revisions of an edge's ends that it stood
// between, into x.pairs.
func (x *slicer) between(e *graph.Edge, shown interval) {
	x.pairs = x.pairs[:0]
	p, c := x.nodes[e.Parent], x.nodes[e.Child]
	for i, j := int32(0), int32(0); i < p[1] && j < c[1]; {
		a, b := x.shown[p[0]+i], x.shown[c[0]+j]
		if max(a.from, b.from, shown.from) < min(a.to, b.to, shown.to) {
			x.pairs = append(x.pairs, [2]int32{p[0] + i, c[0] + j})
		}
		switch {
		case a.to < b.to:
			i++
		case b.to < a.to:
			j++
		default:
			i, j = i+1, j+1
		}
	}
}
