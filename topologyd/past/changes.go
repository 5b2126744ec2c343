package past

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/skein-net/skein/topologyd/graph"
)

// Changes calls fn with all changes after a revision in their order, some at a
// time, up to the last one that was appended when it is called. fn may keep
// what it is given; its error ends the run and is returned as it is. The error
// is ErrTooOld when not all of them are kept; it tells after which revision
// they are. Slots are not set in the elements.
func (s *Store) Changes(ctx context.Context, after uint64, fn func([]graph.Change) error) error {
	for try := 0; ; try++ {
		l, err := s.readable()
		if err != nil {
			return err
		}
		r := &replay{s: s, l: &l, after: after, fn: fn}
		err = r.run(ctx)
		after = r.after
		if err == nil || r.refused || try > len(l.bases)+3 || !errors.Is(err, errBadBase) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// replay gives changes as the graph made them.
type replay struct {
	s     *Store
	l     *layout
	after uint64
	fn    func([]graph.Change) error
	// refused: the error is fn's.
	refused bool
}

// run goes from base to base.
func (r *replay) run(ctx context.Context) error {
	for r.after < r.l.revision {
		info, err := r.l.rootAt(r.after)
		if err != nil {
			return err
		}
		revision, next := uint64(0), r.l.revision
		if info != nil {
			revision = info.revision
		}
		for i := range r.l.bases {
			if b := &r.l.bases[i]; !b.bad && b.revision > revision {
				next = b.revision
				break
			}
		}
		if err := r.segment(ctx, info, revision, next); err != nil {
			return err
		}
		if r.after < next {
			return r.lost(r.after)
		}
	}
	return nil
}

// lost is the error for changes that are not kept, after a revision.
func (r *replay) lost(after uint64) error {
	for i := range r.l.bases {
		if b := &r.l.bases[i]; !b.bad && b.revision > after {
			return ErrTooOld{Oldest: timeOf(b.at), Revision: b.revision}
		}
	}
	return ErrTooOld{Oldest: timeOf(r.l.at), Revision: r.l.revision}
}

// segment gives the changes between two bases.
func (r *replay) segment(ctx context.Context, info *baseInfo, from, to uint64) error {
	f := newFold(0, 0)
	var files []*changes
	for i := range r.l.files {
		x := &r.l.files[i]
		if x.last <= from || x.start >= to {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := x.load()
		if err != nil {
			return err
		}
		files = append(files, c)
	}
	var order []uint32 // of each change, its element
	for _, c := range files {
		if err := f.name(c, &order); err != nil {
			return err
		}
		r.s.noteLost(c)
	}
	needed := f.needed(order, r.after)
	states := make([]element, len(f.touched)+1)
	if info != nil {
		root, err := r.s.openRoot(info)
		if err != nil {
			return err
		}
		if err := f.states(root, states, needed); err != nil {
			return err
		}
	}
	g := &giver{
		replay: r, from: from, to: to, states: states, needed: needed, own: make([]bool, len(states)),
		nodes: make([]*graph.Node, len(states)), edges: make([]*graph.Edge, len(states)),
	}
	for _, i := range f.frames {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := g.frame(&i, order[:i.count]); err != nil {
			return err
		}
		order = order[i.count:]
	}
	return nil
}

// name finds out of which element each change of a file is.
func (f *fold) name(c *changes, order *[]uint32) error {
	f.numbers, f.limit = f.numbers[:0], uint32(min(len(c.s)/minNamed+1, maxNumber))
	return c.each(func(_ summary, payload string) error {
		fr, err := readFrame(payload, &f.d)
		if err != nil {
			return err
		}
		f.frames = append(f.frames, fr)
		f.d.read(fr.body, fr.table)
		next := fr.number
		var h changeHead
		for range fr.count {
			if f.d.changeHead(0, &h); f.d.err != nil {
				return f.d.err
			}
			*order = append(*order, f.element(&h, next))
			if h.flags&flagNumber == 0 {
				next++
			}
		}
		return nil
	})
}

// needed tells which elements changed after a revision.
func (f *fold) needed(order []uint32, after uint64) []bool {
	out := make([]bool, len(f.touched)+1)
	for i := range f.frames {
		fr := &f.frames[i]
		for j, n := range order[:fr.count] {
			if fr.revision+uint64(j) > after {
				out[n] = true
			}
		}
		order = order[fr.count:]
	}
	return out
}

// states fills in the states that elements have in a base.
func (f *fold) states(root *base, states []element, needed []bool) error {
	var d decoder
	for _, blocks := range [][]block{root.nodeBlocks, root.edgeBlocks} {
		for i := range blocks {
			b, wanted := &blocks[i], false
			for j := range b.count {
				id := b.id(j)
				if wanted = needed[f.number(&id)]; wanted {
					break
				}
			}
			if !wanted {
				continue
			}
			err := root.elements(b, &d, func(_ int, e *element) bool {
				if n := f.number(&e.id); n != 0 && needed[n] {
					states[n] = *e
				}
				return true
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// giver applies the changes of a segment one by one and gives them on.
type giver struct {
	*replay
	from, to uint64
	d, in    decoder
	states   []element
	needed   []bool
	own      []bool        // the attributes of the state are nobody else's
	nodes    []*graph.Node // the states, as far as they are needed
	edges    []*graph.Edge
}

func (g *giver) frame(fr *frame, order []uint32) error {
	var out []graph.Change
	g.d.read(fr.body, fr.table)
	ms := milliseconds(fr.at)
	var h changeHead
	for i, n := range order {
		if g.d.changeHead(ms, &h); g.d.err != nil {
			return g.d.err
		}
		revision := fr.revision + uint64(i)
		if revision <= g.from || revision > g.to || n != 0 && !g.needed[n] {
			continue
		}
		wanted := revision > g.after
		if wanted && revision != g.after+uint64(len(out))+1 {
			return g.end(out, g.lost(g.after+uint64(len(out))))
		}
		var c graph.Change
		ok, err := g.change(fr, &h, n, wanted, &c)
		if err != nil {
			return err
		}
		switch {
		case !wanted:
		case !ok:
			return g.end(out, g.lost(revision))
		default:
			c.Revision, c.Op, c.At = revision, h.op, h.valid
			out = append(out, c)
		}
	}
	return g.end(out, nil)
}

// end gives what was gathered, and then returns an error.
func (g *giver) end(out []graph.Change, err error) error {
	if len(out) == 0 {
		return err
	}
	g.after = out[len(out)-1].Revision
	if fnErr := g.fn(out); fnErr != nil {
		g.refused = true
		return fnErr
	}
	return err
}

// change applies one change and, when it is wanted, says what it was; false
// when the state before was lost.
func (g *giver) change(fr *frame, h *changeHead, n uint32, wanted bool, c *graph.Change) (bool, error) {
	if n == 0 {
		return false, nil
	}
	e := &g.states[n]
	if wanted && e.known && !isAdded(h.op) {
		c.OldNode, c.OldEdge = g.shape(n)
	}
	g.in.read(h.body, fr.table)
	switch {
	case isDeleted(h.op):
		if !e.known {
			return false, nil
		}
		e.updated = h.valid
	case h.flags&flagFull != 0:
		e.attrs, g.own[n] = nil, true
		g.in.full(h, e)
	case e.known && e.revision+1 == h.revision:
		if !g.own[n] {
			e.attrs, g.own[n] = slices.Clone(e.attrs), true
		}
		g.in.difference(h, e, nil)
	default:
		e.known = false
		return false, nil
	}
	g.nodes[n], g.edges[n] = nil, nil
	if wanted {
		c.Node, c.Edge = g.shape(n)
	}
	if isDeleted(h.op) {
		e.known = false
	}
	return true, g.in.err
}

// shape returns the state of an element as the graph shows it.
func (g *giver) shape(n uint32) (*graph.Node, *graph.Edge) {
	e := &g.states[n]
	g.own[n] = false
	if e.edge {
		if g.edges[n] == nil {
			g.edges[n] = &graph.Edge{}
			e.toEdge(g.edges[n], e.attrs)
		}
		return nil, g.edges[n]
	}
	if g.nodes[n] == nil {
		g.nodes[n] = &graph.Node{}
		e.node(g.nodes[n], e.attrs)
	}
	return g.nodes[n], nil
}
