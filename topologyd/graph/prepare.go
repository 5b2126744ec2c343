package graph

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// Prepared is an event made ready for the graph: its identifiers computed and
// its content hashed. Preparing takes most of the time an event costs, needs
// no lock, and so can be done by many goroutines at once.
type Prepared struct {
	Event *entity.Event
	// Line is the fingerprint of the encoded form, 0 when there is none.
	Line uint64
	// Force has the event applied although it is older than what is known. Check
	// sets it when the source's clock was set back; it is logged with the event.
	Force bool

	id    entity.UUID
	facet facet
	hash  uint64
	row   *join.Row // of the table of joins, nil when it is none that can be used
}

// ID returns the ID of the node that the event speaks of.
func (p *Prepared) ID() entity.UUID { return p.id }

// Prepare prepares an event, which must be valid and must not be changed
// afterwards.
func (g *Graph) Prepare(e *entity.Event, line uint64) Prepared {
	p := Prepared{Event: e, Line: line, id: e.Ref.UUID()}
	p.facet = facet{source: e.Source, attrs: e.Attributes, time: e.Time.UnixNano(), interval: int64(e.Interval)}
	if e.Kind == entity.Delete {
		return p
	}
	if e.Type == entity.TypeJoin {
		p.row = rowOf(e)
		return p
	}
	if n := len(e.Relationships); n > 0 {
		p.facet.edges = make([]assertion, 0, n)
	}
	for i := range e.Relationships {
		p.facet.edges = append(p.facet.edges, assertion{
			Edge: e.Relationships[i].Edge(p.id), attrs: normal(e.Relationships[i].Attributes), both: e.Relationships[i].Type == entity.RelPeerOf,
		})
	}
	p.facet.edges = distinct(p.facet.edges)
	p.hash = p.facet.hash(g.seed)
	return p
}

// normal returns attributes in order, a copy of those that are not: events say
// them in order, but not all that make events ask whether they do.
func normal(a entity.Attrs) entity.Attrs {
	for i := range a {
		if a[i].Value.IsZero() || i > 0 && a[i-1].Key >= a[i].Key {
			return slices.Clone(a).Normalize()
		}
	}
	return a
}
