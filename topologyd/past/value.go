package past

import (
	"encoding/binary"
	"encoding/hex"

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

// decoder reads what an encoder wrote. Strings are parts of the input. The
// first error sticks, and what is read then is zero.
type decoder struct {
	s     string
	at    int
	table []entity.Value
	err   error

	// What is left of the last pieces of memory that were taken for many small
	// things at once.
	values []entity.Value
	attrs  []entity.Attr
	text   []byte
}

// read starts reading an input with a table.
func (d *decoder) read(s string, table []entity.Value) {
	d.s, d.at, d.table, d.err = s, 0, table, nil
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errCorrupt
	}
	d.at = len(d.s)
}

func (d *decoder) byte() byte {
	if d.at >= len(d.s) {
		d.fail()
		return 0
	}
	d.at++
	return d.s[d.at-1]
}

func (d *decoder) uint() uint64 {
	if d.at < len(d.s) && d.s[d.at] < 0x80 {
		d.at++
		return uint64(d.s[d.at-1])
	}
	return d.longUint()
}

func (d *decoder) longUint() (u uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := d.byte()
		if d.err != nil || shift == 63 && c > 1 {
			d.fail()
			return 0
		}
		u |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return u
		}
	}
	d.fail()
	return 0
}

func (d *decoder) int() int64 {
	u := d.uint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads the number of items that follow, each at least size bytes long.
func (d *decoder) count(size int) int {
	u := d.uint()
	if u > uint64((len(d.s)-d.at)/size) {
		d.fail()
		return 0
	}
	return int(u)
}

// take reads n bytes.
func (d *decoder) take(n int) string {
	if n < 0 || n > len(d.s)-d.at {
		d.fail()
		return ""
	}
	d.at += n
	return d.s[d.at-n : d.at]
}

func (d *decoder) id() (id entity.UUID) {
	copy(id[:], d.take(len(id)))
	return id
}

// str reads a value that must be a string.
func (d *decoder) str() string {
	v := d.value(0)
	if v.Kind() != entity.KindString {
		d.fail()
	}
	return v.Str()
}

func (d *decoder) entry(n uint64) entity.Value {
	if n >= uint64(len(d.table)) {
		d.fail()
		return entity.Value{}
	}
	return d.table[n]
}

func (d *decoder) value(depth int) entity.Value {
	tag := d.byte()
	if tag >= tagShort {
		if n := int(tag - tagShort); n < len(d.table) {
			return d.table[n]
		}
		d.fail()
		return entity.Value{}
	}
	if tag >= tagSmall {
		return entity.Int(int64(tag - tagSmall))
	}
	switch tag {
	case tagNone:
		return entity.Value{}
	case tagFalse, tagTrue:
		return entity.Bool(tag == tagTrue)
	case tagInt:
		return entity.Int(d.int())
	case tagFloat:
		return d.float()
	case tagText:
		return entity.String(d.take(d.count(1)))
	case tagRef:
		return d.entry(d.uint() + 0x80)
	case tagUUID:
		return d.uuid()
	case tagList, tagMap:
		if depth >= entity.MaxDepth+1 {
			break
		}
		if tag == tagList {
			return d.list(depth + 1)
		}
		return entity.Map(d.set(depth + 1))
	}
	d.fail()
	return entity.Value{}
}

func (d *decoder) float() entity.Value {
	var b [8]byte
	copy(b[:], d.take(8))
	return entity.Float(floatOf(binary.LittleEndian.Uint64(b[:])))
}

func (d *decoder) uuid() entity.Value {
	id := d.id()
	if d.err != nil {
		return entity.Value{}
	}
	if len(d.text) < 36 {
		d.text = make([]byte, 36*64)
	}
	b := d.text[:36:36]
	d.text = d.text[36:]
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return entity.String(stringOf(b))
}

func (d *decoder) list(depth int) entity.Value {
	n := d.count(1)
	if len(d.values) < n {
		d.values = make([]entity.Value, max(n, slab))
	}
	vs := d.values[:n:n]
	d.values = d.values[n:]
	for i := range vs {
		vs[i] = d.value(depth)
	}
	return entity.List(vs...)
}

// slab is how many values or attributes are taken at once.
const slab = 512

// room returns room for n attributes.
func (d *decoder) room(n int) entity.Attrs {
	if len(d.attrs) < n {
		d.attrs = make([]entity.Attr, max(n, slab))
	}
	a := d.attrs[:n:n]
	d.attrs = d.attrs[n:]
	return a
}

// set reads attributes, which must be in the order of their keys.
func (d *decoder) set(depth int) entity.Attrs {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	a := d.room(n)
	for i := range a {
		a[i].Key = d.str()
		a[i].Value = d.value(depth)
		if a[i].Value.IsZero() || i > 0 && a[i-1].Key >= a[i].Key {
			d.fail()
			return nil
		}
	}
	return a
}
