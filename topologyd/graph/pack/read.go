package pack

import (
	"strings"
	"unsafe"

	"github.com/skein-net/skein/internal/entity"
)

// cursor walks the attributes of encoded data in the order of their keys.
type cursor struct {
	d     *Dict
	data  string
	shape *shape
	// i is the number of the current attribute, n how many there are, p where
	// the value is.
	i, n, p int
	name    string // without shape
}

// open returns a cursor before the first attribute of data[p:end].
func (d *Dict) open(data string, p, end int) cursor {
	if p >= end {
		return cursor{d: d, i: -1}
	}
	n, p := readUvarint(data, p)
	if n != 0 {
		sh := d.shape(uint32(n) - 1)
		return cursor{d: d, data: data, shape: sh, i: -1, n: len(sh.names), p: p}
	}
	n, p = readUvarint(data, p)
	return cursor{d: d, data: data, i: -1, n: int(n), p: p}
}

// next goes on to an attribute, p being where it starts.
func (c *cursor) next() bool {
	if c.i+1 >= c.n {
		return false
	}
	if c.i++; c.i > 0 {
		c.p = skip(c.data, c.p)
	}
	if c.shape != nil {
		return true
	}
	n, p := readUvarint(c.data, c.p)
	if n != 0 {
		c.name, c.p = c.d.Text(uint32(n)-1), p
		return true
	}
	l, p := readUvarint(c.data, p)
	c.name, c.p = c.data[p:p+int(l)], p+int(l)
	return true
}

func (c *cursor) key() string {
	if c.shape != nil {
		return c.shape.names[c.i]
	}
	return c.name
}

// skipAll returns where the n-th value after the one at p begins.
func skipAll(data string, p, n int) int {
	for ; n > 0; n-- {
		if w := widths[data[p]]; w != 0 {
			p += int(w)
		} else {
			p = skipLong(data, p)
		}
	}
	return p
}

// seek returns where the value of a key is among the attributes data[p:end],
// -1 when there is none.
func (d *Dict) seek(data string, p, end int, key string) int {
	if p >= end {
		return -1
	}
	if n, q := readUvarint(data, p); n != 0 {
		i := d.shape(uint32(n) - 1).find(key)
		if i < 0 {
			return -1
		}
		return skipAll(data, q, i)
	}
	for c := d.open(data, p, end); c.next(); {
		if c.name == key {
			return c.p
		}
	}
	return -1
}

// Get returns the value of a top-level key, the zero Value when there is none.
// Numbers and most strings need no allocation: strings point into data or the
// dictionary. The text of a UUID, an address or a digest is made.
func (d *Dict) Get(data, key string) entity.Value {
	p := d.seek(data, 0, len(data), key)
	if p < 0 {
		return entity.Value{}
	}
	return d.get(data, p)
}

// Len returns the number of attributes.
func (d *Dict) Len(data string) int {
	if data == "" {
		return 0
	}
	n, p := readUvarint(data, 0)
	if n != 0 {
		return len(d.shape(uint32(n) - 1).names)
	}
	n, _ = readUvarint(data, p)
	return int(n)
}

// Attrs returns the attributes decoded.
func (d *Dict) Attrs(data string) entity.Attrs { return d.attrs(data, 0, len(data)) }

func (d *Dict) attrs(data string, p, end int) entity.Attrs {
	c := d.open(data, p, end)
	if c.n == 0 {
		return nil
	}
	out := make(entity.Attrs, 0, c.n)
	for c.next() {
		v, _ := d.value(data, c.p)
		out = append(out, entity.Attr{Key: c.key(), Value: v})
	}
	return out
}

// Each calls yield for every attribute in the order of the keys, until it
// returns false. Values are as [Dict.Get] gives them.
func (d *Dict) Each(data string, yield func(key string, v entity.Value) bool) {
	for c := d.open(data, 0, len(data)); c.next(); {
		v, _ := d.value(data, c.p)
		if !yield(c.key(), v) {
			return
		}
	}
}

