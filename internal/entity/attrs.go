package entity

import (
	"slices"
	"strings"
)

// Attr is one named value.
type Attr struct {
	Key   string
	Value Value
}

// Attrs is a set of attributes, sorted by key, each key once, no value of
// kind none. Build it with append and then [Attrs.Normalize].
type Attrs []Attr

// A is a shorthand to build an attribute.
func A(key string, v Value) Attr { return Attr{Key: key, Value: v} }

// Normalize sorts a by key, keeps the last of several values of one key and
// drops values of kind none. It works in place and returns the result.
func (a Attrs) Normalize() Attrs {
	a = slices.DeleteFunc(a, func(x Attr) bool { return x.Value.IsZero() })
	if !a.sorted() {
		slices.SortStableFunc(a, func(x, y Attr) int { return strings.Compare(x.Key, y.Key) })
		out := a[:0]
		for i, x := range a {
			if i+1 < len(a) && a[i+1].Key == x.Key {
				continue
			}
			out = append(out, x)
		}
		clear(a[len(out):])
		a = out
	}
	return a
}

// sorted reports whether the keys are strictly ascending.
func (a Attrs) sorted() bool {
	for i := 1; i < len(a); i++ {
		if a[i-1].Key >= a[i].Key {
			return false
		}
	}
	return true
}

// Get returns the value of a key, the zero Value when there is none.
func (a Attrs) Get(key string) Value {
	if i, ok := slices.BinarySearchFunc(a, key, func(x Attr, k string) int { return strings.Compare(x.Key, k) }); ok {
		return a[i].Value
	}
	return Value{}
}

// Has reports whether there is a value for the key.
func (a Attrs) Has(key string) bool { return !a.Get(key).IsZero() }

// Equal reports whether both sets hold the same keys and values.
func (a Attrs) Equal(b Attrs) bool {
	return slices.EqualFunc(a, b, func(x, y Attr) bool { return x.Key == y.Key && x.Value.Equal(y.Value) })
}

// With returns a copy of a in which key has the value v.
func (a Attrs) With(key string, v Value) Attrs {
	i, found := slices.BinarySearchFunc(a, key, func(x Attr, k string) int { return strings.Compare(x.Key, k) })
	out := make(Attrs, 0, len(a)+1)
	out = append(append(out, a[:i]...), Attr{key, v})
	if found {
		i++
	}
	return append(out, a[i:]...)
}

// Lookup resolves a dotted path such as "Ovs.OtherConfig.mac" or
// "Neighbors.IP". Keys may themselves contain dots, so at each level the whole
// rest of the path is tried as a key, then every prefix of it, the shortest
// first. A list on the way is searched element by element. It calls yield for
// every value that the path names, until yield returns false; a list at the end
// of the path is yielded as one value.
func (a Attrs) Lookup(path string, yield func(Value) bool) {
	a.lookup(path, yield)
}

func (a Attrs) lookup(path string, yield func(Value) bool) bool {
	if v := a.Get(path); !v.IsZero() && !yield(v) {
		return false
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		if v := a.Get(path[:i]); !v.IsZero() && !v.descend(path[i+1:], yield) {
			return false
		}
	}
	return true
}

func (v Value) descend(path string, yield func(Value) bool) bool {
	switch v.kind {
	case KindMap:
		return v.Map().lookup(path, yield)
	case KindList:
		for _, e := range v.List() {
			if !e.descend(path, yield) {
				return false
			}
		}
	}
	return true
}
