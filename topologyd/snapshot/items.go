package snapshot

import (
	"bytes"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/wire"
)

func appendNode(b []byte, n *graph.NodeState) []byte {
	b = wire.AppendUUID(wire.AppendRef(b, n.Ref), n.TID)
	b = wire.AppendInt(wire.AppendInt(b, n.CreatedAt), n.UpdatedAt)
	b = appendFacets(wire.AppendUint(b, n.Revision), n.Facets)
	b = wire.AppendUint(b, uint64(len(n.Members)))
	for i := range n.Members {
		m := &n.Members[i]
		b = appendFacets(wire.AppendString(wire.AppendRef(b, m.Ref), m.Row), m.Facets)
	}
	return b
}

func appendFacets(b []byte, list []graph.FacetState) []byte {
	b = wire.AppendUint(b, uint64(len(list)))
	for i := range list {
		f := &list[i]
		b = wire.AppendString(b, f.Source)
		b = wire.AppendInt(wire.AppendInt(b, f.Time), int64(f.Interval))
		b = wire.AppendAttrs(b, f.Attributes)
		b = wire.AppendUint(b, uint64(len(f.Assertions)))
		for j := range f.Assertions {
			a := &f.Assertions[j]
			b = wire.AppendUUID(wire.AppendUUID(wire.AppendUUID(b, a.ID), a.Parent), a.Child)
			b = wire.AppendAttrs(wire.AppendString(b, a.RelationType), a.Attributes)
			flags := byte(0)
			if a.Undirected {
				flags = undirected
			}
			b = append(b, flags)
		}
	}
	return b
}

// undirected is the flag of an assertion whose ends are in the order of their IDs.
const undirected = 1

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
	n.Facets = readFacets(r, version, n.Ref)
	if version < 3 {
		return n
	}
	for range r.Count(5) {
		m := graph.MemberState{Ref: r.Ref(), Row: r.String()}
		m.Facets = readFacets(r, version, m.Ref)
		n.Members = append(n.Members, m)
	}
	return n
}

func readFacets(r *wire.Reader, version byte, of entity.Ref) (list []graph.FacetState) {
	for range r.Count(5) {
		f := graph.FacetState{Source: r.String(), Time: r.Int(), Interval: time.Duration(r.Int()), Attributes: r.Attrs()}
		for range r.Count(50) {
			a := graph.Assertion{
				Edge:       entity.Edge{ID: r.UUID(), Parent: r.UUID(), Child: r.UUID(), RelationType: r.String()},
				Attributes: r.Attrs(),
			}
			if version > 2 {
				a.Undirected = r.Byte() == undirected
			} else {
				a.Undirected = seemsUndirected(&a, of)
			}
			f.Assertions = append(f.Assertions, a)
		}
		list = append(list, f)
	}
	return list
}

// seemsUndirected guesses what older versions did not keep: whether an assertion
// was peer_of. It matters only once an end joins another node, and a report that
// says something new sets it right.
func seemsUndirected(a *graph.Assertion, emitter entity.Ref) bool {
	if a.RelationType != entity.Layer2 || bytes.Compare(a.Parent[:], a.Child[:]) > 0 {
		return false
	}
	return a.Parent == emitter.UUID() || a.Attributes.Get(entity.KeyType).Str() == "veth"
}

func appendJoin(b []byte, j *graph.JoinState) []byte {
	return wire.AppendInt(wire.AppendString(wire.AppendString(b, j.Name), j.Row), j.Time)
}

func readJoin(r *wire.Reader) graph.JoinState {
	return graph.JoinState{Name: r.String(), Row: r.String(), Time: r.Int()}
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
