package gremlin

import (
	"iter"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Columns returns the headings of the answer as a table: fixed ones for nodes,
// edges and paths, the keys that occur for maps. A graph shows its nodes.
func (r *Result) Columns() []string {
	switch r.kind {
	case KindNodes, KindGraph:
		return []string{"ID", "Type", "Name", "State", "Host", "Revision"}
	case KindEdges:
		return []string{"ID", "RelationType", "Parent", "Child", "Revision"}
	case KindPaths:
		return []string{"Hops", "Path"}
	case KindMaps:
		var keys []string
		for _, v := range r.values {
			for _, a := range v.Map() {
				if i, ok := slices.BinarySearch(keys, a.Key); !ok {
					keys = slices.Insert(keys, i, a.Key)
				}
			}
		}
		return keys
	case KindNumber:
		return []string{"Number"}
	case KindFlows:
		return []string{"Application", "A", "B", "ABPackets", "ABBytes", "BAPackets", "BABytes", "Last", "Interface", "UUID"}
	case KindGroups:
		return []string{"Group", "Flows"}
	case KindMetrics:
		return append([]string{"ID"}, r.counterKeys()...)
	case KindMap:
		return r.counterKeys()
	default:
		return []string{"Value"}
	}
}

// Rows yields the cells of the table, row by row, in the order of Columns. A
// cell of what is missing is "".
func (r *Result) Rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		switch r.kind {
		case KindNodes, KindGraph:
			for n := range r.Nodes() {
				if !yield([]string{n.ID.String(), cell(n, entity.KeyType), cell(n, entity.KeyName), cell(n, "State"), n.Host, number(n.Revision)}) {
					return
				}
			}
		case KindEdges:
			for e := range r.Edges() {
				parent, child := nodeName(r.view.NodeAt(e.ParentSlot)), nodeName(r.view.NodeAt(e.ChildSlot))
				if !yield([]string{e.ID.String(), e.RelationType, parent, child, number(e.Revision)}) {
					return
				}
			}
		case KindPaths:
			for path := range r.Paths() {
				names := make([]string, len(path))
				for i, n := range path {
					names[i] = nodeName(n)
				}
				if !yield([]string{number(uint64(len(path) - 1)), strings.Join(names, " - ")}) {
					return
				}
			}
		case KindMaps:
			keys := r.Columns()
			for _, v := range r.values {
				row := make([]string, len(keys))
				for _, a := range v.Map() {
					if i, ok := slices.BinarySearch(keys, a.Key); ok {
						row[i] = a.Value.Text()
					}
				}
				if !yield(row) {
					return
				}
			}
		case KindFlows:
			for _, f := range r.flows {
				if !yield(flowRow(f)) {
					return
				}
			}
		case KindGroups:
			for _, g := range r.groups {
				if !yield([]string{g.name, number(uint64(len(g.flows)))}) {
					return
				}
			}
		case KindMetrics:
			keys := r.counterKeys()
			for _, g := range r.groups {
				for _, m := range g.metrics {
					if !yield(append([]string{g.name}, metricRow(m, keys)...)) {
						return
					}
				}
			}
		case KindMap:
			yield(metricRow(r.number.Map(), r.counterKeys()))
		default:
			for v := range r.Values() {
				if !yield([]string{v.Text()}) {
					return
				}
			}
		}
	}
}

func cell(n *graph.Node, key string) string {
	if v := n.Attrs.Get(key); !v.IsZero() {
		return v.Text()
	}
	return ""
}

// nodeName is the Name of a node, its ID when it has none.
func nodeName(n *graph.Node) string {
	if name := cell(n, entity.KeyName); name != "" {
		return name
	}
	return n.ID.String()
}

func number(n uint64) string { return entity.Uint(n).Text() }
