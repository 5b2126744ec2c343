package graph

import (
	"encoding/binary"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph/pack"
)

// The content of a node is one string:
//
//	attributes   packed, as merged from the facets, without TID; their length
//	             is in the node's record
//	identity     length of what follows, name of the type, packed attributes
//	joining      see members.go, in few nodes
//	facets       number, and for each the length of what follows and
//	  source     name
//	  time       8 bytes
//	  interval   seconds and what is left in nanoseconds, as varints
//	  attributes length and packed attributes, if there are several facets, or
//	             entities that joined; those of a single one are those of the node
//	  assertions see assertion.go
//
// A name is its number in the dictionary plus one, or 0, its length and text.

// packedFacet is a facet as the content has it.
type packedFacet struct {
	source         string
	time, interval int64
	attrs, edges   string
}

// appendName appends a name.
func (t *tables) appendName(b []byte, s string) []byte {
	if n, ok := t.dict.Number(s); ok {
		return binary.AppendUvarint(b, uint64(n)+1)
	}
	return append(binary.AppendUvarint(append(b, 0), uint64(len(s))), s...)
}

// readName returns the name at p and where it ends.
func (t *tables) readName(data string, p int) (string, int) {
	n, p := uvarint(data, p)
	if n != 0 {
		return t.dict.Text(uint32(n) - 1), p
	}
	n, p = uvarint(data, p)
	return data[p : p+int(n)], p + int(n)
}

// readPart returns the bytes at p that their length stands before, and where
// they end.
func readPart(data string, p int) (string, int) {
	n, p := uvarint(data, p)
	return data[p : p+int(n)], p + int(n)
}

