package rules

import (
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/fabric"
	"github.com/skein-net/skein/topologyd/graph"
)

// interest is what changes can alter the outcome of definitions. It is
// immutable.
type interest struct {
	// any: every change; none: no change at all.
	any, none bool
	// text holds every key that matters, among other things.
	text string
}

// interestIn works out the interest of definitions from the text of their
// queries: an attribute whose key is not in it cannot matter.
func interestIn(defs *definitions) *interest {
	var b strings.Builder
	looks := false
	for _, d := range defs.nodes {
		if r, ok := d.Spec.(*NodeRule); ok && r.Action == ActionUpdate {
			looks = true
			b.WriteString(r.Query + "\n")
		}
	}
	for _, d := range defs.edges {
		if r, ok := d.Spec.(*EdgeRule); ok {
			looks = true
			b.WriteString(r.Source + "\n" + r.Destination + "\n")
		}
	}
	for _, d := range defs.fabrics {
		if s, ok := d.Spec.(*fabric.Spec); ok {
			n := fabric.NewNetwork()
			n.Add(s.Lines)
			looks = looks || n.Matches()
			b.WriteString(strings.Join(s.Lines, "\n") + "\n" + entity.KeyName + "\n")
		}
	}
	text := b.String()
	return &interest{
		none: !looks, text: text,
		// Fields change with every revision, and escapes may hide a key.
		any: strings.ContainsAny(text, `@\`) || strings.Contains(text, "UpdatedAt"),
	}
}

// wants tells whether a change may alter the outcome.
func (w *interest) wants(c *graph.Change) bool {
	switch {
	case w.none || c.IsMark() && !w.any:
		return false
	case w.any:
		return true
	case c.Op == graph.NodeUpdated && c.OldNode != nil:
		// What speaks of the node decides whether it is there without rules.
		return c.OldNode.Origin != c.Node.Origin || w.differs(c.OldNode.Attrs, c.Node.Attrs)
	case c.Op == graph.EdgeUpdated && c.OldEdge != nil:
		return w.differs(c.OldEdge.Attrs, c.Edge.Attrs)
	}
	return true
}

// differs tells whether two sets of attributes differ in a key that matters.
func (w *interest) differs(a, b entity.Attrs) bool {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Key < b[0].Key:
			if strings.Contains(w.text, a[0].Key) {
				return true
			}
			a = a[1:]
		case len(a) == 0 || b[0].Key < a[0].Key:
			if strings.Contains(w.text, b[0].Key) {
				return true
			}
			b = b[1:]
		default:
			if !a[0].Value.Equal(b[0].Value) && strings.Contains(w.text, a[0].Key) {
				return true
			}
			a, b = a[1:], b[1:]
		}
	}
	return false
}
