package graph

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// state is what the sources say of one entity. It is immutable: a new report
// makes a new one.
type state struct {
	ref    entity.Ref
	facets []facet // sorted by source
}

// facet is what one source says of one entity.
type facet struct {
	source   string
	attrs    entity.Attrs
	edges    []assertion
	time     int64 // of the event that made it, Unix nanoseconds on the source's clock
	interval int64 // nanoseconds, 0: never expires
}

// assertion is an edge that a facet asserts, and how it describes it.
type assertion struct {
	entity.Edge
	attrs entity.Attrs
}

func (s *state) find(source string) (int, bool) {
	return slices.BinarySearchFunc(s.facets, source, func(f facet, src string) int { return strings.Compare(f.source, src) })
}

// with returns a copy of s in which the facet f replaces that of its source.
func (s *state) with(f facet) *state {
	i, found := s.find(f.source)
	out := &state{ref: s.ref, facets: slices.Clone(s.facets)}
	if found {
		out.facets[i] = f
	} else {
		out.facets = slices.Insert(out.facets, i, f)
	}
	return out
}

// without returns a copy of s without facet i.
func (s *state) without(i int) *state {
	return &state{ref: s.ref, facets: slices.Delete(slices.Clone(s.facets), i, i+1)}
}

// origin lists the sources by name.
func (s *state) origin() string {
	if len(s.facets) == 1 {
		return s.facets[0].source
	}
	names := make([]string, len(s.facets))
	for i := range s.facets {
		names[i] = s.facets[i].source
	}
	return strings.Join(names, ",")
}

// onlyGuests reports whether no facet is left that is a reason for the node.
func (s *state) onlyGuests() bool {
	for i := range s.facets {
		if !entity.IsGuest(s.facets[i].source, s.ref.Type) {
			return false
		}
	}
	return true
}

// merged is the union of the facets' attributes and the TID. Where two facets
// give a value for the same key, that of the source whose name sorts first
// stands, and that of a guest only when nobody else gives one: sources keep to
// keys of their own, so this decides only mistakes, but it decides them the same
// way whatever the order of the reports.
func (s *state) merged(tid entity.UUID) entity.Attrs {
	n := 1
	for i := range s.facets {
		n += len(s.facets[i].attrs)
	}
	out := make(entity.Attrs, 0, n)
	add := func(guests bool) {
		for i := len(s.facets) - 1; i >= 0; i-- {
			if entity.IsGuest(s.facets[i].source, s.ref.Type) != guests {
				continue
			}
			for _, a := range s.facets[i].attrs {
				if a.Key != entity.KeyTID {
					out = append(out, a)
				}
			}
		}
	}
	add(true)
	add(false)
	if !tid.IsZero() {
		out = append(out, entity.A(entity.KeyTID, entity.String(tid.String())))
	}
	return out.Normalize()
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
