package graph

import "strconv"

// Op tells what happened to an element.
type Op uint8

// What can happen to an element.
const (
	NodeAdded Op = iota + 1
	NodeUpdated
	NodeDeleted
	EdgeAdded
	EdgeUpdated
	EdgeDeleted
)

// String returns the name of the operation in the watch protocol.
func (o Op) String() string {
	switch o {
	case NodeAdded:
		return "node_added"
	case NodeUpdated:
		return "node_updated"
	case NodeDeleted:
		return "node_deleted"
	case EdgeAdded:
		return "edge_added"
	case EdgeUpdated:
		return "edge_updated"
	case EdgeDeleted:
		return "edge_deleted"
	default:
		return "unknown"
	}
}

// Change is one change of one element. Exactly one of Node and Edge is set; a
// deleted element is given in its last state.
type Change struct {
	// Revision is the graph's revision that the change made. A change of the
	// Stale mark alone makes no revision and carries the current one.
	Revision uint64
	Op       Op
	// At is from when on it holds, Unix milliseconds: the time of the event on its
	// source's clock, but not after the event was logged, nor before the change
	// of the same element before it.
	At   int64
	Node *Node
	Edge *Edge
	// OldNode and OldEdge are the element before the change, nil when it was
	// added by it.
	OldNode *Node
	OldEdge *Edge

	mark bool // of the Stale mark alone
}

// AppendJSON appends the change as JSON to b.
func (c *Change) AppendJSON(b []byte) []byte {
	b = append(b, `{"op":"`...)
	b = append(b, c.Op.String()...)
	b = append(b, `","revision":`...)
	b = strconv.AppendUint(b, c.Revision, 10)
	b = append(b, `,"at":`...)
	b = strconv.AppendInt(b, c.At, 10)
	if c.Node != nil {
		b = append(b, `,"node":`...)
		b = c.Node.AppendJSON(b)
	} else {
		b = append(b, `,"edge":`...)
		b = c.Edge.AppendJSON(b)
	}
	return append(b, '}')
}

// IsMark reports whether only the Stale mark changed, which makes no revision.
func (c *Change) IsMark() bool { return c.mark }
