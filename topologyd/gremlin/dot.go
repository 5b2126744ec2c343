package gremlin

import (
	"io"

	"github.com/skein-net/skein/internal/entity"
)

// dotHead begins every drawing: from left to right, readable on any ground.
const dotHead = `digraph topology {
  graph [rankdir=LR nodesep=0.25 ranksep=0.7]
  node [shape=box style="rounded,filled" fillcolor="#eef3f8" color="#5b7aa0" fontname="Helvetica" fontsize=11]
  edge [color="#8a98a8" fontname="Helvetica" fontsize=9 fontcolor="#5a6570" arrowsize=0.6]
`

// layer2Style makes the way of packets stand out from who owns what.
const layer2Style = ` color="#2f7d4f" fontcolor="#2f7d4f" penwidth=1.6`

// WriteDOT writes the answer as a directed graph in the DOT language
// (graphviz.org/doc/info/lang.html): nodes labelled with Name and Type, edges
// with RelationType; stale ones dashed. Of nodes and paths it also draws the
// edges among them, of edges their ends; of a slice each element once, by its
// newest revision. Values and numbers have no drawing:
// they are an *EvalError.
func (r *Result) WriteDOT(out io.Writer) error {
	if r.kind != KindNodes && r.kind != KindEdges && r.kind != KindPaths && r.kind != KindGraph {
		last := &r.query.steps[len(r.query.steps)-1]
		reason := "gives " + r.kind.String() + ", which cannot be drawn; nodes, edges, paths and graphs can"
		return &EvalError{Position: positionAt(r.query.text, last.pos), Step: last.name, Reason: reason}
	}
	w := r.writer(out)
	w.text(dotHead)
	nodes := r.nodeSet()
	newest := r.newest(nodes)
	for slot := range nodes.all() {
		id := r.view.NodeID(slot)
		if newest != nil && newest[id] != slot {
			continue
		}
		label := []string{nodeName(r.view, slot)}
		if t := cell(r.view, slot, entity.KeyType); t != "" {
			label = append(label, t)
		}
		w.text("  ")
		w.quoted(id.String())
		w.text(" [label=")
		w.quoted(label...)
		w.style(r.view.NodeStale(slot))
		if err := w.done(); err != nil {
			return err
		}
	}
	if err := r.drawEdges(w, nodes); err != nil {
		return err
	}
	w.text("}\n")
	if err := w.done(); err != nil {
		return err
	}
	return w.flush()
}

// newest gives, for a slice, the newest revision that each element has in a set
// of nodes, nil for other graphs.
func (r *Result) newest(nodes bitset) map[entity.UUID]int32 {
	if !r.view.IsSlice() {
		return nil
	}
	out := make(map[entity.UUID]int32)
	for slot := range nodes.all() {
		id := r.view.NodeID(slot)
		if have, ok := out[id]; !ok || updatedAt(r.view, have) <= updatedAt(r.view, slot) {
			out[id] = slot
		}
	}
	return out
}

// drawEdges writes the edges that belong to the drawing, each once.
func (r *Result) drawEdges(w *writer, nodes bitset) error {
	var err error
	seen := newBitset(r.view.EdgeSlots())
	ids := map[entity.UUID]struct{}{} // of a slice
	draw := func(edge int32) bool {
		if !seen.add(edge) {
			return true
		}
		if r.view.IsSlice() {
			id := r.view.EdgeID(edge)
			if _, drawn := ids[id]; drawn {
				return true
			}
			ids[id] = struct{}{}
		}
		parent, child := edgeEnds(r.view, edge)
		w.text("  ")
		w.quoted(r.view.NodeID(parent).String())
		w.text(" -> ")
		w.quoted(r.view.NodeID(child).String())
		w.text(" [label=")
		relation := r.view.RelationType(edge)
		w.quoted(relation)
		if relation == entity.Layer2 {
			w.text(layer2Style)
		}
		w.style(r.view.EdgeStale(edge))
		err = w.done()
		return err == nil
	}
	if r.kind == KindNodes || r.kind == KindPaths {
		for slot := range nodes.all() {
			for e, child := range r.view.OutSlots(slot) {
				if r.scope.edge(e) && nodes.has(child) && !draw(e) {
					return err
				}
			}
		}
		return nil
	}
	for e := range r.EdgeSlots() {
		if !draw(e) {
			return err
		}
	}
	return nil
}

// style ends the attributes of a node or edge.
func (w *writer) style(stale bool) {
	if stale {
		w.text(" style=dashed")
	}
	w.text("]\n")
}

// quoted writes a string in quotes, several as the lines of a label. In DOT
// a quoted string ends at an unescaped quote, and a label gives a meaning to
// what follows a backslash, so both are escaped; control characters have none.
func (w *writer) quoted(lines ...string) {
	w.b = append(w.b, '"')
	for i, s := range lines {
		if i > 0 {
			w.b = append(w.b, '\\', 'n')
		}
		for j := 0; j < len(s); j++ {
			switch c := s[j]; {
			case c == '"' || c == '\\':
				w.b = append(w.b, '\\', c)
			case c == '\n':
				w.b = append(w.b, '\\', 'n')
			case c < ' ' || c == 0x7f:
				w.b = append(w.b, ' ')
			default:
				w.b = append(w.b, c)
			}
		}
	}
	w.b = append(w.b, '"')
}
