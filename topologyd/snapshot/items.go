package snapshot

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/wire"
)

func appendNode(b []byte, n *graph.NodeState) []byte {
	b = wire.AppendUUID(wire.AppendRef(b, n.Ref), n.TID)
	b = wire.AppendInt(wire.AppendInt(b, n.CreatedAt), n.UpdatedAt)
	b = wire.AppendUint(b, n.Revision)
	b = wire.AppendUint(b, uint64(len(n.Facets)))
	for i := range n.Facets {
		f := &n.Facets[i]
		b = wire.AppendString(b, f.Source)
		b = wire.AppendInt(wire.AppendInt(b, f.Time), int64(f.Interval))
		b = wire.AppendAttrs(b, f.Attributes)
		b = wire.AppendUint(b, uint64(len(f.Assertions)))
		for j := range f.Assertions {
			a := &f.Assertions[j]
			b = wire.AppendUUID(wire.AppendUUID(wire.AppendUUID(b, a.ID), a.Parent), a.Child)
			b = wire.AppendAttrs(wire.AppendString(b, a.RelationType), a.Attributes)
		}
	}
	return b
}

// readHistory reads a node up to its facets.
func readHistory(r *wire.Reader, version byte) graph.NodeState {
	n := graph.NodeState{Ref: r.Ref()}
	if version > 1 {
		n.TID, n.Known = r.UUID(), true
	}
	n.CreatedAt, n.UpdatedAt, n.Revision = r.Int(), r.Int(), r.Uint()
	return n
}

func readNode(r *wire.Reader, version byte) graph.NodeState {
	n := readHistory(r, version)
	for range r.Count(5) {
		f := graph.FacetState{Source: r.String(), Time: r.Int(), Interval: time.Duration(r.Int()), Attributes: r.Attrs()}
		for range r.Count(50) {
			f.Assertions = append(f.Assertions, graph.Assertion{
				Edge:       entity.Edge{ID: r.UUID(), Parent: r.UUID(), Child: r.UUID(), RelationType: r.String()},
				Attributes: r.Attrs(),
			})
		}
		n.Facets = append(n.Facets, f)
	}
	return n
}

func appendEdge(b []byte, e *graph.EdgeState) []byte {
	b = wire.AppendUUID(b, e.ID)
	b = wire.AppendInt(wire.AppendInt(b, e.CreatedAt), e.UpdatedAt)
	return wire.AppendUint(b, e.Revision)
}

func appendTombstone(b []byte, t *graph.Tombstone) []byte {
	b = wire.AppendString(wire.AppendUUID(b, t.Node), t.Source)
	return wire.AppendInt(wire.AppendInt(b, t.Time), t.Until)
}

func readTombstone(r *wire.Reader) graph.Tombstone {
	return graph.Tombstone{Node: r.UUID(), Source: r.String(), Time: r.Int(), Until: r.Int()}
}

func readEdge(r *wire.Reader) graph.EdgeState {
	return graph.EdgeState{ID: r.UUID(), CreatedAt: r.Int(), UpdatedAt: r.Int(), Revision: r.Uint()}
}
