package gremlin

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// buildShared makes Shared: (key …) keeps the elements that have a value of the
// key in common with another one of those it is given; with several keys, a
// combination of their values. Of a list each value counts, of texts that are
// addresses the address, see [appendShared]. What lacks one of the keys goes.
//
// It holds what it is given, and in a sub-traversal that is what comes of one
// element: Where(Out().Shared('MAC')) is what has children with the same MAC.
func buildShared(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "a key in quotes such as 'MAC'")
	}
	keys, err := c.keys(s, in)
	if err != nil {
		return nil, 0, err
	}
	return func(x *exec, in flow) flow {
		out := flow{kind: in.kind, scope: in.scope}
		out.slots = func(yield func(int32) bool) {
			all := held(x, in.slots)
			if x.err != nil {
				return
			}
			sh := sharing{
				keys: keys, at: func(slot int32) lookupFunc { return x.lookup(in.kind, slot) },
				same:  func(a, b int32) bool { return a == b || x.view.IsSlice() && x.sameElement(in.kind, a, b) },
				visit: x.visit, take: func(bytes int) bool { return x.take(bytes + mapBytes) },
			}
			for _, slot := range sh.of(all) {
				if x.err != nil || !yield(slot) {
					return
				}
			}
		}
		return out
	}, in, nil
}

// sameElement tells whether two slots of a slice of time are revisions of one
// element.
func (x *exec) sameElement(k Kind, a, b int32) bool {
	if k == KindEdges {
		return x.view.EdgeID(a) == x.view.EdgeID(b)
	}
	return x.view.NodeID(a) == x.view.NodeID(b)
}

// sharing finds the elements that have values in common.
type sharing struct {
	keys []string
	at   func(slot int32) lookupFunc
	same func(a, b int32) bool
	// visit counts a combination that is looked at, take the memory of one that is
	// remembered; both tell whether to go on.
	visit func() bool
	take  func(bytes int) bool

	// first is who has a combination first, severalHave when others do, too.
	first map[string]int32
	// arena holds the encoded values of one element, values where in it those of each
	// key are, text a combination.
	arena, text []byte
	values      [][]stretch
	add         func(entity.Value) bool
}

// stretch is a part of an arena.
type stretch struct{ from, to int }

// severalHave stands for a combination that is shared.
const severalHave = -1

// of keeps, in their order, the slots that share a combination. It gives nothing
// that is of use when visit or take have said no.
func (s *sharing) of(slots []int32) []int32 {
	s.first = make(map[string]int32)
	for _, slot := range slots {
		if !s.each(slot, func(c []byte) bool {
			have, known := s.first[string(c)]
			switch {
			case !known:
				s.first[string(c)] = slot
				return s.take(len(c))
			case have != severalHave && !s.same(have, slot):
				s.first[string(c)] = severalHave
			}
			return true
		}) {
			return nil
		}
	}
	return slices.DeleteFunc(slots, func(slot int32) bool {
		found := false
		s.each(slot, func(c []byte) bool {
			found = s.first[string(c)] == severalHave
			return !found
		})
		return !found
	})
}

// each gives the combinations of an element's values, one for each key, until one
// is enough; the text is valid until the next one. It reports false when it was
// stopped.
func (s *sharing) each(slot int32, yield func([]byte) bool) bool {
	if s.add == nil {
		s.add = func(v entity.Value) bool { s.append(v); return true }
	}
	s.arena, s.values = s.arena[:0], slices.Grow(s.values[:0], len(s.keys))
	at := s.at(slot)
	for i, k := range s.keys {
		s.values = s.values[:i+1]
		s.values[i] = s.values[i][:0]
		if at(k, s.add); len(s.values[i]) == 0 {
			return s.visit()
		}
	}
	return s.combine(0, s.text[:0], yield)
}

// append adds a value, of a list its values, to those of the last key.
func (s *sharing) append(v entity.Value) {
	if v.Kind() == entity.KindList {
		for _, e := range v.List() {
			s.append(e)
		}
		return
	}
	from := len(s.arena)
	s.arena = appendShared(s.arena, v)
	last := &s.values[len(s.values)-1]
	*last = append(*last, stretch{from, len(s.arena)})
}

// combine puts the values of the keys from n on behind what is there.
func (s *sharing) combine(n int, before []byte, yield func([]byte) bool) bool {
	if n == len(s.values) {
		s.text = before
		return s.visit() && yield(before)
	}
	for _, v := range s.values[n] {
		if !s.combine(n+1, append(append(before, s.arena[v.from:v.to]...), ';'), yield) {
			return false
		}
	}
	return true
}

// appendShared encodes what counts of a value. Of the address of an interface, which has
// the length of its network's prefix behind it, this is the address: 10.0.0.1/24
// and 10.0.0.1/16 are one. A network, which has nothing but zeros behind its
// prefix, is compared as a whole, unless it is so small (/31, /32, /127, /128) that
// its first address is an interface's, too.
func appendShared(b []byte, v entity.Value) []byte {
	if v.Kind() != entity.KindString || !mayBeAddress(v.Str()) {
		return appendCanonical(b, v)
	}
	if p, err := netip.ParsePrefix(v.Str()); err == nil {
		if p.Bits() >= p.Addr().BitLen()-1 || p.Masked() != p {
			return append(p.Addr().AppendTo(append(b, '"')), '"')
		}
		return append(p.AppendTo(append(b, '"')), '"')
	}
	if a, err := netip.ParseAddr(v.Str()); err == nil && a.Zone() == "" {
		return append(a.AppendTo(append(b, '"')), '"')
	}
	return appendCanonical(b, v)
}

// mayBeAddress tells apart what is no address, above all a MAC, before that costs an
// error: IPv4 has three dots, IPv6 seven colons, or two that stand together.
func mayBeAddress(text string) bool {
	return strings.Count(text, ".") == 3 || strings.Contains(text, "::") || strings.Count(text, ":") == 7
}

// viewSharing is sharing of elements of a view that is no slice of time.
func viewSharing(v *graph.View, k Kind, keys []string, visit func() bool) *sharing {
	at := func(slot int32) lookupFunc { return nodeLookup(v, slot) }
	if k == KindEdges {
		at = func(slot int32) lookupFunc { return edgeLookup(v, slot) }
	}
	return &sharing{
		keys: keys, at: at, same: func(a, b int32) bool { return a == b },
		visit: visit, take: func(int) bool { return true },
	}
}
