package graph

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// orderedKind is which values an ordered index is for.
type orderedKind uint8

const (
	orderedNumbers orderedKind = iota
	orderedStrings
	orderedAddresses
)

// orderedName names an ordered index: of what nodes have under a path, as
// [entity.Attrs.Lookup] follows it, of one kind.
type orderedName struct {
	key  string
	kind orderedKind
}

// follows tells whether the path may lead into the value of a top-level key.
func (n *orderedName) follows(key string) bool {
	rest, ok := strings.CutPrefix(n.key, key)
	return ok && (rest == "" || rest[0] == '.')
}

// nodeKeys are the keys of one node, in order, each once. long tells that it has
// strings that are too long to be ordered.
type nodeKeys struct {
	keys []string
	long bool
}

// of sets the keys to those that the lookup of a path gives.
func (n *nodeKeys) of(name *orderedName, lookup func(path string, yield func(entity.Value) bool)) {
	n.keys, n.long = n.keys[:0], false
	enter := func(v entity.Value) {
		if key, ok := name.kind.key(v); ok {
			n.keys = append(n.keys, key)
		} else if v.Kind() == entity.KindString && name.kind != orderedNumbers && !indexable(v) {
			n.long = true
		}
	}
	lookup(name.key, func(v entity.Value) bool {
		enter(v)
		for _, e := range v.List() {
			enter(e)
		}
		return true
	})
	if len(n.keys) > 1 {
		slices.Sort(n.keys)
		n.keys = slices.Compact(n.keys)
	}
}

// key returns what a value is ordered by: a text whose bytes compare as the
// values do; false when it is of another kind.
func (k orderedKind) key(v entity.Value) (string, bool) {
	switch k {
	case orderedNumbers:
		if v.IsNumber() {
			return numberKey(v), true
		}
	case orderedStrings:
		if v.Kind() == entity.KindString && indexable(v) {
			return v.Str(), true
		}
	case orderedAddresses:
		if v.Kind() == entity.KindString && indexable(v) {
			return addressKey(v.Str())
		}
	}
	return "", false
}

// numberKey returns ten bytes that compare as numbers do, integers and floats
// alike and exactly, without zeros at the end: the largest float that is not
// greater, and how much an integer is more.
func numberKey(v entity.Value) string {
	f, rest := v.Float(), int64(0)
	if v.Kind() == entity.KindInt {
		if i := v.Int(); f >= 1<<63 || int64(f) > i {
			f = math.Nextafter(f, math.Inf(-1))
		}
		rest = v.Int() - int64(f)
	}
	if f == 0 {
		f = 0 // not -0
	}
	u := math.Float64bits(f)
	if u>>63 != 0 {
		u = ^u
	} else {
		u |= 1 << 63
	}
	var b [10]byte
	binary.BigEndian.PutUint64(b[:], u)
	binary.BigEndian.PutUint16(b[8:], uint16(rest))
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return string(b[:n])
}

// addressKey returns what a text that is an address, with or without a slash and
// what follows, is ordered by.
func addressKey(s string) (string, bool) {
	s, _, _ = strings.Cut(s, "/")
	// Most texts are no address: netip is slow to say so.
	if len(s) < 2 || !strings.ContainsAny(s, ".:") {
		return "", false
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return "", false
	}
	return keyOfAddress(addr), true
}

func keyOfAddress(a netip.Addr) string {
	if a = a.Unmap().WithZone(""); a.Is4() {
		b := a.As4()
		return "4" + string(b[:])
	}
	b := a.As16()
	return "6" + string(b[:])
}

// span is a range of entries; without an end it goes to the last one.
type span struct {
	first entry
	last  entry
	open  bool // no last
}

// spanBetween returns the entries between two bounds, of which at most one is
// None, and the kind of index that has them; false when the bounds are of no
// kind that is ordered.
func spanBetween(lo, hi Bound) (kind orderedKind, s span, ok bool) {
	given := lo.Value
	if lo.None {
		given = hi.Value
	}
	switch {
	case lo.None && hi.None:
		return 0, s, false
	case given.IsNumber():
		kind = orderedNumbers
	case given.Kind() == entity.KindString && indexable(given):
		kind = orderedStrings
	default:
		return 0, s, false
	}
	if !lo.None {
		key, ok := kind.key(lo.Value)
		if !ok {
			return 0, s, false
		}
		if s.first = (entry{key, -1}); lo.Open {
			s.first.slot = math.MaxInt32
		}
	}
	if s.open = hi.None; !s.open {
		key, ok := kind.key(hi.Value)
		if !ok {
			return 0, s, false
		}
		if s.last = (entry{key, math.MaxInt32}); hi.Open {
			s.last.slot = -1
		}
	}
	return kind, s, true
}

// spanOfPrefix returns the entries whose keys begin with a prefix.
func spanOfPrefix(prefix string) span {
	s := span{first: entry{prefix, -1}, open: true}
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			s.last, s.open = entry{prefix[:i] + string([]byte{prefix[i] + 1}), -1}, false
			break
		}
	}
	return s
}

// spanOfNetwork returns the entries of the addresses inside a network, which is
// valid; false when there can be none.
func spanOfNetwork(p netip.Prefix) (span, bool) {
	addr := p.Masked().Addr()
	if addr.Is4In6() {
		// No address is: they are counted as those of version 4.
		return span{}, false
	}
	last := addr.AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 1 << (7 - bit%8)
	}
	end, _ := netip.AddrFromSlice(last)
	return span{first: entry{keyOfAddress(addr), -1}, last: entry{keyOf16(end), math.MaxInt32}}, true
}

// keyOf16 is keyOfAddress without taking an address for one of version 4.
func keyOf16(a netip.Addr) string {
	if a.Is4() {
		return keyOfAddress(a)
	}
	b := a.As16()
	return "6" + string(b[:])
}
