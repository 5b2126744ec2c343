package past

import (
	"errors"
	"math"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// shape is a state as the graph shows it; both are nil for none.
type shape struct {
	node *graph.Node
	edge *graph.Edge
}

// shape makes one of an element.
func (s *stepper) shape(e *element) (out shape) {
	switch {
	case !e.known:
	case e.edge:
		out.edge = &graph.Edge{}
		e.toEdge(out.edge, slices.Clone(e.attrs))
	default:
		out.node = &graph.Node{}
		e.node(out.node, slices.Clone(e.attrs))
	}
	return out
}

// ended is a state with another time of its last change.
func (x shape) ended(at int64) shape {
	if x.node != nil {
		n := *x.node
		n.UpdatedAt = at
		return shape{node: &n}
	}
	e := *x.edge
	e.UpdatedAt = at
	return shape{edge: &e}
}

// op is the operation that leads from one state to another, 0 for none.
func opBetween(old, now shape, edge bool) graph.Op {
	was, is := old != shape{}, now != shape{}
	op := graph.NodeUpdated
	switch {
	case !was && !is:
		return 0
	case !was:
		op = graph.NodeAdded
	case !is:
		op = graph.NodeDeleted
	}
	if edge {
		op += graph.EdgeAdded - graph.NodeAdded
	}
	return op
}

// order opens the changes of an element and tells, in s.ends, from when on each
// of them, and the state before it, is replaced by a later one.
func (s *stepper) order(f *fold, t *touch) {
	s.chain = f.chain(t, s.chain)
	n := len(s.chain)
	s.ends = slices.Grow(s.ends[:0], n+1)[:n+1]
	s.ends[n] = end{at: math.MaxInt64}
	for i := n - 1; i >= 0; i-- {
		s.open(f, s.chain[i])
		s.ends[i] = s.ends[i+1]
		if s.h.valid < s.ends[i].at {
			s.ends[i].at = s.h.valid
		}
	}
}

// apply brings an element to its next state with the change that was opened
// last; false when what led there was lost. The attributes are e's own.
func (s *stepper) apply(e *element) (bool, error) {
	switch {
	case isDeleted(s.h.op):
		e.known = false
	case s.h.flags&flagFull != 0:
		s.d.full(&s.h, e)
	case e.known && e.revision+1 == s.h.revision:
		s.d.difference(&s.h, e, nil)
	default:
		return false, nil
	}
	return true, s.d.err
}

// element gathers the changes of one element; e is its state in the base.
func (g *gatherer) element(f *fold, t *touch, e *element) error {
	if _, counts := g.q.Of[t.id]; !counts && g.q.Of != nil {
		return nil
	}
	s := &g.st
	s.order(f, t)
	wanted := false
	for i, r := range s.chain {
		s.open(f, r)
		wanted = wanted || s.h.valid <= s.ends[i+1].at && g.room(s.h.valid)
	}
	if !wanted {
		return nil
	}
	s.attrs = append(s.attrs[:0], e.attrs...)
	e.attrs = s.attrs
	var old shape
	made := !e.known // old is the state before
	for i, r := range s.chain {
		fr := s.open(f, r)
		valid := s.h.valid
		shown := valid <= s.ends[i+1].at
		in := shown && g.room(valid)
		if !made && (in || !shown) {
			old, made = s.shape(e), true
		}
		ok, err := s.apply(e)
		if err != nil {
			return err
		}
		switch {
		case !ok || !shown:
		case !in:
			old, made = shape{}, !e.known
		default:
			now := s.shape(e)
			g.change(fr, r, t.edge, valid, old, now)
			old = now
		}
	}
	s.attrs = e.attrs
	return nil
}

// change takes a change from one state to another.
func (g *gatherer) change(fr *frame, r ref, edge bool, valid int64, old, now shape) {
	c := graph.Change{Revision: fr.revision + uint64(r.index), Op: opBetween(old, now, edge), At: valid, OldNode: old.node, OldEdge: old.edge}
	if c.Op == 0 {
		return
	}
	if isDeleted(c.Op) {
		now = old.ended(valid)
	}
	c.Node, c.Edge = now.node, now.edge
	g.add(&c, fr.at)
}

// wish is for an end of an edge about a time.
type wish struct {
	at  int64
	out **graph.Node
}

// nameEnds finds the ends of the edges that were found in a window.
func (g *gatherer) nameEnds(f *fold, root *base) error {
	wishes := make(map[entity.UUID][]wish)
	for _, d := range g.found {
		if d.Edge != nil && !d.named {
			wishes[d.Edge.Parent] = append(wishes[d.Edge.Parent], wish{d.At, &d.Parent})
			wishes[d.Edge.Child] = append(wishes[d.Edge.Child], wish{d.At, &d.Child})
			d.named = true
		}
	}
	if len(wishes) == 0 {
		return nil
	}
	if root != nil {
		for i := range root.nodeBlocks {
			if err := g.endsIn(f, root, &root.nodeBlocks[i], wishes); err != nil {
				return err
			}
		}
	}
	for id, w := range wishes {
		if t := f.find(&id); t != nil && !t.edge {
			if err := g.end(f, t, &element{id: id}, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// endsIn fulfils wishes for nodes of a block of the base.
func (g *gatherer) endsIn(f *fold, root *base, b *block, wishes map[entity.UUID][]wish) error {
	wanted := false
	for i := 0; i < b.count && !wanted; i++ {
		_, wanted = wishes[b.id(i)]
	}
	if !wanted {
		return nil
	}
	var failed error
	err := root.elements(b, &g.st.in, func(_ int, e *element) bool {
		if w := wishes[e.id]; w != nil {
			delete(wishes, e.id)
			failed = g.end(f, f.in(e), e, w)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

// end fulfils wishes for one node with its last state up to the time, else the
// first one after it; e is its state in the base, t is nil when it did not
// change.
func (g *gatherer) end(f *fold, t *touch, e *element, wishes []wish) error {
	s := &g.st
	s.attrs = append(s.attrs[:0], e.attrs...)
	e.attrs = s.attrs
	grant := func(from int64) {
		n := s.shape(e).node
		for _, w := range wishes {
			if n != nil && (*w.out == nil || from <= w.at) {
				*w.out = n
			}
		}
	}
	grant(math.MinInt64)
	if t == nil {
		return nil
	}
	s.order(f, t)
	for i, r := range s.chain {
		s.open(f, r)
		valid := s.h.valid
		ok, err := s.apply(e)
		if err != nil {
			return err
		}
		if ok && valid <= s.ends[i+1].at {
			grant(valid)
		}
	}
	s.attrs = e.attrs
	return nil
}
