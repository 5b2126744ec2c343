package diff

import (
	"fmt"
	"io"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// piece is how much is collected before it is written.
const piece = 32 << 10

// WriteJSON writes the members of a JSON object, without its braces and without
// a comma before or after: summary, nodes, edges and, of queries that give
// them, values or number. It stops at the first error of out, which it returns
// wrapped.
func (d *Diff) WriteJSON(out io.Writer) error {
	w := &writer{out: out}
	w.b = d.appendSummary(append(w.b, `"summary":`...))
	w.b = append(w.b, `,"nodes":[`...)
	for i := range d.Nodes {
		n := &d.Nodes[i]
		w.open(i, n.Op())
		w.b = append(w.b, `,"node":`...)
		w.b = n.Last().AppendJSON(w.b)
		w.close(n.Keys)
	}
	w.b = append(w.b, `],"edges":[`...)
	for i := range d.Edges {
		e := &d.Edges[i]
		w.open(i, e.Op())
		w.b = append(w.b, `,"edge":`...)
		w.b = e.Last().AppendJSON(w.b)
		w.end(`,"parent":`, e.Parent)
		w.end(`,"child":`, e.Child)
		w.close(e.Keys)
	}
	w.b = append(w.b, ']')
	if len(d.Values) > 0 {
		w.b = append(w.b, `,"values":[`...)
		for i := range d.Values {
			v := &d.Values[i]
			w.open(i, v.Op)
			w.b = append(w.b, `,"value":`...)
			w.b = v.Value.AppendJSON(w.b)
			w.b = append(w.b, `,"count":`...)
			w.b = strconv.AppendInt(w.b, int64(v.Count), 10)
			w.close(nil)
		}
		w.b = append(w.b, ']')
	}
	if d.Number != nil {
		w.b = d.Number.Old.AppendJSON(append(w.b, `,"number":{"old":`...))
		w.b = d.Number.New.AppendJSON(append(w.b, `,"new":`...))
		w.b = append(w.b, '}')
	}
	w.flush()
	if w.err != nil {
		return fmt.Errorf("write difference: %w", w.err)
	}
	return nil
}

// Summary counts what differs.
type Summary struct{ Added, Removed, Changed int }

// add counts one element.
func (s *Summary) add(op Op) {
	switch op {
	case Added:
		s.Added++
	case Removed:
		s.Removed++
	case Changed:
		s.Changed++
	}
}

// Total is the number of all that differ.
func (s Summary) Total() int { return s.Added + s.Removed + s.Changed }

// Summary counts the nodes and the edges that differ.
func (d *Diff) Summary() (nodes, edges Summary) {
	for i := range d.Nodes {
		nodes.add(d.Nodes[i].Op())
	}
	for i := range d.Edges {
		edges.add(d.Edges[i].Op())
	}
	return nodes, edges
}

func (d *Diff) appendSummary(b []byte) []byte {
	nodes, edges := d.Summary()
	return fmt.Appendf(b, `{"nodes":{"added":%d,"removed":%d,"changed":%d},"edges":{"added":%d,"removed":%d,"changed":%d}}`,
		nodes.Added, nodes.Removed, nodes.Changed, edges.Added, edges.Removed, edges.Changed)
}

// AppendKeys appends keys that changed as a JSON array to b. A value that was
// not there is left out.
func AppendKeys(b []byte, keys []Key) []byte {
	b = append(b, '[')
	for i := range keys {
		k := &keys[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = entity.AppendJSONString(append(b, `{"key":`...), k.Key)
		if !k.Old.IsZero() {
			b = k.Old.AppendJSON(append(b, `,"old":`...))
		}
		if !k.New.IsZero() {
			b = k.New.AppendJSON(append(b, `,"new":`...))
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// writer collects text and hands it on in pieces. After an error it does
// nothing.
type writer struct {
	b   []byte
	out io.Writer
	err error
}

// open begins an element.
func (w *writer) open(i int, op Op) {
	if i > 0 {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, `{"op":"`...), op.String()...), '"')
}

// close ends an element.
func (w *writer) close(keys []Key) {
	if len(keys) > 0 {
		w.b = AppendKeys(append(w.b, `,"keys":`...), keys)
	}
	w.b = append(w.b, '}')
	if len(w.b) >= piece {
		w.flush()
	}
}

// end names an end of an edge.
func (w *writer) end(name string, n *graph.Node) {
	if n != nil {
		w.b = AppendName(append(w.b, name...), n)
	}
}

// AppendName appends what people know a node by as a JSON object to b.
func AppendName(b []byte, n *graph.Node) []byte {
	is := nameOf(n)
	b = entity.AppendJSONString(append(b, `{"Name":`...), is.Name)
	b = entity.AppendJSONString(append(b, `,"Type":`...), is.Type)
	b = entity.AppendJSONString(append(b, `,"Host":`...), is.Host)
	return append(b, '}')
}

func (w *writer) flush() {
	if w.err == nil {
		_, w.err = w.out.Write(w.b)
	}
	w.b = w.b[:0]
}
