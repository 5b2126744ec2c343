package graph

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Node is one node at one revision. It is immutable.
type Node struct {
	ID entity.UUID
	// Slot is the node's dense number among the nodes of its view, below
	// [View.NodeSlots]. It may be another one's in a later view.
	Slot int32
	// Stale is set when no facet was confirmed in time, but none is yet expired.
	Stale bool
	// Host is the host.id of the entity's identity, "" when it has none.
	Host string
	// Origin lists the sources that speak of the node, by name.
	Origin string
	// Attrs is the union of what the facets say, and TID.
	Attrs entity.Attrs
	// CreatedAt and UpdatedAt are from when on the node and its last revision
	// hold, Unix milliseconds (see [Change.At]).
	CreatedAt, UpdatedAt int64
	// ArchivedAt is when the revision ended, DeletedAt when it did so because the
	// node was deleted; Unix milliseconds, 0 while it holds. They are set in views
	// of a slice of time only.
	ArchivedAt, DeletedAt int64
	// Revision counts the states of this node from 1.
	Revision uint64
	// Metric and LastUpdateMetric are the latest counters and their growth since
	// the report before. They are not part of the revision.
	Metric, LastUpdateMetric entity.Value

	tid entity.UUID
}

// Edge is one edge at one revision. It is immutable.
type Edge struct {
	ID entity.UUID
	// Slot is the edge's dense number, below [View.EdgeSlots].
	Slot                  int32
	ParentSlot, ChildSlot int32
	Stale                 bool
	Parent, Child         entity.UUID
	RelationType          string
	Host, Origin          string
	// Attrs describe the relation; RelationType is not among them.
	Attrs                 entity.Attrs
	CreatedAt, UpdatedAt  int64
	ArchivedAt, DeletedAt int64
	Revision              uint64
}

// Keys that name fields of the element itself in queries.
const (
	FieldID         = "@ID"
	FieldHost       = "@Host"
	FieldOrigin     = "@Origin"
	FieldCreatedAt  = "@CreatedAt"
	FieldUpdatedAt  = "@UpdatedAt"
	FieldArchivedAt = "@ArchivedAt"
	FieldDeletedAt  = "@DeletedAt"
	FieldRevision   = "@Revision"
	FieldStale      = "@Stale"

	keyMetric     = "Metric"
	keyLastMetric = "LastUpdateMetric"
)

// Lookup calls yield for every value that a dotted path names: attributes and
// what is inside them, the counters below Metric and LastUpdateMetric, and the
// node's own fields (@ID, @Host, @Origin, @CreatedAt, @UpdatedAt, @Revision,
// @Stale; @ArchivedAt and @DeletedAt when they are set). It stops when yield
// returns false.
func (n *Node) Lookup(path string, yield func(entity.Value) bool) {
	if strings.HasPrefix(path, "@") {
		yieldField(path, n.header(), yield)
		return
	}
	if strings.HasPrefix(path, keyMetric) || strings.HasPrefix(path, keyLastMetric) {
		n.counters(nil).Lookup(path, yield)
	}
	n.Attrs.Lookup(path, yield)
}

// Lookup is as [Node.Lookup]; RelationType is an attribute like any other.
func (e *Edge) Lookup(path string, yield func(entity.Value) bool) {
	switch {
	case strings.HasPrefix(path, "@"):
		yieldField(path, e.header(), yield)
	case path == entity.KeyRelationType:
		yield(entity.String(e.RelationType))
	default:
		e.Attrs.Lookup(path, yield)
	}
}

// header is what nodes and edges have in common.
type header struct {
	id                    entity.UUID
	host, origin          string
	createdAt, updatedAt  int64
	archivedAt, deletedAt int64
	revision              uint64
	stale                 bool
}

func (n *Node) header() header {
	return header{n.ID, n.Host, n.Origin, n.CreatedAt, n.UpdatedAt, n.ArchivedAt, n.DeletedAt, n.Revision, n.Stale}
}

func (e *Edge) header() header {
	return header{e.ID, e.Host, e.Origin, e.CreatedAt, e.UpdatedAt, e.ArchivedAt, e.DeletedAt, e.Revision, e.Stale}
}

