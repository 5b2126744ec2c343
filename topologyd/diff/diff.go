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
	for old := range a.NodeList() {
		if !c.nodeSlots(old, sameNode(a, old, b)) {
			return nil, c.err
		}
	}
	for now := range b.NodeList() {
		if sameNode(b, now, a) == missing && !c.nodeSlots(missing, now) {
			return nil, c.err
		}
	}
	for old := range a.EdgeList() {
		if !c.edgeSlots(old, sameEdge(a, old, b)) {
			return nil, c.err
		}
	}
	for now := range b.EdgeList() {
		if sameEdge(b, now, a) == missing && !c.edgeSlots(missing, now) {
			return nil, c.err
		}
	}
	c.out.sort()
	return c.out, nil
}

// missing is the slot of an element that a view does not hold.
const missing = -1

// sameNode finds a node of one view in another; most are in the same slot
// there.
func sameNode(of *graph.View, slot int32, in *graph.View) int32 {
	id := of.NodeID(slot)
	if in.HasNode(slot) && in.NodeID(slot) == id {
		return slot
	}
	return in.NodeSlot(id)
}

func sameEdge(of *graph.View, slot int32, in *graph.View) int32 {
	id := of.EdgeID(slot)
	if in.HasEdge(slot) && in.EdgeID(slot) == id {
		return slot
	}
	return in.EdgeSlot(id)
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

// nodeSlots compares the node in a slot of the first view with that in a slot of
// the second, one of which may be missing. An element of the same age in the
// same revision is the same.
func (c *comparison) nodeSlots(old, now int32) bool {
	if !c.count() {
		return false
	}
	n := Node{}
	if old != missing && now != missing {
		created, updated := c.a.NodeTimes(old)
		if x, y := c.b.NodeTimes(now); x == created && y == updated && c.a.NodeRevision(old) == c.b.NodeRevision(now) {
			return true
		}
	}
	if old != missing {
		n.Old = c.a.NodeAt(old)
	}
	if now != missing {
		n.New = c.b.NodeAt(now)
	}
	return c.node(n)
}

// node adds two states of a node when they differ.
func (c *comparison) node(n Node) bool {
	old, now := n.Old, n.New
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

// edgeSlots is nodeSlots for edges.
func (c *comparison) edgeSlots(old, now int32) bool {
	if !c.count() {
		return false
	}
	e := Edge{}
	if old != missing && now != missing {
		created, updated := c.a.EdgeTimes(old)
		if x, y := c.b.EdgeTimes(now); x == created && y == updated && c.a.EdgeRevision(old) == c.b.EdgeRevision(now) {
			return true
		}
	}
	if old != missing {
		e.Old = c.a.EdgeAt(old)
	}
	if now != missing {
		e.New = c.b.EdgeAt(now)
	}
	return c.edge(e)
}

// edge adds two states of an edge when they differ.
func (c *comparison) edge(e Edge) bool {
	old, now := e.Old, e.New
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
