package graph

import (
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph/pack"
)

// nodeRec is one node. What a traversal reads is apart, see [nodeHead], and so
// is what it says, see [nodeData].
type nodeRec struct {
	id, tid              entity.UUID
	createdAt, updatedAt int64
	revision             uint64
	origin               uint32 // a name, held
	// size is the length of the packed attributes, at the start of the content,
	// and the flags.
	size uint32
}

// Flags of a node, beside the size. In a slot that is not free but has neither
// nodeUsed nor nodeJoined, an entity is on its way from one to the other.
const (
	nodeUsed  = 1 << 31
	nodeStale = 1 << 30
	// nodeJoined: the slot is that of an entity which joined the node of another;
	// it is no node. nodeHosts: entities joined this node. See members.go.
	nodeJoined = 1 << 29
	nodeHosts  = 1 << 28
	nodeFlags  = nodeUsed | nodeStale | nodeJoined | nodeHosts
)

// nodeData is what the sources say of a node. It is immutable: a new report
// makes a new one.
type nodeData struct {
	content  string // see content.go
	counters *counters
}

func (t *tables) nodeID(slot int32) entity.UUID { return t.nodes.at(slot).id }

func (t *tables) hasNode(slot int32) bool { return t.nodes.at(slot).size&nodeUsed != 0 }

// hasEntity tells whether the slot is that of an entity, a node or not.
func (t *tables) hasEntity(slot int32) bool {
	return t.nodes.at(slot).size&(nodeUsed|nodeJoined) != 0
}

// attrs returns the attributes of a node, without TID, packed.
func (t *tables) attrs(slot int32) string {
	return t.data.at(slot).content[:t.nodes.at(slot).size&^nodeFlags]
}

// attr returns the value of a top-level attribute of a node.
func (t *tables) attr(slot int32, key string) entity.Value {
	if key == entity.KeyTID {
		return tidValue(t.nodes.at(slot).tid)
	}
	return t.dict.Get(t.attrs(slot), key)
}

func tidValue(tid entity.UUID) entity.Value {
	if tid.IsZero() {
		return entity.Value{}
	}
	return entity.String(tid.String())
}

// holds tells whether a node has a term (see [index]).
func (t *tables) holds(slot int32, key string, v entity.Value) bool {
	switch {
	case !t.hasNode(slot):
		return false
	case key == entity.KeyTID:
		tid := t.nodes.at(slot).tid
		return v.Kind() == entity.KindList && !tid.IsZero() || v.Kind() == entity.KindString && hasText(tid, v.Str())
	case indexable(v):
		return t.dict.Holds(t.attrs(slot), key, v)
	default:
		have := t.dict.Get(t.attrs(slot), key)
		return !have.IsZero() && hasTerm(have, v)
	}
}

// hasText tells whether s is the text of a TID.
func hasText(tid entity.UUID, s string) bool {
	var b [36]byte
	return len(s) == len(b) && !tid.IsZero() && string(appendUUID(b[:0], tid)) == s
}

// fullAttrs returns the attributes of a node, TID among them.
func (t *tables) fullAttrs(slot int32) entity.Attrs {
	return withTID(t.dict, t.attrs(slot), t.nodes.at(slot).tid)
}

// nodeHeader returns what a node has in common with edges.
func (t *tables) nodeHeader(slot int32) header {
	rec := t.nodes.at(slot)
	return header{
		id: rec.id, host: t.host(slot), origin: t.name(rec.origin),
		createdAt: rec.createdAt, updatedAt: rec.updatedAt, revision: rec.revision, stale: rec.size&nodeStale != 0,
	}
}

// node makes a node of its record.
func (t *tables) node(slot int32) *Node { return t.nodeWith(slot, t.fullAttrs(slot)) }

// nodeWith makes a node of its record, with its attributes, TID among them.
func (t *tables) nodeWith(slot int32, attrs entity.Attrs) *Node {
	rec := t.nodes.at(slot)
	n := &Node{
		ID: rec.id, Slot: slot, Stale: rec.size&nodeStale != 0, Host: t.host(slot), Origin: t.name(rec.origin), Attrs: attrs,
		CreatedAt: rec.createdAt, UpdatedAt: rec.updatedAt, Revision: rec.revision, tid: rec.tid,
	}
	if c := t.counters(slot); c != nil {
		n.Metric, n.LastUpdateMetric = c.values(t.dict)
	}
	return n
}

// lookupNode is [Node.Lookup] for a record.
func (t *tables) lookupNode(slot int32, path string, yield func(entity.Value) bool) {
	if strings.HasPrefix(path, "@") {
		yieldField(path, t.nodeHeader(slot), yield)
		return
	}
	if c := t.counters(slot); c != nil {
		c.lookup(t.dict, path, yield)
	}
	if path == entity.KeyTID {
		if v := tidValue(t.nodes.at(slot).tid); !v.IsZero() {
			yield(v)
		}
		return
	}
	t.dict.Lookup(t.attrs(slot), path, yield)
}

// appendNodeJSON is [Node.AppendJSON] for a record.
func (t *tables) appendNodeJSON(b []byte, slot int32) []byte {
	b = t.nodeHeader(slot).appendJSON(b)
	b = append(b, `,"Metadata":`...)
	var room [3]pack.Member
	more := t.counters(slot).members(room[:0])
	if tid := t.nodes.at(slot).tid; !tid.IsZero() {
		more = append(more, pack.Member{Key: entity.KeyTID, ID: tid})
	}
	if len(more) == 0 {
		b = t.dict.AppendJSON(b, t.attrs(slot))
	} else {
		b = t.dict.AppendJSONWith(b, t.attrs(slot), more)
	}
	return append(b, '}')
}