// interned returns the entry that the head at p stands for.
func (d *Dict) interned(data string, p int) (v entity.Value, ok bool) {
	switch h := data[p]; {
	case h >= internedHead:
		return d.entry(uint32(h&^internedHead)<<8 | uint32(data[p+1])), true
	case h == headNumber:
		return d.entry(uint32(data[p+1]) | uint32(data[p+2])<<8), true
	default:
		return entity.Value{}, false
	}
}

// text returns the string at p that is written as it is.
func text(data string, p int) (s string, ok bool) {
	switch h := data[p]; {
	case h >= shortString && h < internedHead:
		n := int(h & maxShort)
		return data[p+1 : p+1+n], true
	case h == headString:
		n, q := readUvarint(data, p+1)
		return data[q : q+int(n)], true
	default:
		return "", false
	}
}

// get decodes the value at p.
func (d *Dict) get(data string, p int) entity.Value {
	switch h := data[p]; {
	case h >= internedHead:
		return d.entry(uint32(h&^internedHead)<<8 | uint32(data[p+1]))
	case h >= shortString:
		return entity.String(data[p+1 : p+1+int(h&maxShort)])
	case h < headFalse:
		return entity.Int(int64(h))
	case h == headInt16:
		return entity.Int(int64(int16(uint16(data[p+1]) | uint16(data[p+2])<<8)))
	}
	v, _ := d.value(data, p)
	return v
}

// value decodes the value at p and returns where it ends.
func (d *Dict) value(data string, p int) (entity.Value, int) {
	if v, ok := d.interned(data, p); ok {
		return v, skip(data, p)
	}
	if s, ok := text(data, p); ok {
		return entity.String(s), skip(data, p)
	}
	if v, ok := plain(data, p); ok {
		return v, skip(data, p)
	}
	h := data[p]
	switch {
	case packedText(h):
		b := appendText(make([]byte, 0, textLen(data, p)), data, p)
		return entity.String(unsafe.String(unsafe.SliceData(b), len(b))), skip(data, p)
	case h == headOne:
		v, end := d.value(data, p+1)
		return entity.List(v), end
	case h == headList:
		_, q := readUvarint(data, p+1)
		n, q := readUvarint(data, q)
		list := make([]entity.Value, n)
		for i := range list {
			list[i], q = d.value(data, q)
		}
		return entity.List(list...), q
	case h == headMap:
		n, q := readUvarint(data, p+1)
		return entity.Map(d.attrs(data, q, q+int(n))), q + int(n)
	default:
		return entity.Value{}, p + 1
	}
}

// Lookup resolves a path as [entity.Attrs.Lookup] does.
func (d *Dict) Lookup(data, path string, yield func(entity.Value) bool) {
	d.lookup(data, 0, len(data), path, yield)
}

func (d *Dict) lookup(data string, p, end int, path string, yield func(entity.Value) bool) bool {
	if q := d.seek(data, p, end, path); q >= 0 {
		if v, _ := d.value(data, q); !yield(v) {
			return false
		}
	}
	for i := strings.IndexByte(path, '.'); i >= 0; {
		if q := d.seek(data, p, end, path[:i]); q >= 0 && !d.descend(data, q, path[i+1:], yield) {
			return false
		}
		next := strings.IndexByte(path[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return true
}

// descend follows the rest of a path into the value at p.
func (d *Dict) descend(data string, p int, path string, yield func(entity.Value) bool) bool {
	if v, ok := d.interned(data, p); ok {
		return descend(v, path, yield)
	}
	switch data[p] {
	case headMap:
		n, q := readUvarint(data, p+1)
		return d.lookup(data, q, q+int(n), path, yield)
	case headOne:
		return d.descend(data, p+1, path, yield)
	case headList:
		_, q := readUvarint(data, p+1)
		n, q := readUvarint(data, q)
		for range n {
			if !d.descend(data, q, path, yield) {
				return false
			}
			q = skip(data, q)
		}
	}
	return true
}

// descend follows a path into a value that is decoded.
func descend(v entity.Value, path string, yield func(entity.Value) bool) bool {
	switch v.Kind() {
	case entity.KindMap:
		more := true
		v.Map().Lookup(path, func(x entity.Value) bool {
			more = yield(x)
			return more
		})
		return more
	case entity.KindList:
		for _, e := range v.List() {
			if !descend(e, path, yield) {
				return false
			}
		}
	}
	return true
}
