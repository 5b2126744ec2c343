package overview

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
)

// Picture is what is drawn. All nodes and edges of the source are shown by
// themselves or merged, Grouped or LeftOut.
type Picture struct {
	// Levels are those of grouping; Depth is how many of them everything is opened
	// by: with 0 groups of the first level are shown, with len(Levels) nodes.
	Levels []string
	Depth  int
	Total  Count
	// Grouped counts what is inside groups, LeftOut what is inside the one that
	// stands for all first groups there was no room for.
	Grouped, LeftOut Count
	// Diff is that of the source.
	Diff *diff.Diff
	// Hosts are those of the nodes that have a name, sorted by host.id.
	Hosts []Host
	// Nodes are sorted by host, path, time of creation and ID; Edges by their ends
	// in that order, and type.
	Nodes []Node
	Edges []Edge
}

// Count counts nodes and edges.
type Count struct{ Nodes, Edges int }

// Host is what people call a host.
type Host struct{ ID, Name string }

// Node is a node of a picture: a node of the graph or a group.
type Node struct {
	// ID is that of the node, the path of a group.
	ID string
	// Node is nil for a group, Group for a node.
	Node  *graph.Node
	Group *Group
	// Path is that of the group, or of the group of the last level that the node
	// is in.
	Path string
	// Parent is the ID of the nearest owner that is shown, "" when none is. There
	// are no loops.
	Parent string
	// Host is the host.id, "" when there is none or more than one.
	Host string
	// Change is 0 when the node did not change, and for groups.
	Change diff.Op
	// Keys are those that changed.
	Keys []diff.Key
	// Rate is nil when it is not known.
	Rate *Rate

	createdAt int64
	// parent is the number of the owner, nobody when there is none.
	parent int32
}

// Group is a group of nodes.
type Group struct {
	// Level is the one it is of, Value what its nodes have in common, Label the
	// same for people.
	Level, Value, Label string
	// Nodes and Edges count what is inside.
	Nodes, Edges int
	// Types are the most common first.
	Types []TypeCount
	// Up and Down count nodes by their State, Stale those whose reports are
	// overdue. Nodes that were removed do not count.
	Up, Down, Stale int
	// Changes counts nodes of a difference.
	Changes diff.Summary
	// Expandable tells that it can be opened by its path.
	Expandable bool
}

// TypeCount counts the nodes of a type.
type TypeCount struct {
	Type  string
	Count int
}

// Edge is one edge, or several that are drawn as one.
type Edge struct {
	// ID is the edge's own, or made of ends and type when it is several.
	ID entity.UUID
	// Source and Target are IDs of nodes of the picture.
	Source, Target string
	Type           string
	// Count is how many edges it is; Edge is set when it is one.
	Count int
	Edge  *graph.Edge
	// Stale tells that all are.
	Stale bool
	// Change is Added or Removed when all were, Changed when some differ.
	Change diff.Op
	// Keys are those of the one edge that changed.
	Keys []diff.Key
	// Rate is in bytes per second, both directions together; nil when it is not
	// known, and for edges that are not of layer 2.
	Rate *float64
}
