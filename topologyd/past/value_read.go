package past

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/skein-net/skein/internal/entity"
)

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
