package graph

import (
	"hash/maphash"

	"github.com/skein-net/skein/internal/entity"
)

// facet is what one source says of one entity, as an event has it.
type facet struct {
	source   string
	attrs    entity.Attrs
	edges    []assertion
	time     int64 // of the event, Unix nanoseconds on the source's clock
	interval int64 // nanoseconds, 0: never expires
}

// hash returns a hash of what the facet says, apart from when.
func (f *facet) hash(seed maphash.Seed) uint64 {
	var h hasher
	h.SetSeed(seed)
	h.num(uint64(f.interval))
	h.attrs(f.attrs)
	for i := range f.edges {
		h.Write(f.edges[i].ID[:])
		h.attrs(f.edges[i].attrs)
	}
	return h.Sum64()
}

// hasher hashes values so that different ones are written differently.
type hasher struct{ maphash.Hash }

func (h *hasher) num(u uint64) {
	h.Write([]byte{byte(u), byte(u >> 8), byte(u >> 16), byte(u >> 24), byte(u >> 32), byte(u >> 40), byte(u >> 48), byte(u >> 56)})
}

func (h *hasher) text(s string) {
	h.num(uint64(len(s)))
	h.WriteString(s)
}

func (h *hasher) attrs(a entity.Attrs) {
	h.num(uint64(len(a)))
	for _, x := range a {
		h.text(x.Key)
		h.value(x.Value)
	}
}

func (h *hasher) value(v entity.Value) {
	h.WriteByte(byte(v.Kind()))
	switch v.Kind() {
	case entity.KindString:
		h.text(v.Str())
	case entity.KindList:
		h.num(uint64(len(v.List())))
		for _, e := range v.List() {
			h.value(e)
		}
	case entity.KindMap:
		h.attrs(v.Map())
	default:
		h.num(v.Bits())
	}
}
