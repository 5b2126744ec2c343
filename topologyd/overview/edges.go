package overview

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
)

// bundle are edges that are drawn as one.
type bundle struct {
	from, to int32
	typ      string
}

// strand is what is known of a bundle.
type strand struct {
	bundle
	first *link
	count int
	fresh int
	// ops counts edges by what became of them.
	ops   diff.Summary
	rate  float64
	known bool
}

// edges merges the edges by what they lead from and to in the picture.
func (d *drawing) edges(ctx context.Context, p *Picture) error {
	where := make(map[bundle]int)
	var list []strand
	for i := range d.s.links {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return stopped(ctx)
		}
		l := &d.s.links[i]
		b := bundle{d.shown[l.from], d.shown[l.to], l.relation}
		if n := &p.Nodes[b.from]; b.from == b.to && n.Group != nil {
			if n.Group.Edges++; n.ID == Others {
				p.LeftOut.Edges++
			} else {
				p.Grouped.Edges++
			}
			continue
		}
		at, ok := where[b]
		if !ok {
			at = len(list)
			where[b] = at
			list = append(list, strand{bundle: b, first: l})
		}
		list[at].add(d, l)
	}
	slices.SortFunc(list, func(a, b strand) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), strings.Compare(a.typ, b.typ))
	})
	p.Edges = make([]Edge, len(list))
	for i := range list {
		p.Edges[i] = list[i].edge(p, d.s.src.View)
	}
	return nil
}

// add counts an edge.
func (x *strand) add(d *drawing, l *link) {
	x.count++
	if !l.stale {
		x.fresh++
	}
	if l.diff != nil {
		count(&x.ops, l.diff.Op())
	}
	if l.relation != entity.Layer2 {
		return
	}
	most := 0.0
	for _, end := range [...]int32{l.from, l.to} {
		if d.known[end] {
			x.known = true
			most = max(most, d.rates[end].Rx+d.rates[end].Tx)
		}
	}
	x.rate += most
}

// edge makes the edge of the picture.
func (x *strand) edge(p *Picture, v *graph.View) Edge {
	e := Edge{Source: p.Nodes[x.from].ID, Target: p.Nodes[x.to].ID, Type: x.typ, Count: x.count, Stale: x.fresh == 0}
	switch {
	case x.ops.Total() == 0:
	case x.ops.Added == x.count:
		e.Change = diff.Added
	case x.ops.Removed == x.count:
		e.Change = diff.Removed
	default:
		e.Change = diff.Changed
	}
	if x.known {
		e.Rate = &x.rate
	}
	if x.count > 1 {
		e.ID = entity.Ref{Type: "topology.edge", ID: entity.NewIdentity("source", e.Source, "target", e.Target, "type", e.Type)}.UUID()
		return e
	}
	if e.Edge = x.first.edge; e.Edge == nil {
		e.Edge = v.EdgeAt(x.first.slot)
	}
	e.ID = e.Edge.ID
	if x.first.diff != nil {
		e.Keys = x.first.diff.Keys
	}
	return e
}
