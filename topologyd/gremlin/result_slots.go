package gremlin

import (
	"iter"
	"slices"

	"github.com/skein-net/skein/topologyd/graph"
)

// View is the graph that the elements of the result are of: that of another time
// when the query goes to one.
func (r *Result) View() *graph.View { return r.view }

// NodeSlots yields the slots of what [Result.Nodes] yields, in the same order,
// without making the nodes.
func (r *Result) NodeSlots() iter.Seq[int32] {
	switch {
	case r.kind == KindNodes:
		return slices.Values(r.slots)
	case r.kind == KindPaths:
		return r.nodeSet().all()
	case r.kind == KindGraph && r.scope == nil:
		return r.view.NodeList()
	case r.kind == KindGraph:
		return r.scope.nodes.all()
	default:
		return func(func(int32) bool) {}
	}
}

// EdgeSlots yields the slots of what [Result.Edges] yields, in the same order,
// without making the edges.
func (r *Result) EdgeSlots() iter.Seq[int32] {
	switch {
	case r.kind == KindEdges:
		return slices.Values(r.slots)
	case r.kind == KindGraph && r.scope == nil:
		return r.view.EdgeList()
	case r.kind == KindGraph:
		return r.scope.edges.all()
	default:
		return func(func(int32) bool) {}
	}
}
