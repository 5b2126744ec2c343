package alert

import (
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
)

// Kind tells what a [Subject] is.
type Kind uint8

// The kinds.
const (
	// OfNode and OfEdge are elements of the graph, known by their IDs.
	OfNode Kind = iota + 1
	OfEdge
	// OfRow is a map, OfGroup what Group gives under a name, OfValue all else that a
	// query gives one by one, OfPath a path, OfFlow a flow.
	OfRow
	OfGroup
	OfValue
	OfPath
	OfFlow
	// OfMeasure is what a Count or Sum gives, of which there is one; OfAbsent is that
	// nothing was found.
	OfMeasure
	OfAbsent
)

// String returns the word for a kind.
func (k Kind) String() string {
	switch k {
	case OfNode:
		return "node"
	case OfEdge:
		return "edge"
	case OfRow:
		return "row"
	case OfGroup:
		return "group"
	case OfValue:
		return "value"
	case OfPath:
		return "path"
	case OfFlow:
		return "flow"
	case OfMeasure:
		return "measure"
	case OfAbsent:
		return "absent"
	default:
		return "none"
	}
}

// MaxMembers is how many members of a group a [Subject] holds at most.
const MaxMembers = 100

// Subject is one thing that a query found. It is immutable once it was handed
// over.
type Subject struct {
	// Key is what the thing is known by from one result to the next: the ID of an
	// element or flow, the canonical text of a row or value, the name of a group; ""
	// for what there is one of.
	Key  string
	Kind Kind
	// Node is set for nodes. Edge is set for edges, Parent and Child are its ends as
	// far as they are known.
	Node          *graph.Node
	Edge          *graph.Edge
	Parent, Child *graph.Node
	// Value is that of a row, value, measure, or of a group that holds values; of a
	// path the names on it.
	Value entity.Value
	// Members are the first elements of a group, Size is how many it has.
	Members []*Subject
	Size    int
	Flow    *flowrecord.Record
	// Changed is what changed of the thing just now, oldest first: for whoever makes
	// subjects of changes of the graph. [Machine] gathers it while the thing is found,
	// and finds it out by itself for rules with Changed.
	Changed []Change
}

// Host is the host.id of what a thing is on: of a node or flow, of the child of an
// edge, of a row its field host; "" when there is none.
func (s *Subject) Host() string {
	switch {
	case s.Node != nil:
		return s.Node.Host
	case s.Flow != nil:
		return s.Flow.HostID
	case s.Child != nil:
		return s.Child.Host
	case s.Edge != nil:
		return s.Edge.Host
	case s.Kind == OfRow:
		if v := s.Value.Map().Get(labelHost); v.IsScalar() {
			return text(v)
		}
	}
	return ""
}

// HostName gives the Name of the node of a host, "" when a view has none.
func HostName(v *graph.View, host string) string {
	slot := v.SlotByID(entity.HostRef(host).UUID())
	if slot < 0 {
		return ""
	}
	return text(v.NodeAttr(slot, entity.KeyName))
}

// Change is one key whose value changed, as people read it; "" is no value.
type Change struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}

// MaxChanges is how many changes are remembered of one thing, the latest.
const MaxChanges = 20

// NodeSubject makes the subject of a node.
func NodeSubject(n *graph.Node) *Subject {
	return &Subject{Key: n.ID.String(), Kind: OfNode, Node: n}
}

// EdgeSubject makes the subject of an edge, with its ends as a view has them.
func EdgeSubject(e *graph.Edge, v *graph.View) *Subject {
	s := &Subject{Key: e.ID.String(), Kind: OfEdge, Edge: e}
	if v != nil {
		s.Parent, s.Child = v.Node(e.Parent), v.Node(e.Child)
	}
	return s
}

// ChangeSubject makes the subject of a change of the graph, v being the graph after it.
func ChangeSubject(c *graph.Change, v *graph.View) *Subject {
	var s *Subject
	if c.Node != nil {
		s = NodeSubject(c.Node)
	} else {
		s = EdgeSubject(c.Edge, v)
	}
	s.Changed = ChangesOf(c)
	return s
}

// ChangesOf tells which keys a change of the graph changed, at most [MaxChanges].
func ChangesOf(c *graph.Change) []Change {
	var keys []diff.Key
	switch {
	case c.OldNode != nil && c.Node != nil:
		keys = diff.Nodes(c.OldNode, c.Node, diff.Selection{})
	case c.OldEdge != nil && c.Edge != nil:
		keys = diff.Edges(c.OldEdge, c.Edge, diff.Selection{})
	}
	out := make([]Change, 0, min(len(keys), MaxChanges))
	for _, k := range keys[:min(len(keys), MaxChanges)] {
		out = append(out, Change{Key: k.Key, Old: brief(joined(k.Old, ", ")), New: brief(joined(k.New, ", "))})
	}
	return out
}

// joined is a value for people, a list as its elements with a text between.
func joined(v entity.Value, between string) string {
	if v.Kind() != entity.KindList {
		return text(v)
	}
	out := make([]string, len(v.List()))
	for i, x := range v.List() {
		out[i] = text(x)
	}
	return strings.Join(out, between)
}

// text is a value for people, "" when there is none.
func text(v entity.Value) string {
	if v.IsZero() {
		return ""
	}
	return v.Text()
}