func appendPart[T []byte | string](b []byte, part T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func uvarint(data string, p int) (uint64, int) {
	var v uint64
	for s := 0; ; s += 7 {
		c := data[p]
		p++
		if v |= uint64(c&0x7f) << s; c < 0x80 {
			return v, p
		}
	}
}

func varint(data string, p int) (int64, int) {
	u, p := uvarint(data, p)
	return int64(u>>1) ^ -int64(u&1), p
}

func fixed64(data string, p int) (v uint64) {
	for i := range 8 {
		v |= uint64(data[p+i]) << (8 * i)
	}
	return v
}

// appendIdentity appends the identity of an entity, in the form of the content.
func (g *Graph) appendIdentity(b []byte, ref entity.Ref, slot int32) []byte {
	g.scratch = g.t.appendName(g.scratch[:0], ref.Type)
	g.idAttrs = g.idAttrs[:0]
	for _, a := range ref.ID {
		g.idAttrs = append(g.idAttrs, entity.A(a.Key, entity.String(a.Value)))
	}
	g.scratch = g.t.dict.AppendOf(g.scratch, g.idAttrs, owner(slot))
	clear(g.idAttrs)
	return appendPart(b, g.scratch)
}

// owner is a slot as the dictionary takes it.
func owner(slot int32) uint32 { return uint32(slot) + 1 }

// identity returns the type and the packed identifying attributes of a node.
func (t *tables) identity(slot int32) (typ, id string) {
	part, _ := t.identityPart(slot)
	typ, p := t.readName(part, 0)
	return typ, part[p:]
}

// identityPart returns the part of the content with the identity, and where it
// ends.
func (t *tables) identityPart(slot int32) (part string, end int) {
	return readPart(t.data.at(slot).content, int(t.nodes.at(slot).size&^nodeFlags))
}

// ref returns the entity of a node.
func (t *tables) ref(slot int32) entity.Ref {
	typ, id := t.identity(slot)
	ref := entity.Ref{Type: typ, ID: make(entity.Identity, 0, t.dict.Len(id))}
	t.dict.Each(id, func(key string, v entity.Value) bool {
		ref.ID = append(ref.ID, entity.IDAttr{Key: key, Value: v.Str()})
		return true
	})
	return ref
}

// host returns the host of the entity of a node.
func (t *tables) host(slot int32) string {
	_, id := t.identity(slot)
	return t.dict.Get(id, entity.IDHost).Str()
}

// facetReader reads the facets of a node in turn.
type facetReader struct {
	t    *tables
	data string
	// p is where the next facet starts; left is how many there are from there.
	p, left int
	single  bool
	attrs   string // of a single facet
}

func (t *tables) facetsOf(slot int32) facetReader {
	data, flags := t.data.at(slot).content, t.nodes.at(slot).size
	size := int(flags &^ nodeFlags)
	n, p := uvarint(data, size)
	p += int(n)
	if flags&(nodeJoined|nodeHosts) != 0 {
		n, p = uvarint(data, p)
		p += int(n)
	}
	n, p = uvarint(data, p)
	return facetReader{t, data, p, int(n), n == 1 && flags&nodeHosts == 0, data[:size]}
}

// next reads the next facet; false when there is none.
func (r *facetReader) next(f *packedFacet) bool {
	if r.left == 0 {
		return false
	}
	r.left--
	n, p := uvarint(r.data, r.p)
	end := p + int(n)
	r.p = end
	f.source, p = r.t.readName(r.data, p)
	f.time = int64(fixed64(r.data, p))
	s, p := varint(r.data, p+8)
	ns, p := varint(r.data, p)
	f.interval = s*int64(time.Second) + ns
	f.attrs = r.attrs
	if !r.single {
		f.attrs, p = readPart(r.data, p)
	}
	f.edges = r.data[p:end]
	return true
}

// facets appends the facets of a node to list, sorted by source.
func (t *tables) facets(slot int32, list []packedFacet) []packedFacet {
	var f packedFacet
	for r := t.facetsOf(slot); r.next(&f); {
		list = append(list, f)
	}
	return list
}

// findFacet returns the number of the facet of a source and the time of the
// event that made it; -1 when there is none.
func (t *tables) findFacet(slot int32, source string) (i int, time int64) {
	var f packedFacet
	for r := t.facetsOf(slot); r.next(&f); i++ {
		if f.source == source {
			return i, f.time
		}
	}
	return -1, 0
}

// sourceOf returns the source of facet i of a node.
func (t *tables) sourceOf(slot int32, i int) string {
	var f packedFacet
	for r := t.facetsOf(slot); i >= 0 && r.next(&f); i-- {
	}
	return f.source
}

// appendFacets appends facets in the form of the content; full tells to write the
// attributes of a single one too.
func (g *Graph) appendFacets(b []byte, list []packedFacet, full bool) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		f := &list[i]
		s := g.t.appendName(g.scratch[:0], f.source)
		s = binary.LittleEndian.AppendUint64(s, uint64(f.time))
		s = binary.AppendVarint(s, f.interval/int64(time.Second))
		s = binary.AppendVarint(s, f.interval%int64(time.Second))
		if full || len(list) > 1 {
			s = appendPart(s, f.attrs)
		}
		s = append(s, f.edges...)
		g.scratch = s
		b = appendPart(b, s)
	}
	return b
}

// withoutTID returns a copy of what a source says but for TID, which the graph
// makes, with room for it.
func withoutTID(a entity.Attrs) entity.Attrs {
	out := make(entity.Attrs, 0, len(a)+1)
	for i := range a {
		if a[i].Key != entity.KeyTID {
			out = append(out, a[i])
		}
	}
	return out
}

// insertTID adds a TID to attributes that have room for it.
func insertTID(a entity.Attrs, tid entity.UUID) entity.Attrs {
	if tid.IsZero() {
		return a
	}
	a = append(a, entity.A(entity.KeyTID, tidValue(tid)))
	for i := len(a) - 1; i > 0 && a[i].Key < a[i-1].Key; i-- {
		a[i], a[i-1] = a[i-1], a[i]
	}
	return a
}

// withTID returns packed attributes, and TID among them.
func withTID(d *pack.Dict, data string, tid entity.UUID) entity.Attrs {
	out := make(entity.Attrs, 0, d.Len(data)+1)
	d.Each(data, func(key string, v entity.Value) bool {
		out = append(out, entity.Attr{Key: key, Value: v})
		return true
	})
	return insertTID(out, tid)
}
