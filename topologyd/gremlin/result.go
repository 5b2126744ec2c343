package gremlin

import (
	"iter"
	"slices"
	"sync/atomic"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// Result is the answer to a query: elements of one kind, of the view it was
// run on. It is immutable and keeps the view alive.
type Result struct {
	query *Query
	kind  Kind
	view  *graph.View
	scope *scope

	slots   []int32
	values  []entity.Value
	paths   [][]int32
	flows   []*flowrecord.Record
	groups  []*group
	packets []*RawPacket
	number  entity.Value

	maxBytes int
	// partial tells that what does not fit may be left out, limit what broke the
	// answer off, cut that something was left out where it was written.
	partial bool
	limit   string
	cut     *atomic.Bool
}

// Kind tells which of the accessors holds the answer.
func (r *Result) Kind() Kind { return r.kind }

// Revision is the revision of the graph that was asked.
func (r *Result) Revision() uint64 { return r.view.Revision() }

// Len is the number of elements: nodes, edges, values, paths, flows, groups or packets;
// of a graph its nodes and edges together; 1 for a number or a single map.
func (r *Result) Len() int {
	switch r.kind {
	case KindNodes, KindEdges:
		return len(r.slots)
	case KindPaths:
		return len(r.paths)
	case KindNumber, KindMap:
		return 1
	case KindFlows:
		return len(r.flows)
	case KindGroups, KindMetrics:
		return len(r.groups)
	case KindPackets:
		return len(r.packets)
	case KindGraph:
		if r.scope == nil {
			return r.view.NodeCount() + r.view.EdgeCount()
		}
		return r.scope.nodes.count() + r.scope.edges.count()
	default:
		return len(r.values)
	}
}

// Nodes yields the nodes of a result of nodes or of a graph, in order; of
// paths, each node on one of them once.
func (r *Result) Nodes() iter.Seq[*graph.Node] {
	return each(r.NodeSlots(), r.view.NodeAt)
}

// Edges yields the edges of a result of edges or of a graph, in order.
func (r *Result) Edges() iter.Seq[*graph.Edge] {
	return each(r.EdgeSlots(), r.view.EdgeAt)
}

// Flows yields the flows of a result of flows, in order. They must not be
// changed.
func (r *Result) Flows() iter.Seq[*flowrecord.Record] { return slices.Values(r.flows) }

// Groups yields the names of groups with their flows.
func (r *Result) Groups() iter.Seq2[string, []*flowrecord.Record] {
	return func(yield func(string, []*flowrecord.Record) bool) {
		for _, g := range r.groups {
			if r.kind != KindGroups || !yield(g.name, g.flows) {
				return
			}
		}
	}
}

// Metrics yields metrics with the ID of the node or flow that they speak of, or
// "Aggregated": counters, Start and Last in milliseconds, RTT in nanoseconds.
func (r *Result) Metrics() iter.Seq2[string, []entity.Attrs] {
	return func(yield func(string, []entity.Attrs) bool) {
		for _, g := range r.groups {
			if r.kind != KindMetrics || !yield(g.name, g.metrics) {
				return
			}
		}
	}
}

// Values yields the values of a result of values or maps, the one of a number
// or a single map.
func (r *Result) Values() iter.Seq[entity.Value] {
	return func(yield func(entity.Value) bool) {
		if r.kind == KindNumber || r.kind == KindMap {
			yield(r.number)
			return
		}
		for _, v := range r.values {
			if !yield(v) {
				return
			}
		}
	}
}

// Number is the answer of Count and Sum, a map for Sum of whole metrics, none
// for every other kind.
func (r *Result) Number() entity.Value { return r.number }

// Paths yields the nodes of paths, each from its start to its target. The slice
// is the caller's.
func (r *Result) Paths() iter.Seq[[]*graph.Node] {
	return func(yield func([]*graph.Node) bool) {
		for _, path := range r.paths {
			nodes := make([]*graph.Node, 0, len(path))
			for _, slot := range path {
				if slot >= 0 {
					nodes = append(nodes, r.view.NodeAt(slot))
				}
			}
			if !yield(nodes) {
				return
			}
		}
	}
}

// nodeSet is the set of all nodes that the result speaks of.
func (r *Result) nodeSet() bitset {
	if r.kind == KindGraph && r.scope != nil {
		return r.scope.nodes
	}
	set := newBitset(r.view.NodeSlots())
	switch r.kind {
	case KindNodes:
		for _, slot := range r.slots {
			set.set(slot)
		}
	case KindEdges:
		for _, slot := range r.slots {
			for parent, child := range r.view.Ends(slot) {
				set.set(parent)
				set.set(child)
			}
		}
	case KindPaths:
		for _, path := range r.paths {
			for _, slot := range path {
				if slot >= 0 {
					set.set(slot)
				}
			}
		}
	case KindGraph:
		for slot := range r.view.NodeList() {
			set.set(slot)
		}
	}
	return set
}

func each[T any](slots iter.Seq[int32], get func(int32) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for slot := range slots {
			if !yield(get(slot)) {
				return
			}
		}
	}
}
