package diff

import (
	"context"
	"fmt"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Op tells what became of an element from the first state to the second.
type Op uint8

// What can become of an element.
const (
	Added Op = iota + 1
	Removed
	Changed
)

// String returns the operation as answers name it.
func (o Op) String() string {
	switch o {
	case Added:
		return "added"
	case Removed:
		return "removed"
	case Changed:
		return "changed"
	default:
		return "unknown"
	}
}

// Node is one node that differs.
type Node struct {
	// Old is nil when it was added, New when it was removed.
	Old, New *graph.Node
	// Keys are those that changed, in order; none of an added or removed node.
	Keys []Key
}

// Op returns what became of the node.
func (n *Node) Op() Op { return opOf(n.Old != nil, n.New != nil) }

// Last returns the newest state that there is.
func (n *Node) Last() *graph.Node {
	if n.New != nil {
		return n.New
	}
	return n.Old
}

// Edge is one edge that differs.
type Edge struct {
	// Old is nil when it was added, New when it was removed.
	Old, New *graph.Edge
	// Keys are those that changed, in order; none of an added or removed edge.
	Keys []Key
	// Parent and Child name the ends, nil when the state does not hold them.
	Parent, Child *graph.Node
}

// Op returns what became of the edge.
func (e *Edge) Op() Op { return opOf(e.Old != nil, e.New != nil) }

// Last returns the newest state that there is.
func (e *Edge) Last() *graph.Edge {
	if e.New != nil {
		return e.New
	}
	return e.Old
}

// Value is a value of a query's result that differs.
type Value struct {
	Op    Op // Added or Removed
	Value entity.Value
	// Count is how many times more, or less, the result holds it.
	Count int
}

// Number is the result of a query that gives one; both are the same when it
// did not change.
type Number struct{ Old, New entity.Value }

// Diff is the difference between two states. Its lists are sorted: nodes by
// host, name, type and ID, edges by type and their ends, values by value.
type Diff struct {
	Nodes []Node
	Edges []Edge
	// Values differ when the query gives values or maps.
	Values []Value
	// Number is set when the query gives a number.
	Number *Number
}

// Empty reports whether the states are the same.
func (d *Diff) Empty() bool {
	return len(d.Nodes)+len(d.Edges)+len(d.Values) == 0 && (d.Number == nil || d.Number.Old.Equal(d.Number.New))
}

// Options choose what is compared.
type Options struct {
	// Keys selects the keys whose changes count.
	Keys Selection
	// Elements is how many differing elements there may be; 0 is no limit.
	Elements int
}

// Views compares two views of the graph, neither of them a slice of time. The
// error is the context's, or a [gremlin.LimitError] for more than
// [Options.Elements].
func Views(ctx context.Context, a, b *graph.View, opt Options) (*Diff, error) {
	c := &comparison{ctx: ctx, opt: opt, a: a, b: b, out: &Diff{}}
	for old := range a.Nodes() {
		if !c.node(old, sameNode(b, old)) {
			return nil, c.err
		}
	}
	for now := range b.Nodes() {
		if sameNode(a, now) == nil && !c.node(nil, now) {
			return nil, c.err
		}
	}
	for old := range a.Edges() {
		if !c.edge(old, sameEdge(b, old)) {
			return nil, c.err
		}
	}
	for now := range b.Edges() {
		if sameEdge(a, now) == nil && !c.edge(nil, now) {
			return nil, c.err
		}
	}
	c.out.sort()
	return c.out, nil
}

// sameNode finds a node in another view; most are in the same slot there.
func sameNode(v *graph.View, n *graph.Node) *graph.Node {
	if x := v.NodeAt(n.Slot); x != nil && x.ID == n.ID {
		return x
	}
	return v.Node(n.ID)
}

func sameEdge(v *graph.View, e *graph.Edge) *graph.Edge {
	if x := v.EdgeAt(e.Slot); x != nil && x.ID == e.ID {
		return x
	}
	return v.Edge(e.ID)
}

// checkEvery is after how many compared elements the context is asked.
const checkEvery = 1024

// comparison is one comparison under way.
type comparison struct {
	ctx  context.Context
	opt  Options
	a, b *graph.View
	out  *Diff
	seen int
	err  error
}

// count counts a compared element; false means stop.
func (c *comparison) count() bool {
	if c.seen++; c.seen%checkEvery == 0 && c.ctx.Err() != nil {
		c.err = fmt.Errorf("compare: %w", context.Cause(c.ctx))
	}
	return c.err == nil
}

// room checks the limit on elements before one is added.
func (c *comparison) room() bool {
	if n := len(c.out.Nodes) + len(c.out.Edges) + len(c.out.Values); c.opt.Elements > 0 && n >= c.opt.Elements {
		c.err = &gremlin.LimitError{Limit: "results", Max: fmt.Sprintf("%d differing elements", c.opt.Elements),
			Hint: "compare the results of a query, or choose keys"}
	}
	return c.err == nil
}

// node compares two states of a node, one of which may be nil.
func (c *comparison) node(old, now *graph.Node) bool {
	if !c.count() || old == now {
		return c.err == nil
	}
	n := Node{Old: old, New: now}
	if old != nil && now != nil {
		if n.Keys = Nodes(old, now, c.opt.Keys); len(n.Keys) == 0 {
			return true
		}
	}
	if !c.room() {
		return false
	}
	c.out.Nodes = append(c.out.Nodes, n)
	return true
}

// edge compares two states of an edge, one of which may be nil.
func (c *comparison) edge(old, now *graph.Edge) bool {
	if !c.count() || old == now {
		return c.err == nil
	}
	e := Edge{Old: old, New: now}
	if old != nil && now != nil {
		if e.Keys = Edges(old, now, c.opt.Keys); len(e.Keys) == 0 {
			return true
		}
	}
	if !c.room() {
		return false
	}
	last := e.Last()
	e.Parent, e.Child = c.end(last.Parent), c.end(last.Child)
	c.out.Edges = append(c.out.Edges, e)
	return true
}

// end finds an end of an edge in the newest state that has it.
func (c *comparison) end(id entity.UUID) *graph.Node {
	if n := c.b.Node(id); n != nil {
		return n
	}
	return c.a.Node(id)
}

func opOf(old, now bool) Op {
	switch {
	case !old:
		return Added
	case !now:
		return Removed
	default:
		return Changed
	}
}
