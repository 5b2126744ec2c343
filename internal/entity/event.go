package entity

import (
	"slices"
	"time"
)

// EventKind tells the two entity events apart.
type EventKind uint8

// The kinds of entity event.
const (
	// State carries the whole current state of an entity as its source sees it.
	State EventKind = iota
	// Delete tells that the source no longer sees the entity.
	Delete
)

// String returns the event name of the OpenTelemetry specification.
func (k EventKind) String() string {
	if k == Delete {
		return EventDelete
	}
	return EventState
}

// Event is one entity event. Source and Ref say who speaks of what; the rest
// is what is said. An event is state, not difference: it replaces all that the
// same source said of the same entity before.
type Event struct {
	Kind EventKind
	Ref
	// Source is the facet that speaks, for example "netlink" or "ovsdb". Each
	// source owns what it said of an entity and nothing else.
	Source string
	// Time is when the event was generated, on the source's clock.
	Time time.Time
	// Interval is the longest time until the source speaks of this entity
	// again. 0: it reports changes only, and the entity never expires.
	Interval time.Duration
	// Attributes describe the entity (entity.description), normalized.
	Attributes Attrs
	// Relationships lead from this entity to others.
	Relationships []Relationship
	// Reason is why the entity ended (entity.delete.reason), if known.
	Reason string
}

// Relationship says that the entity of an event stands in a relation to
// another entity. As the specification advises, the shorter-lived side states
// it: an interface says that it is part of its namespace.
type Relationship struct {
	// Type is one of the Rel constants or any name of a source's own.
	Type string
	// Target is the entity at the other end.
	Target Ref
	// Attributes describe the relation, for example Type=vlan; normalized.
	Attributes Attrs
}

// Edge is what a relationship becomes in the graph.
type Edge struct {
	ID            UUID
	Parent, Child UUID
	RelationType  string
}

// Edge returns the edge that the relationship of the node emitter asserts.
// part_of and member_of point to the parent of an ownership and of a layer2
// edge, function_of to the parent of a vf edge; peer_of has no direction, so
// that both ends assert one and the same layer2 edge. Every other type is an
// edge of that relation type from the emitter to the target.
func (r *Relationship) Edge(emitter UUID) Edge {
	e := Edge{Parent: emitter, Child: r.Target.UUID(), RelationType: r.Type}
	switch r.Type {
	case RelPartOf:
		e.Parent, e.Child, e.RelationType = e.Child, e.Parent, Ownership
	case RelMemberOf:
		e.Parent, e.Child, e.RelationType = e.Child, e.Parent, Layer2
	case RelFunctionOf:
		e.Parent, e.Child, e.RelationType = e.Child, e.Parent, VF
	case RelPeerOf:
		e.RelationType = Layer2
		if slices.Compare(e.Parent[:], e.Child[:]) > 0 {
			e.Parent, e.Child = e.Child, e.Parent
		}
	}
	e.ID = EdgeID(e.Parent, e.Child, e.RelationType)
	return e
}

// Equal reports whether two relationships say the same.
func (r *Relationship) Equal(o *Relationship) bool {
	return r.Type == o.Type && r.Target.Equal(o.Target) && r.Attributes.Equal(o.Attributes)
}

// SameState reports whether two events of one entity and source say the same,
// whenever they were sent.
func (e *Event) SameState(o *Event) bool {
	return e.Kind == o.Kind && e.Interval == o.Interval && e.Reason == o.Reason &&
		e.Attributes.Equal(o.Attributes) &&
		slices.EqualFunc(e.Relationships, o.Relationships, func(a, b Relationship) bool { return a.Equal(&b) })
}

// Equal reports whether two events are the same in every respect.
func (e *Event) Equal(o *Event) bool {
	return e.Ref.Equal(o.Ref) && e.Source == o.Source && e.Time.Equal(o.Time) && e.SameState(o)
}
