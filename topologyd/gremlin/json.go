package gremlin

import (
	"errors"
	"fmt"
	"io"

	"github.com/skein-net/skein/internal/entity"
)

// AppendJSON appends the answer in Skydive's shape to b: an array of nodes,
// edges, values, maps, flows, packets or lists of nodes (paths), a number or single map,
// an object with Nodes and Edges (a graph); groups and metrics are an array with
// one object, empty when there are none. It has no limit: what answers strangers uses
// [Result.WriteJSON].
func (r *Result) AppendJSON(b []byte) []byte {
	w := &writer{b: b, max: -1}
	whole := *r
	whole.maxBytes = 0
	_ = whole.json(w) // a writer without sink and limit does not fail
	return w.b
}

// WriteJSON writes what AppendJSON appends, in pieces. It stops with a
// *LimitError when the answer is longer than the limit on bytes that the query
// was run with: the caller then has to break the answer off visibly.
func (r *Result) WriteJSON(out io.Writer) error {
	w := r.writer(out)
	if err := r.json(w); err != nil {
		return err
	}
	return w.flush()
}

// WriteNDJSON writes one line of JSON per element. Those of a graph are
// objects with one member, Node or Edge, nodes first.
func (r *Result) WriteNDJSON(out io.Writer) error {
	w := r.writer(out)
	err := r.elements(func(wrap string, appendJSON func([]byte) []byte) error {
		w.begin()
		if wrap != "" {
			w.text(`{"`, wrap, `":`)
		}
		w.b = appendJSON(w.b)
		if wrap != "" {
			w.text("}")
		}
		w.text("\n")
		return w.done()
	})
	if err = r.leave(err); err != nil {
		return err
	}
	return w.flush()
}

// leave notes that the rest of the elements was left out.
func (r *Result) leave(err error) error {
	if errors.Is(err, errCut) {
		r.cut.Store(true)
		return nil
	}
	return err
}

// json writes the answer as one JSON text.
func (r *Result) json(w *writer) error {
	switch r.kind {
	case KindNumber, KindMap:
		w.b = r.number.AppendJSON(w.b)
		return w.done()
	case KindGroups, KindMetrics:
		return r.groupsJSON(w)
	}
	open, part := "[", ""
	if r.kind == KindGraph {
		open, part = `{"Nodes":[`, "Node"
	}
	w.text(open)
	comma := ""
	err := r.elements(func(wrap string, appendJSON func([]byte) []byte) error {
		if wrap != part {
			w.text(`],"Edges":[`)
			part, comma = wrap, ""
		}
		w.begin()
		w.text(comma)
		comma = ","
		w.b = appendJSON(w.b)
		return w.done()
	})
	if err = r.leave(err); err != nil {
		return err
	}
	if part == "Node" {
		w.text(`],"Edges":[`)
	}
	if r.kind == KindGraph {
		w.text("]}")
	} else {
		w.text("]")
	}
	return w.done()
}