func yieldField(path string, h header, yield func(entity.Value) bool) {
	switch path {
	case FieldID:
		yield(entity.String(h.id.String()))
	case FieldHost:
		yield(entity.String(h.host))
	case FieldOrigin:
		yield(entity.String(h.origin))
	case FieldCreatedAt:
		yield(entity.Int(h.createdAt))
	case FieldUpdatedAt:
		yield(entity.Int(h.updatedAt))
	case FieldArchivedAt:
		if h.archivedAt != 0 {
			yield(entity.Int(h.archivedAt))
		}
	case FieldDeletedAt:
		if h.deletedAt != 0 {
			yield(entity.Int(h.deletedAt))
		}
	case FieldRevision:
		yield(entity.Uint(h.revision))
	case FieldStale:
		yield(entity.Bool(h.stale))
	}
}

// counters appends the counter attributes that the node has.
func (n *Node) counters(a entity.Attrs) entity.Attrs {
	if !n.LastUpdateMetric.IsZero() {
		a = append(a, entity.A(keyLastMetric, n.LastUpdateMetric))
	}
	if !n.Metric.IsZero() {
		a = append(a, entity.A(keyMetric, n.Metric))
	}
	return a
}

// Metadata returns all attributes, counters included, sorted by key.
func (n *Node) Metadata() entity.Attrs {
	if n.Metric.IsZero() {
		return n.Attrs
	}
	out := append(make(entity.Attrs, 0, len(n.Attrs)+2), n.Attrs...)
	return n.counters(out).Normalize()
}

// Metadata returns all attributes, RelationType included, sorted by key.
func (e *Edge) Metadata() entity.Attrs {
	return e.Attrs.With(entity.KeyRelationType, entity.String(e.RelationType))
}

// AppendJSON appends the node as JSON to b.
func (n *Node) AppendJSON(b []byte) []byte {
	b = n.header().appendJSON(b)
	b = append(b, `,"Metadata":`...)
	return append(n.Metadata().AppendJSON(b), '}')
}

// AppendJSON appends the edge as JSON to b.
func (e *Edge) AppendJSON(b []byte) []byte {
	b = appendEdgeStart(b, e.header(), e.Parent, e.Child)
	return append(e.Metadata().AppendJSON(b), '}')
}

// appendEdgeStart appends an edge as JSON up to its metadata.
func appendEdgeStart(b []byte, h header, parent, child entity.UUID) []byte {
	b = h.appendJSON(b)
	b = append(b, `,"Parent":"`...)
	b = appendUUID(b, parent)
	b = append(b, `","Child":"`...)
	b = appendUUID(b, child)
	return append(b, `","Metadata":`...)
}

// appendUUID appends the text of an ID.
func appendUUID(b []byte, u entity.UUID) []byte {
	b = append(hex.AppendEncode(b, u[:4]), '-')
	b = append(hex.AppendEncode(b, u[4:6]), '-')
	b = append(hex.AppendEncode(b, u[6:8]), '-')
	b = append(hex.AppendEncode(b, u[8:10]), '-')
	return hex.AppendEncode(b, u[10:])
}

func (h header) appendJSON(b []byte) []byte {
	b = append(b, `{"ID":"`...)
	b = appendUUID(b, h.id)
	b = append(b, `","Host":`...)
	b = entity.AppendJSONString(b, h.host)
	b = append(b, `,"Origin":`...)
	b = entity.AppendJSONString(b, h.origin)
	b = append(b, `,"CreatedAt":`...)
	b = strconv.AppendInt(b, h.createdAt, 10)
	b = append(b, `,"UpdatedAt":`...)
	b = strconv.AppendInt(b, h.updatedAt, 10)
	if h.archivedAt != 0 {
		b = append(b, `,"ArchivedAt":`...)
		b = strconv.AppendInt(b, h.archivedAt, 10)
	}
	if h.deletedAt != 0 {
		b = append(b, `,"DeletedAt":`...)
		b = strconv.AppendInt(b, h.deletedAt, 10)
	}
	b = append(b, `,"Revision":`...)
	b = strconv.AppendUint(b, h.revision, 10)
	if h.stale {
		b = append(b, `,"Stale":true`...)
	}
	return b
}

// MarshalJSON implements [encoding/json.Marshaler].
func (n *Node) MarshalJSON() ([]byte, error) { return n.AppendJSON(nil), nil }

// MarshalJSON implements [encoding/json.Marshaler].
func (e *Edge) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }
