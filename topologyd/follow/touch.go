package follow

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// touch is an element that changed in a batch.
type touch struct {
	gremlin.Touched
	id          entity.UUID
	edge        bool
	first, last *graph.Change
	// parent and child are the slots of the ends of an edge in the view.
	parent, child int32
	detailed      bool
}

// old returns the element as it was before the batch; ok is false when it was
// not there.
func (t *touch) old() (o former, ok bool) {
	o = former{t.first.OldNode, t.first.OldEdge}
	return o, o.node != nil || o.edge != nil
}

// collect makes a touch of each element that changed.
func (s *Set) collect(changes []graph.Change) {
	s.touches = s.touches[:0]
	clear(s.byID)
	for i := range changes {
		c := &changes[i]
		s.at = max(s.at, c.At)
		id, edge := elementOf(c)
		whole := c.Op != graph.NodeUpdated && c.Op != graph.EdgeUpdated || c.OldNode == nil && c.OldEdge == nil
		if n, ok := s.byID[id]; ok {
			t := &s.touches[n]
			t.last, t.Whole = c, t.Whole || whole
			continue
		}
		s.byID[id] = int32(len(s.touches))
		s.touches = append(s.touches, touch{id: id, edge: edge, first: c, last: c, Touched: gremlin.Touched{Whole: whole}})
	}
	for i := range s.touches {
		t := &s.touches[i]
		if t.edge {
			t.Slot = s.v.EdgeSlot(t.id)
		} else {
			t.Slot = s.v.NodeSlot(t.id)
		}
	}
}

func elementOf(c *graph.Change) (id entity.UUID, edge bool) {
	if c.Edge != nil {
		return c.Edge.ID, true
	}
	return c.Node.ID, false
}

// details works out which keys have changed and where the ends of edges are.
func (s *Set) details() {
	for i := range s.touches {
		t := &s.touches[i]
		t.detailed = true
		if t.edge {
			t.parent, t.child = s.v.NodeSlot(t.last.Edge.Parent), s.v.NodeSlot(t.last.Edge.Child)
		}
		switch {
		case t.Whole:
		case t.edge:
			t.Keys = differing(t.first.OldEdge.Attrs, t.last.Edge.Attrs)
		default:
			t.Keys = differing(t.first.OldNode.Attrs, t.last.Node.Attrs)
		}
	}
}

// differing returns the keys whose values differ.
func differing(a, b entity.Attrs) (keys []string) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Key < b[0].Key:
			keys = append(keys, a[0].Key)
			a = a[1:]
		case len(a) == 0 || b[0].Key < a[0].Key:
			keys = append(keys, b[0].Key)
			b = b[1:]
		default:
			if !a[0].Value.Equal(b[0].Value) {
				keys = append(keys, a[0].Key)
			}
			a, b = a[1:], b[1:]
		}
	}
	return keys
}