// elements calls visit for each element. wrap is Node or Edge for the elements
// of a graph, "" for all others.
func (r *Result) elements(visit func(wrap string, appendJSON func([]byte) []byte) error) error {
	wrapNode, wrapEdge := "", ""
	if r.kind == KindGraph {
		wrapNode, wrapEdge = "Node", "Edge"
	}
	if r.kind == KindPaths {
		for _, path := range r.paths {
			if err := visit("", func(b []byte) []byte { return r.appendPath(b, path) }); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range r.flows {
		if err := visit("", r.query.fields.Attrs(f).AppendJSON); err != nil {
			return err
		}
	}
	for _, g := range r.groups {
		if err := visit("", func(b []byte) []byte { return r.appendGroupLine(b, g) }); err != nil {
			return err
		}
	}
	for _, p := range r.packets {
		if err := visit("", p.AppendJSON); err != nil {
			return err
		}
	}
	for slot := range r.NodeSlots() {
		if err := visit(wrapNode, func(b []byte) []byte { return r.view.AppendNodeJSON(b, slot) }); err != nil {
			return err
		}
	}
	for slot := range r.EdgeSlots() {
		if err := visit(wrapEdge, func(b []byte) []byte { return r.view.AppendEdgeJSON(b, slot) }); err != nil {
			return err
		}
	}
	for v := range r.Values() {
		if err := visit("", v.AppendJSON); err != nil {
			return err
		}
	}
	return nil
}

// groupsJSON writes groups as one object by name.
func (r *Result) groupsJSON(w *writer) error {
	if len(r.groups) == 0 {
		w.text("[]")
		return w.done()
	}
	w.text("[{")
	for i, g := range r.groups {
		if i > 0 {
			w.text(",")
		}
		var err error
		w.b = r.appendGroup(w.b, g, func(b []byte) []byte {
			w.b = b
			err = w.done()
			return w.b
		}, func() bool { return err == nil })
		if err == nil {
			err = w.done()
		}
		if err != nil {
			return err
		}
	}
	w.text("}]")
	return w.done()
}

// appendGroup appends a group as a member of an object. It calls part after each
// of its elements, which may take away what is there so far, and stops when more
// says so.
func (r *Result) appendGroup(b []byte, g *group, part func([]byte) []byte, more func() bool) []byte {
	b = append(entity.AppendJSONString(b, g.name), ':')
	if !g.value.IsZero() {
		return g.value.AppendJSON(b)
	}
	b = append(b, '[')
	for i := 0; i < g.count() && more(); i++ {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case i < len(g.flows):
			b = r.query.fields.Attrs(g.flows[i]).AppendJSON(b)
		case i < len(g.metrics):
			b = g.metrics[i].AppendJSON(b)
		case g.kind == KindEdges:
			b = r.view.AppendEdgeJSON(b, g.slots[i])
		default:
			b = r.view.AppendNodeJSON(b, g.slots[i])
		}
		b = part(b)
	}
	return append(b, ']')
}

// appendGroupLine appends a group as an object of its own. One that is longer than
// the answer may be ends early: it is refused as a whole.
func (r *Result) appendGroupLine(b []byte, g *group) []byte {
	from, long := len(b), false
	part := func(b []byte) []byte {
		long = r.tooLong(len(b) - from)
		return b
	}
	return append(r.appendGroup(append(b, '{'), g, part, func() bool { return !long }), '}')
}

// tooLong tells whether so many bytes are more than the answer may have.
func (r *Result) tooLong(bytes int) bool { return r.maxBytes > 0 && bytes > r.maxBytes }

// appendPath appends a path as a list. One that is longer than the answer may be
// ends early.
func (r *Result) appendPath(b []byte, path []int32) []byte {
	v, from := r.view, len(b)
	b = append(b, '[')
	for i, slot := range path {
		if r.tooLong(len(b) - from) {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		if slot < 0 {
			b = v.AppendEdgeJSON(b, ^slot)
		} else {
			b = v.AppendNodeJSON(b, slot)
		}
	}
	return append(b, ']')
}

// writer collects text, hands it on in pieces and enforces the limit on bytes.
type writer struct {
	b    []byte
	out  io.Writer // nil: keep everything in b
	sent int
	max  int // -1: no limit
	// partial tells that elements may be left out, left that some were; from is
	// where in b the last one begins.
	partial bool
	from    int
	left    bool
}

// begin starts an element.
func (w *writer) begin() { w.from = len(w.b) }

// piece is how much is collected before it is handed on.
const piece = 32 << 10

func (r *Result) writer(out io.Writer) *writer {
	return &writer{b: make([]byte, 0, 1<<10), out: out, max: r.maxBytes, partial: r.partial} // most answers are short
}

func (w *writer) text(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
}

// done ends an element.
func (w *writer) done() error {
	if w.max >= 0 && !w.left && w.sent+len(w.b) > w.max {
		if w.partial {
			w.b, w.left = w.b[:w.from], true
			return errCut
		}
		return TooLong(w.max)
	}
	if w.out != nil && len(w.b) >= piece {
		return w.flush()
	}
	return nil
}

func (w *writer) flush() error {
	n, err := w.out.Write(w.b)
	w.sent += n
	w.b = w.b[:0]
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
