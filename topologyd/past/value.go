package past

import (
	"encoding/binary"

	"github.com/skein-net/skein/internal/entity"
)

// A value begins with a tag, which for the most frequent ones is all of it.
const (
	tagNone  = 0    // no value: the attribute is removed
	tagFalse = 1    //
	tagTrue  = 2    //
	tagInt   = 3    // signed varint
	tagFloat = 4    // 8 bytes, little-endian
	tagText  = 5    // length, bytes
	tagRef   = 6    // entry of the table: number - 128
	tagList  = 7    // count, values
	tagMap   = 8    // count, then key and value each
	tagUUID  = 9    // 16 bytes: the text of a UUID
	tagSmall = 0x10 // to 0x7f: the integers 0 to 111
	tagShort = 0x80 // to 0xff: the entries 0 to 127 of the table
)

// maxTableText is the longest string that is put into the table of a frame.
const maxTableText = 64

// encoder appends values. With a table, strings are entered there and referred
// to; without one, all is written in place.
type encoder struct {
	table map[string]uint32 // nil: no table
	texts []string          // the table's entries in order
}

func (e *encoder) reset() {
	clear(e.table)
	e.texts = e.texts[:0]
}

func appendRef(b []byte, n uint32) []byte {
	if n < 0x80 {
		return append(b, tagShort|byte(n))
	}
	return binary.AppendUvarint(append(b, tagRef), uint64(n-0x80))
}

func (e *encoder) text(b []byte, s string) []byte {
	if e.table != nil && len(s) <= maxTableText {
		n, ok := e.table[s]
		if !ok {
			n = uint32(len(e.texts))
			e.table[s] = n
			e.texts = append(e.texts, s)
		}
		return appendRef(b, n)
	}
	return appendText(b, s)
}

// appendText appends a string in place.
func appendText(b []byte, s string) []byte {
	if id, ok := uuidText(s); ok {
		return append(append(b, tagUUID), id[:]...)
	}
	b = binary.AppendUvarint(append(b, tagText), uint64(len(s)))
	return append(b, s...)
}

// uuidText tells whether a string is the usual form of a UUID, as of TIDs.
func uuidText(s string) (id entity.UUID, ok bool) {
	if len(s) != 36 || s[8] != '-' {
		return id, false
	}
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'F' {
			return id, false
		}
	}
	id, err := entity.ParseUUID(s)
	return id, err == nil
}

func (e *encoder) value(b []byte, v entity.Value) []byte {
	switch v.Kind() {
	case entity.KindBool:
		if v.Bool() {
			return append(b, tagTrue)
		}
		return append(b, tagFalse)
	case entity.KindInt:
		if i := v.Int(); i < 0 || i >= 0x80-tagSmall {
			return binary.AppendVarint(append(b, tagInt), i)
		}
		return append(b, tagSmall+byte(v.Int()))
	case entity.KindFloat:
		return binary.LittleEndian.AppendUint64(append(b, tagFloat), v.Bits())
	case entity.KindString:
		if e.table != nil && len(v.Str()) == 36 {
			if id, ok := uuidText(v.Str()); ok {
				return append(append(b, tagUUID), id[:]...)
			}
		}
		return e.text(b, v.Str())
	case entity.KindList:
		b = binary.AppendUvarint(append(b, tagList), uint64(len(v.List())))
		for _, x := range v.List() {
			b = e.value(b, x)
		}
		return b
	case entity.KindMap:
		return e.attrs(append(b, tagMap), v.Map())
	default:
		return append(b, tagNone)
	}
}

// attrs appends a count, then key and value each.
func (e *encoder) attrs(b []byte, a entity.Attrs) []byte {
	b = binary.AppendUvarint(b, uint64(len(a)))
	for i := range a {
		b = e.value(e.text(b, a[i].Key), a[i].Value)
	}
	return b
}
