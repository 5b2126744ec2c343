package gremlin

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// history is a Past in its simplest form: all revisions in a list, which is
// gone through for each view. What was asked for twice is the same view.
type history struct {
	nodes []*nodeRevision
	edges []*edgeRevision
	views map[viewKey]*graph.View
	// refuse, when set, is what At says.
	refuse error
}

type viewKey struct {
	span
	slice bool
}

// span is when something was valid: from its first millisecond to before its
// last.
type span struct{ from, to int64 }

type nodeRevision struct {
	span
	node graph.Node
}

type edgeRevision struct {
	span
	edge graph.Edge
}

func (a span) meets(b span) bool { return a.from < b.to && b.from < a.to }

func (a span) cut(b span) span { return span{max(a.from, b.from), min(a.to, b.to)} }

// add keeps what changed.
func (h *history) add(changes []graph.Change) {
	h.views = map[viewKey]*graph.View{}
	for i := range changes {
		c := &changes[i]
		if c.IsMark() {
			continue
		}
		if c.Node != nil {
			if c.OldNode != nil {
				h.endNode(c.Node.ID, c.At, c.Op == graph.NodeDeleted)
			}
			if c.Op != graph.NodeDeleted {
				h.nodes = append(h.nodes, &nodeRevision{span{c.At, math.MaxInt64}, *c.Node})
			}
			continue
		}
		if c.OldEdge != nil {
			h.endEdge(c.Edge.ID, c.At, c.Op == graph.EdgeDeleted)
		}
		if c.Op != graph.EdgeDeleted {
			h.edges = append(h.edges, &edgeRevision{span{c.At, math.MaxInt64}, *c.Edge})
		}
	}
}

func (h *history) endNode(id entity.UUID, at int64, deleted bool) {
	for _, r := range h.nodes {
		if r.node.ID == id && r.to == math.MaxInt64 {
			r.to, r.node.ArchivedAt = at, at
			if deleted {
				r.node.DeletedAt = at
			}
		}
	}
}

func (h *history) endEdge(id entity.UUID, at int64, deleted bool) {
	for _, r := range h.edges {
		if r.edge.ID == id && r.to == math.MaxInt64 {
			r.to, r.edge.ArchivedAt = at, at
			if deleted {
				r.edge.DeletedAt = at
			}
		}
	}
}

func (h *history) At(ctx context.Context, t time.Time) (*graph.View, error) {
	if h.refuse != nil {
		return nil, h.refuse
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := t.UnixMilli()
	return h.build(span{at, at + 1}, func(s span) bool { return s.from <= at && at < s.to }, false), nil
}

func (h *history) Slice(ctx context.Context, from, to time.Time) (*graph.View, error) {
	if to.Before(from) {
		return nil, errors.New("ends before it begins")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	window := span{from.UnixMilli(), to.UnixMilli() + 1}
	return h.build(window, window.meets, true), nil
}

func (h *history) build(window span, wanted func(span) bool, slice bool) *graph.View {
	key := viewKey{window, slice}
	if v := h.views[key]; v != nil {
		return v
	}
	b := graph.NewBuilder(len(h.nodes), len(h.edges))
	revisions := map[entity.UUID][]*nodeRevision{}
	for _, r := range h.nodes {
		if wanted(r.span) {
			n := r.node
			c := *r
			c.node.Slot = b.AddNode(&n)
			revisions[n.ID] = append(revisions[n.ID], &c)
		}
	}
	for _, r := range h.edges {
		if !wanted(r.span) {
			continue
		}
		e := r.edge
		if !slice {
			b.AddEdge(&e)
			continue
		}
		var ends [][2]int32
		for _, p := range revisions[e.Parent] {
			for _, c := range revisions[e.Child] {
				if both := p.cut(c.span).cut(r.span); both.from < both.to && both.meets(window) {
					ends = append(ends, [2]int32{p.node.Slot, c.node.Slot})
				}
			}
		}
		b.AddEdgeBetween(&e, ends)
	}
	v := b.View(uint64(len(h.nodes) + len(h.edges)))
	if len(h.views) > 1000 { // of a fuzz run
		clear(h.views)
	}
	h.views[key] = v
	return v
}
