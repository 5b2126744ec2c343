package entity

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unsafe"
)

// Kind tells which of its forms a [Value] has.
type Kind uint8

// The kinds of a value. None is the zero value: "no such attribute".
const (
	KindNone Kind = iota
	KindBool
	KindInt
	KindFloat
	KindString
	KindList
	KindMap
)

// String returns the name of the kind as error messages use it.
func (k Kind) String() string {
	switch k {
	case KindBool:
		return "boolean"
	case KindInt:
		return "integer"
	case KindFloat:
		return "number"
	case KindString:
		return "string"
	case KindList:
		return "list"
	case KindMap:
		return "map"
	default:
		return "none"
	}
}

// Value is one attribute value: a boolean, a 64-bit integer, a finite double,
// a UTF-8 string, a list of values or a map from names to values. It is 24
// bytes, needs no allocation for scalars and is immutable.
type Value struct {
	// ptr is the data of a string, of a list ([]Value) or of a map ([]Attr).
	ptr unsafe.Pointer
	// num is the scalar, or the length of what ptr points to.
	num  uint64
	kind Kind
}

// Bool returns a boolean value.
func Bool(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.num = 1
	}
	return v
}

// Int returns an integer value.
func Int(i int64) Value { return Value{kind: KindInt, num: uint64(i)} }

// Uint returns an integer value; what does not fit in 63 bits is clamped, as
// line protocol without its optional unsigned type would do.
func Uint(u uint64) Value { return Int(int64(min(u, math.MaxInt64))) }

// Float returns a floating-point value. NaN and infinities have no encoding
// in line protocol; an event that holds one does not validate.
func Float(f float64) Value { return Value{kind: KindFloat, num: math.Float64bits(f)} }

// String returns a string value.
func String(s string) Value {
	return Value{kind: KindString, num: uint64(len(s)), ptr: unsafe.Pointer(unsafe.StringData(s))}
}

// List returns a list value. It keeps vs: the caller must not change it.
func List(vs ...Value) Value {
	return Value{kind: KindList, num: uint64(len(vs)), ptr: unsafe.Pointer(unsafe.SliceData(vs))}
}

// Strings returns a list of string values.
func Strings(ss ...string) Value {
	vs := make([]Value, len(ss))
	for i, s := range ss {
		vs[i] = String(s)
	}
	return List(vs...)
}

// Map returns a map value. It keeps attrs, which must be sorted by key and
// free of duplicates (see [Attrs.Normalize]).
func Map(attrs Attrs) Value {
	return Value{kind: KindMap, num: uint64(len(attrs)), ptr: unsafe.Pointer(unsafe.SliceData(attrs))}
}

// Kind returns the kind of the value.
func (v Value) Kind() Kind { return v.kind }

// IsZero reports whether there is no value at all.
func (v Value) IsZero() bool { return v.kind == KindNone }

// IsScalar reports whether the value is a boolean, a number or a string.
func (v Value) IsScalar() bool { return v.kind >= KindBool && v.kind <= KindString }

// Bool returns the boolean, false for every other kind.
func (v Value) Bool() bool { return v.kind == KindBool && v.num != 0 }

// Int returns the integer; a float is truncated, other kinds are 0.
func (v Value) Int() int64 {
	switch v.kind {
	case KindInt:
		return int64(v.num)
	case KindFloat:
		return int64(math.Float64frombits(v.num))
	default:
		return 0
	}
}

// Float returns the number, 0 for kinds that are not numbers.
func (v Value) Float() float64 {
	switch v.kind {
	case KindInt:
		return float64(int64(v.num))
	case KindFloat:
		return math.Float64frombits(v.num)
	default:
		return 0
	}
}

// IsNumber reports whether the value is an integer or a float.
func (v Value) IsNumber() bool { return v.kind == KindInt || v.kind == KindFloat }

// Str returns the string, "" for every other kind.
func (v Value) Str() string {
	if v.kind != KindString {
		return ""
	}
	return unsafe.String((*byte)(v.ptr), int(v.num))
}

// List returns the elements of a list, nil for every other kind. The caller
// must not change them.
func (v Value) List() []Value {
	if v.kind != KindList {
		return nil
	}
	return unsafe.Slice((*Value)(v.ptr), int(v.num))
}

// Map returns the members of a map in key order, nil for every other kind.
// The caller must not change them.
func (v Value) Map() Attrs {
	if v.kind != KindMap {
		return nil
	}
	return unsafe.Slice((*Attr)(v.ptr), int(v.num))
}

// Equal reports whether both values have the same kind and content. An
// integer never equals a float; queries compare numbers with [Compare].
func (v Value) Equal(o Value) bool {
	if v.kind != o.kind {
		return false
	}
	switch v.kind {
	case KindString:
		return v.Str() == o.Str()
	case KindList:
		return slices.EqualFunc(v.List(), o.List(), Value.Equal)
	case KindMap:
		return v.Map().Equal(o.Map())
	default:
		return v.num == o.num
	}
}

// Compare orders two values for sorting: none, booleans, numbers (integers
// and floats by their numeric value), strings, lists, maps. It is a total
// order that agrees with numeric equality.
func Compare(a, b Value) int {
	if a.IsNumber() && b.IsNumber() {
		return compareNumbers(a, b)
	}
	if c := cmp.Compare(rank(a.kind), rank(b.kind)); c != 0 {
		return c
	}
	switch a.kind {
	case KindBool:
		return cmp.Compare(a.num, b.num)
	case KindString:
		return strings.Compare(a.Str(), b.Str())
	case KindList:
		return slices.CompareFunc(a.List(), b.List(), Compare)
	case KindMap:
		return slices.CompareFunc(a.Map(), b.Map(), func(x, y Attr) int {
			return cmp.Or(strings.Compare(x.Key, y.Key), Compare(x.Value, y.Value))
		})
	default:
		return 0
	}
}

func rank(k Kind) Kind {
	if k == KindFloat {
		return KindInt
	}
	return k
}

// compareNumbers compares without losing the low bits of large integers.
func compareNumbers(a, b Value) int {
	switch {
	case a.kind == KindInt && b.kind == KindInt:
		return cmp.Compare(a.Int(), b.Int())
	case a.kind == KindInt:
		return -compareFloatInt(b.Float(), a.Int())
	case b.kind == KindInt:
		return compareFloatInt(a.Float(), b.Int())
	default:
		return cmp.Compare(a.Float(), b.Float())
	}
}

func compareFloatInt(f float64, i int64) int {
	switch {
	case math.IsNaN(f):
		return -1
	case f >= 1<<63:
		return 1
	case f < -(1 << 63):
		return -1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(int64(whole), i); c != 0 {
		return c
	}
	return cmp.Compare(f, whole)
}

// Bits returns the bits of a scalar that is not a string, for hashing: equal
// values of one kind have equal bits.
func (v Value) Bits() uint64 { return v.num }
