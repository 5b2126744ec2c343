package past

import (
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// element is what nodes and edges have in common, one state of one of them.
type element struct {
	id               entity.UUID
	edge, known      bool
	host, origin     string
	attrs            entity.Attrs
	created, updated int64 // Unix ms
	revision         uint64
	// Of edges:
	parent, child entity.UUID
	relation      string
}

// elementOf returns the state that a change made, and the one before.
func elementOf(c *graph.Change) (e, old element) {
	if c.Node != nil {
		e.fromNode(c.Node)
		if c.OldNode != nil {
			old.fromNode(c.OldNode)
		}
		return e, old
	}
	e.fromEdge(c.Edge)
	if c.OldEdge != nil {
		old.fromEdge(c.OldEdge)
	}
	return e, old
}

func (e *element) fromNode(n *graph.Node) {
	e.id, e.known, e.host, e.origin, e.attrs = n.ID, true, n.Host, n.Origin, n.Attrs
	e.created, e.updated, e.revision = n.CreatedAt, n.UpdatedAt, n.Revision
}

func (e *element) fromEdge(x *graph.Edge) {
	e.id, e.edge, e.known, e.host, e.origin, e.attrs = x.ID, true, true, x.Host, x.Origin, x.Attrs
	e.created, e.updated, e.revision = x.CreatedAt, x.UpdatedAt, x.Revision
	e.parent, e.child, e.relation = x.Parent, x.Child, x.RelationType
}

// node fills a node; the attributes are given since those of e are reused.
func (e *element) node(n *graph.Node, attrs entity.Attrs) {
	n.ID, n.Host, n.Origin, n.Attrs = e.id, e.host, e.origin, attrs
	n.CreatedAt, n.UpdatedAt, n.Revision = e.created, e.updated, e.revision
}

// toEdge fills an edge.
func (e *element) toEdge(x *graph.Edge, attrs entity.Attrs) {
	x.ID, x.Host, x.Origin, x.Attrs = e.id, e.host, e.origin, attrs
	x.CreatedAt, x.UpdatedAt, x.Revision = e.created, e.updated, e.revision
	x.Parent, x.Child, x.RelationType = e.parent, e.child, e.relation
}

// set sets an attribute, or removes it when the value is zero, and returns the
// value before. The attributes are e's own.
func (e *element) set(key string, v entity.Value) (old entity.Value) {
	i, found := slices.BinarySearchFunc(e.attrs, key, func(a entity.Attr, k string) int { return strings.Compare(a.Key, k) })
	if found {
		old = e.attrs[i].Value
	}
	switch {
	case found && v.IsZero():
		e.attrs = slices.Delete(e.attrs, i, i+1)
	case found:
		e.attrs[i].Value = v
	case !v.IsZero():
		e.attrs = slices.Insert(e.attrs, i, entity.Attr{Key: key, Value: v})
	}
	return old
}

func isEdge(op graph.Op) bool    { return op >= graph.EdgeAdded }
func isAdded(op graph.Op) bool   { return op == graph.NodeAdded || op == graph.EdgeAdded }
func isDeleted(op graph.Op) bool { return op == graph.NodeDeleted || op == graph.EdgeDeleted }

// milliseconds rounds down, before 1970 too.
func milliseconds(ns int64) int64 {
	ms := ns / int64(time.Millisecond)
	if ns < 0 && ns%int64(time.Millisecond) != 0 {
		ms--
	}
	return ms
}

func timeOf(ns int64) time.Time { return time.Unix(0, ns) }
