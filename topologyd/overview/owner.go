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
	best := int32(nobody)
	var id entity.UUID
	for edge, parent := range a.view.InSlots(slot) {
		if parent == slot || a.view.RelationType(edge) != entity.Ownership || !a.view.HasNode(parent) {
			continue
		}
		other := a.view.NodeID(parent)
		if best != nobody {
			c := compareIDs(other, id)
			if c == 0 {
				_, updated := a.view.NodeTimes(parent)
				if _, newest := a.view.NodeTimes(best); updated > newest {
					c = -1
				}
			}
			if c >= 0 {
				continue
			}
		}
		best, id = parent, other
	}
	if best == nobody {
		a.owner[slot] = nobody
		return nobody
	}
	a.owner[slot] = best + 1
	return best
}

func compareIDs(a, b entity.UUID) int { return bytes.Compare(a[:], b[:]) }

// nearest returns the first node of a type: the one in a slot, its owner, that
// one's owner and so on; nobody when there is none.
func (a *ancestry) nearest(slot int32, typ string) int32 {
	for range maxDepth {
		if a.text(slot, entity.KeyType) == typ {
			return slot
		}
		if slot = a.of(slot); slot == nobody {
			return nobody
		}
	}
	return nobody
}

// id returns the ID of a node as text.
func (a *ancestry) id(slot int32) string {
	s, ok := a.names[slot]
	if !ok {
		s = a.view.NodeID(slot).String()
		a.names[slot] = s
	}
	return s
}

// text returns an attribute of a node for people, "" when it has none.
func (a *ancestry) text(slot int32, key string) string { return text(a.view.NodeAttr(slot, key)) }

// text is a value for people, "" for none.
func text(v entity.Value) string {
	if v.IsZero() {
		return ""
	}
	return v.Text()
}
