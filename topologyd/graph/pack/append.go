package pack

import (
	"encoding/binary"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// Append appends the encoded form of a, which is normalized, to b. Only the
// writer may call it. No attributes take no bytes.
func (d *Dict) Append(b []byte, a entity.Attrs) []byte { return d.AppendOf(b, a, 0) }

// AppendOf is Append for attributes of a known owner, any number that is not 0:
// that the same owner says the same again does not make a text worth being kept
// once.
func (d *Dict) AppendOf(b []byte, a entity.Attrs, owner uint32) []byte {
	if len(a) == 0 {
		return b
	}
	if n := d.shapeFor(a, owner); n != 0 {
		b = binary.AppendUvarint(b, uint64(n))
		for i := range a {
			b = d.appendValue(b, a[i].Value, owner)
		}
		return b
	}
	b = binary.AppendUvarint(append(b, 0), uint64(len(a)))
	for i := range a {
		if k, ok := d.key(a[i].Key); ok {
			b = binary.AppendUvarint(b, uint64(k)+1)
		} else {
			b = binary.AppendUvarint(append(b, 0), uint64(len(a[i].Key)))
			b = append(b, a[i].Key...)
		}
		b = d.appendValue(b, a[i].Value, owner)
	}
	return b
}

func (d *Dict) appendValue(b []byte, v entity.Value, owner uint32) []byte {
	switch v.Kind() {
	case entity.KindBool:
		if v.Bool() {
			return append(b, headTrue)
		}
		return append(b, headFalse)
	case entity.KindInt:
		return appendInt(b, v.Int())
	case entity.KindFloat:
		return appendFloat(b, v.Float())
	case entity.KindString:
		return d.appendString(b, v.Str(), owner)
	case entity.KindList, entity.KindMap:
		start := len(b)
		if list := v.List(); len(list) == 1 {
			b = d.appendValue(append(b, headOne), list[0], owner)
		} else if v.Kind() == entity.KindList {
			b = binary.AppendUvarint(append(b, headList), uint64(len(list)))
			for _, e := range list {
				b = d.appendValue(b, e, owner)
			}
			b = insertLength(b, start+1)
		} else {
			b = d.AppendOf(append(b, headMap), v.Map(), owner)
			b = insertLength(b, start+1)
		}
		if n := len(b) - start; n > 2 && n <= maxText {
			if k, ok := d.internList(b[start:], owner); ok {
				b = appendNumber(b[:start], k)
			}
		}
		return b
	default:
		return append(b, headNone)
	}
}

// insertLength inserts the length of b[start:] before it.
func insertLength(b []byte, start int) []byte {
	var l [binary.MaxVarintLen64]byte
	return slices.Insert(b, start, l[:binary.PutUvarint(l[:], uint64(len(b)-start))]...)
}

// appendNumber appends the number of an interned value.
func appendNumber(b []byte, n uint32) []byte {
	if n <= maxNear {
		return append(b, internedHead|byte(n>>8), byte(n))
	}
	return append(b, headNumber, byte(n), byte(n>>8))
}

func (d *Dict) appendString(b []byte, s string, owner uint32) []byte {
	if n, ok := d.internText(s, owner); ok {
		return appendNumber(b, n)
	}
	if c, ok := appendPacked(b, s); ok {
		return c
	}
	if len(s) <= maxShort {
		b = append(b, shortString|byte(len(s)))
	} else {
		b = binary.AppendUvarint(append(b, headString), uint64(len(s)))
	}
	return append(b, s...)
}
