package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/skein-net/skein/internal/entity"
)

// Digest is a fingerprint of all that the log says of a graph: replicas that
// applied the same log have the same one, in whatever order they hold it. Stale
// marks and counters, which are not logged, are not part of it.
type Digest [32]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// add adds the hash of one element. The sum of the hashes does not depend on
// their order.
func (d *Digest) add(b []byte) {
	h := sha256.Sum256(b)
	for i := 0; i < len(d); i += 8 {
		sum := binary.LittleEndian.Uint64(d[i:]) + binary.LittleEndian.Uint64(h[i:])
		binary.LittleEndian.PutUint64(d[i:], sum)
	}
}

// Digest computes the digest of the view. It looks at everything: about 1 µs an
// element.
func (v *View) Digest() Digest {
	var d Digest
	b := binary.LittleEndian.AppendUint64([]byte("revision"), v.Revision())
	d.add(b)
	for _, j := range v.t.joins {
		b = appendNumbers(appendText(append(b[:0], 'j'), j.Row), j.Time)
		d.add(b)
	}
	for slot := range v.NodeList() {
		b = v.t.digestNode(b[:0], slot)
		d.add(b)
	}
	for slot := range v.EdgeList() {
		b = v.t.digestEdge(b[:0], slot, v.RelationType(slot))
		d.add(b)
	}
	return d
}

func (t *tables) digestNode(b []byte, slot int32) []byte {
	h := t.nodeHeader(slot)
	b = digestHeader(append(append(b, 'n'), h.id[:]...), &h)
	attrs, tid := t.attrs(slot), t.nodes.at(slot).tid
	count := t.dict.Len(attrs)
	if !tid.IsZero() {
		count++
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(count))
	t.dict.Each(attrs, func(key string, value entity.Value) bool {
		if !tid.IsZero() && key > entity.KeyTID {
			b = digestTID(b, tid)
			tid = entity.UUID{}
		}
		b = appendValue(appendText(b, key), value)
		return true
	})
	if !tid.IsZero() {
		b = digestTID(b, tid)
	}
	b = t.digestFacets(b, slot)
	for _, m := range t.members(slot, nil) {
		id := t.nodeID(m.slot)
		b = t.digestFacets(appendText(append(append(b, 'm'), id[:]...), m.row), m.slot)
	}
	return b
}

func (t *tables) digestFacets(b []byte, slot int32) []byte {
	var f packedFacet
	var a packedAssertion
	emitter := t.nodeID(slot)
	for r := t.facetsOf(slot); r.next(&f); {
		b = appendNumbers(appendText(b, f.source), f.time, f.interval)
		t.dict.Each(f.attrs, func(key string, value entity.Value) bool {
			b = appendValue(appendText(b, key), value)
			return true
		})
		for p := 0; p < len(f.edges); {
			p = t.readAssertion(f.edges, p, emitter, &a)
			id := a.edge().ID
			b = appendAttrs(append(b, id[:]...), t.dict.Attrs(a.attrs))
		}
	}
	return b
}

func digestTID(b []byte, tid entity.UUID) []byte {
	b = append(appendText(b, entity.KeyTID), byte(entity.KindString))
	return appendUUID(binary.LittleEndian.AppendUint32(b, 36), tid)
}

func (t *tables) digestEdge(b []byte, slot int32, relation string) []byte {
	h, link := t.edgeHeader(slot), t.links.at(slot)
	parent, child := t.nodeID(link.parent), t.nodeID(link.child)
	b = append(append(append(append(b, 'e'), h.id[:]...), parent[:]...), child[:]...)
	b = digestHeader(appendText(b, relation), &h)
	return appendAttrs(b, t.dict.Attrs(t.extraOf(slot).attrs))
}

func digestHeader(b []byte, h *header) []byte {
	return appendNumbers(appendText(appendText(b, h.host), h.origin), h.createdAt, h.updatedAt, int64(h.revision))
}

func appendNumbers(b []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendAttrs(b []byte, attrs entity.Attrs) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(attrs)))
	for _, a := range attrs {
		b = appendValue(appendText(b, a.Key), a.Value)
	}
	return b
}

func appendValue(b []byte, v entity.Value) []byte {
	b = append(b, byte(v.Kind()))
	switch v.Kind() {
	case entity.KindString:
		return appendText(b, v.Str())
	case entity.KindList:
		b = binary.LittleEndian.AppendUint32(b, uint32(len(v.List())))
		for _, e := range v.List() {
			b = appendValue(b, e)
		}
		return b
	case entity.KindMap:
		return appendAttrs(b, v.Map())
	default:
		return binary.LittleEndian.AppendUint64(b, v.Bits())
	}
}
