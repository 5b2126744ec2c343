package overview

import (
	"bytes"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// maxDepth bounds how far owners are followed: chains of ownership are a few
// nodes long, and what goes on is a loop that sources report.
const maxDepth = 32

// Owners that are not slots.
const (
	unknown = 0
	nobody  = -1
)

// ancestry finds the owners of the nodes of one view.
type ancestry struct {
	view *graph.View
	// owner is the slot of a node's owner plus one, unknown or nobody.
	owner []int32
	// names are the IDs of owners by their slots.
	names map[int32]string
}

func newAncestry(v *graph.View) *ancestry {
	return &ancestry{view: v, owner: make([]int32, v.NodeSlots()), names: make(map[int32]string)}
}

// of returns the slot of the node that owns the one in a slot, nobody when none
// does. Of several the one with the smallest ID counts, as it does for TIDs.
func (a *ancestry) of(slot int32) int32 {
	switch o := a.owner[slot]; o {
	case unknown:
	case nobody:
		return nobody
	default:
		return o - 1
	}
	var best *graph.Node
	for edge, parent := range a.view.InSlots(slot) {
		if parent == slot || a.view.RelationType(edge) != entity.Ownership {
			continue
		}
		p := a.view.NodeAt(parent)
		if p == nil {
			continue
		}
		if best != nil {
			if c := bytes.Compare(p.ID[:], best.ID[:]); c > 0 || c == 0 && p.UpdatedAt <= best.UpdatedAt {
				continue
			}
		}
		best = p
	}
	if best == nil {
		a.owner[slot] = nobody
		return nobody
	}
	a.owner[slot] = best.Slot + 1
	return best.Slot
}

// nearest returns the first node for which is holds: the one in a slot, its
// owner, that one's owner and so on; nil when there is none.
func (a *ancestry) nearest(slot int32, is func(*graph.Node) bool) *graph.Node {
	for range maxDepth {
		n := a.view.NodeAt(slot)
		if n == nil {
			return nil
		}
		if is(n) {
			return n
		}
		if slot = a.of(slot); slot == nobody {
			return nil
		}
	}
	return nil
}

// id returns the ID of a node as text.
func (a *ancestry) id(n *graph.Node) string {
	s, ok := a.names[n.Slot]
	if !ok {
		s = n.ID.String()
		a.names[n.Slot] = s
	}
	return s
}

func typeOf(n *graph.Node) string { return text(n.Attrs.Get(entity.KeyType)) }

// text is a value for people, "" for none.
func text(v entity.Value) string {
	if v.IsZero() {
		return ""
	}
	return v.Text()
}
