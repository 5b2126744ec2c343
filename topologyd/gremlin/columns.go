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
		of := "Flows"
		if len(r.groups) > 0 {
			switch g := r.groups[0]; {
			case !g.value.IsZero():
				of = "Value"
			case g.kind == KindNodes:
				of = "Nodes"
			case g.kind == KindEdges:
				of = "Edges"
			}
		}
		return []string{"Group", of}
	case KindMetrics:
		return append([]string{"ID"}, r.counterKeys()...)
	case KindMap:
		return r.counterKeys()
	case KindPackets:
		return []string{"Time", "Interface", "Capture", "Wire", "Kept", "Flow"}
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
			for slot := range r.NodeSlots() {
				if !yield(nodeRow(r.view, slot)) {
					return
				}
			}
		case KindEdges:
			for slot := range r.EdgeSlots() {
				if !yield(edgeRow(r.view, slot)) {
					return
				}
			}
		case KindPaths:
			for _, path := range r.paths {
				names := make([]string, len(path))
				for i, slot := range path {
					if slot < 0 {
						names[i] = r.view.RelationType(^slot)
					} else {
						names[i] = nodeName(r.view, slot)
					}
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
				what := number(uint64(g.count()))
				if !g.value.IsZero() {
					what = g.value.Text()
				}
				if !yield([]string{g.name, what}) {
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
		case KindPackets:
			for _, p := range r.packets {
				if !yield(packetRow(p)) {
					return
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

func nodeRow(v *graph.View, slot int32) []string {
	return []string{v.NodeID(slot).String(), cell(v, slot, entity.KeyType), cell(v, slot, entity.KeyName),
		cell(v, slot, "State"), v.NodeHost(slot), text(first(nodeLookup(v, slot), graph.FieldRevision))}
}

func edgeRow(v *graph.View, slot int32) []string {
	parent, child := edgeEnds(v, slot)
	return []string{v.EdgeID(slot).String(), v.RelationType(slot), nodeName(v, parent), nodeName(v, child),
		text(first(edgeLookup(v, slot), graph.FieldRevision))}
}

// edgeEnds are the slots of parent and child of an edge; in a slice, of one of
// the pairs that it stood between.
func edgeEnds(v *graph.View, edge int32) (parent, child int32) {
	for parent, child = range v.Ends(edge) {
		break
	}
	return parent, child
}

func cell(v *graph.View, slot int32, key string) string { return text(v.NodeAttr(slot, key)) }

// text is a value as a cell shows it, "" when it is missing.
func text(v entity.Value) string {
	if v.IsZero() {
		return ""
	}
	return v.Text()
}

// nodeName is the Name of a node, its ID when it has none.
func nodeName(v *graph.View, slot int32) string {
	if name := cell(v, slot, entity.KeyName); name != "" {
		return name
	}
	return v.NodeID(slot).String()
}

func number(n uint64) string { return entity.Uint(n).Text() }
