package diff

import (
	"context"
	"fmt"
	"iter"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Results compares the results of one query, ra and rb, run on the views a and
// b. Nodes and edges are compared as sets, values, maps and paths by how often the result holds
// them; the order does not matter. Of a slice of time the newest state of each
// element counts. The errors are those of [Views].
//
// An element is removed when the second result no longer holds it, though it
// may still be there and match no longer.
func Results(ctx context.Context, a, b *graph.View, ra, rb *gremlin.Result, opt Options) (*Diff, error) {
	if ra.Kind() != rb.Kind() {
		return nil, fmt.Errorf("compare %s with %s", ra.Kind(), rb.Kind())
	}
	c := &comparison{ctx: ctx, opt: opt, a: a, b: b, out: &Diff{}}
	switch ra.Kind() {
	case gremlin.KindNumber:
		c.out.Number = &Number{ra.Number(), rb.Number()}
		return c.out, nil
	case gremlin.KindValues, gremlin.KindMaps:
		c.values(ra.Values(), rb.Values())
	default:
		newer := func(x, y *graph.Node) bool { return x.UpdatedAt >= y.UpdatedAt }
		sets(ra.Nodes(), rb.Nodes(), func(n *graph.Node) entity.UUID { return n.ID }, newer, c.node)
	}
	switch ra.Kind() {
	case gremlin.KindPaths:
		c.values(paths(ra.Paths()), paths(rb.Paths()))
	case gremlin.KindEdges, gremlin.KindGraph:
		newer := func(x, y *graph.Edge) bool { return x.UpdatedAt >= y.UpdatedAt }
		sets(ra.Edges(), rb.Edges(), func(e *graph.Edge) entity.UUID { return e.ID }, newer, c.edge)
	}
	if c.err != nil {
		return nil, c.err
	}
	c.out.sort()
	return c.out, nil
}

// sets calls compare with both states of everything that one of two sets holds,
// until it returns false.
func sets[T any](a, b iter.Seq[*T], id func(*T) entity.UUID, newer func(x, y *T) bool, compare func(old, now *T) bool) {
	collect := func(s iter.Seq[*T]) map[entity.UUID]*T {
		out := make(map[entity.UUID]*T)
		for x := range s {
			if y := out[id(x)]; y == nil || newer(x, y) {
				out[id(x)] = x
			}
		}
		return out
	}
	old, now := collect(a), collect(b)
	for k, x := range old {
		if !compare(x, now[k]) {
			return
		}
	}
	for k, x := range now {
		if old[k] == nil && !compare(nil, x) {
			return
		}
	}
}

// values compares two lists of values without their order.
func (c *comparison) values(a, b iter.Seq[entity.Value]) {
	type tally struct {
		value entity.Value
		n     int // in b less those in a
	}
	tallies := make(map[string]*tally)
	var key []byte
	add := func(s iter.Seq[entity.Value], n int) {
		for v := range s {
			if !c.count() {
				return
			}
			key = v.AppendJSON(key[:0])
			t := tallies[string(key)]
			if t == nil {
				t = &tally{value: v}
				tallies[string(key)] = t
			}
			t.n += n
		}
	}
	add(a, -1)
	add(b, +1)
	for _, t := range tallies {
		if t.n == 0 {
			continue
		}
		if !c.room() {
			return
		}
		v := Value{Added, t.value, t.n}
		if t.n < 0 {
			v.Op, v.Count = Removed, -t.n
		}
		c.out.Values = append(c.out.Values, v)
	}
}

// paths gives each path as a list of the IDs of its nodes.
func paths(s iter.Seq[[]*graph.Node]) iter.Seq[entity.Value] {
	return func(yield func(entity.Value) bool) {
		for path := range s {
			ids := make([]string, len(path))
			for i, n := range path {
				ids[i] = n.ID.String()
			}
			if !yield(entity.Strings(ids...)) {
				return
			}
		}
	}
}
