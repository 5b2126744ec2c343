package overview

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
)

// piece is how much is collected before it is written.
const piece = 32 << 10

// WriteJSON writes the members of a JSON object, without its braces and without
// a comma before or after: levels, depth, total, grouped, left_out, with a
// difference summary, hosts, nodes and edges. It stops at the first error of out,
// which it returns wrapped.
func (p *Picture) WriteJSON(out io.Writer) error {
	w := &writer{out: out}
	w.b = append(w.b, `"levels":[`...)
	for i, l := range p.Levels {
		w.comma(i)
		w.b = entity.AppendJSONString(w.b, l)
	}
	w.b = strconv.AppendInt(append(w.b, `],"depth":`...), int64(p.Depth), 10)
	w.counts(`,"total":`, p.Total)
	w.counts(`,"grouped":`, p.Grouped)
	w.counts(`,"left_out":`, p.LeftOut)
	if p.Diff != nil {
		nodes, edges := p.Diff.Summary()
		w.summary(`,"summary":{"nodes":{`, nodes)
		w.summary(`},"edges":{`, edges)
		w.b = append(w.b, `}}`...)
	}
	w.b = append(w.b, `,"hosts":{`...)
	for i, h := range p.Hosts {
		w.comma(i)
		w.b = append(entity.AppendJSONString(w.b, h.ID), ':')
		w.b = entity.AppendJSONString(w.b, h.Name)
	}
	w.b = append(w.b, `},"nodes":[`...)
	for i := range p.Nodes {
		w.comma(i)
		w.node(&p.Nodes[i])
	}
	w.b = append(w.b, `],"edges":[`...)
	for i := range p.Edges {
		w.comma(i)
		w.edge(&p.Edges[i])
	}
	w.b = append(w.b, ']')
	w.flush()
	if w.err != nil {
		return fmt.Errorf("write topology: %w", w.err)
	}
	return nil
}

// writer collects text and hands it on in pieces. After an error it does
// nothing.
type writer struct {
	b   []byte
	out io.Writer
	err error
}

func (w *writer) flush() {
	if w.err == nil {
		_, w.err = w.out.Write(w.b)
	}
	w.b = w.b[:0]
}

// comma separates element i from those before it.
func (w *writer) comma(i int) {
	if i > 0 {
		w.b = append(w.b, ',')
	}
	if len(w.b) >= piece {
		w.flush()
	}
}

// text appends a name and a string.
func (w *writer) text(name, s string) { w.b = entity.AppendJSONString(append(w.b, name...), s) }

// int appends a name and a number.
func (w *writer) int(name string, n int) {
	w.b = strconv.AppendInt(append(w.b, name...), int64(n), 10)
}

// number appends a name and a number, of which two digits after the point
// count.
func (w *writer) number(name string, f float64) {
	w.b = strconv.AppendFloat(append(w.b, name...), math.Round(f*100)/100, 'f', -1, 64)
}

func (w *writer) counts(name string, c Count) {
	w.b = append(w.b, name...)
	w.int(`{"nodes":`, c.Nodes)
	w.int(`,"edges":`, c.Edges)
	w.b = append(w.b, '}')
}

func (w *writer) summary(open string, s diff.Summary) {
	w.b = append(w.b, open...)
	w.int(`"added":`, s.Added)
	w.int(`,"removed":`, s.Removed)
	w.int(`,"changed":`, s.Changed)
}

// change appends what became of an element.
func (w *writer) change(op diff.Op, keys []diff.Key) {
	if op != 0 {
		w.text(`,"change":`, op.String())
	}
	if len(keys) > 0 {
		w.b = diff.AppendKeys(append(w.b, `,"keys":`...), keys)
	}
}

func (w *writer) node(n *Node) {
	w.text(`{"id":`, n.ID)
	if n.Node != nil {
		w.b = n.Node.AppendJSON(append(w.b, `,"node":`...))
	} else {
		w.group(n.Group)
	}
	w.text(`,"path":`, n.Path)
	w.text(`,"parent":`, n.Parent)
	w.text(`,"host":`, n.Host)
	w.change(n.Change, n.Keys)
	if n.Rate != nil {
		w.number(`,"rate":{"rx":`, n.Rate.Rx)
		w.number(`,"tx":`, n.Rate.Tx)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, '}')
}

func (w *writer) group(g *Group) {
	w.text(`,"group":{"level":`, g.Level)
	w.text(`,"value":`, g.Value)
	w.text(`,"label":`, g.Label)
	w.int(`,"nodes":`, g.Nodes)
	w.int(`,"edges":`, g.Edges)
	w.b = append(w.b, `,"types":[`...)
	for i, t := range g.Types {
		w.comma(i)
		w.text(`{"type":`, t.Type)
		w.int(`,"count":`, t.Count)
		w.b = append(w.b, '}')
	}
	w.int(`],"up":`, g.Up)
	w.int(`,"down":`, g.Down)
	w.int(`,"stale":`, g.Stale)
	w.summary(`,`, g.Changes)
	w.b = strconv.AppendBool(append(w.b, `,"expandable":`...), g.Expandable)
	w.b = append(w.b, '}')
}

func (w *writer) edge(e *Edge) {
	w.text(`{"id":`, e.ID.String())
	w.text(`,"source":`, e.Source)
	w.text(`,"target":`, e.Target)
	w.text(`,"type":`, e.Type)
	w.int(`,"count":`, e.Count)
	if e.Edge != nil {
		w.b = e.Edge.AppendJSON(append(w.b, `,"edge":`...))
	}
	w.b = strconv.AppendBool(append(w.b, `,"stale":`...), e.Stale)
	w.change(e.Change, e.Keys)
	if e.Rate != nil {
		w.number(`,"rate":`, *e.Rate)
	}
	w.b = append(w.b, '}')
}
