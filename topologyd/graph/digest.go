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
	for n := range v.Nodes() {
		b = v.appendNode(b[:0], n)
		d.add(b)
	}
	for e := range v.Edges() {
		b = append(append(append(append(b[:0], 'e'), e.ID[:]...), e.Parent[:]...), e.Child[:]...)
		b = appendText(appendText(appendText(b, e.RelationType), e.Host), e.Origin)
		b = appendNumbers(b, e.CreatedAt, e.UpdatedAt, int64(e.Revision))
		d.add(appendAttrs(b, e.Attrs))
	}
	return d
}

func (v *View) appendNode(b []byte, n *Node) []byte {
	b = append(append(b, 'n'), n.ID[:]...)
	b = appendText(appendText(b, n.Host), n.Origin)
	b = appendNumbers(b, n.CreatedAt, n.UpdatedAt, int64(n.Revision))
	b = appendAttrs(b, n.Attrs)
	emitter := n.ID
	var f packedFacet
	var a packedAssertion
	for r := v.t.facetsOf(n.Slot); r.next(&f); {
		b = appendNumbers(appendText(b, f.source), f.time, f.interval)
		v.t.dict.Each(f.attrs, func(key string, value entity.Value) bool {
			b = appendValue(appendText(b, key), value)
			return true
		})
		for p := 0; p < len(f.edges); {
			p = v.t.readAssertion(f.edges, p, emitter, &a)
			id := a.edge().ID
			b = appendAttrs(append(b, id[:]...), v.t.dict.Attrs(a.attrs))
		}
	}
	return b
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
