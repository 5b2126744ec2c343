package pack

import "github.com/skein-net/skein/internal/entity"

// Holds reports whether a top-level key has a scalar value, or a list with an
// element that has it. Integers and floats of the same numeric value are the
// same. It allocates nothing.
func (d *Dict) Holds(data, key string, v entity.Value) bool {
	p := d.seek(data, 0, len(data), key)
	return p >= 0 && d.holds(data, p, v, true)
}

func (d *Dict) holds(data string, p int, v entity.Value, lists bool) bool {
	if have, ok := d.interned(data, p); ok {
		if have.Kind() == entity.KindList && lists {
			for _, e := range have.List() {
				if e.IsScalar() && entity.Compare(e, v) == 0 {
					return true
				}
			}
		}
		return have.IsScalar() && entity.Compare(have, v) == 0
	}
	if s, ok := text(data, p); ok {
		return v.Kind() == entity.KindString && s == v.Str()
	}
	if have, ok := plain(data, p); ok {
		return entity.Compare(have, v) == 0
	}
	h := data[p]
	switch {
	case packedText(h):
		return v.Kind() == entity.KindString && sameText(data, p, v.Str())
	case h == headOne && lists:
		return d.holds(data, p+1, v, false)
	case h == headList && lists:
		_, q := readUvarint(data, p+1)
		n, q := readUvarint(data, q)
		for range n {
			if d.holds(data, q, v, false) {
				return true
			}
			q = skip(data, q)
		}
	}
	return false
}

// sameText compares a packed string with a text.
func sameText(data string, p int, s string) bool {
	if data[p] == headHex {
		n, q := readUvarint(data, p+1)
		if len(s) != int(2*n) {
			return false
		}
		for i := range int(n) {
			if c := data[q+i]; hexDigits[c>>4] != s[2*i] || hexDigits[c&15] != s[2*i+1] {
				return false
			}
		}
		return true
	}
	var b [longestPacked]byte
	return string(appendText(b[:0], data, p)) == s
}

// Equal reports whether data holds the attributes a, as [entity.Attrs.Equal]
// takes it.
func (d *Dict) Equal(data string, a entity.Attrs) bool {
	return d.equal(data, 0, len(data), a)
}

func (d *Dict) equal(data string, p, end int, a entity.Attrs) bool {
	c := d.open(data, p, end)
	if c.n != len(a) {
		return false
	}
	for i := range a {
		if c.next(); c.key() != a[i].Key || !d.same(data, c.p, a[i].Value) {
			return false
		}
	}
	return true
}

// same reports whether the value at p is v, kind and content.
func (d *Dict) same(data string, p int, v entity.Value) bool {
	if have, ok := d.interned(data, p); ok {
		return have.Equal(v)
	}
	if s, ok := text(data, p); ok {
		return v.Kind() == entity.KindString && s == v.Str()
	}
	if have, ok := plain(data, p); ok {
		return have.Equal(v)
	}
	h := data[p]
	switch {
	case packedText(h):
		return v.Kind() == entity.KindString && sameText(data, p, v.Str())
	case h == headOne:
		list := v.List()
		return len(list) == 1 && d.same(data, p+1, list[0])
	case h == headList:
		_, q := readUvarint(data, p+1)
		n, q := readUvarint(data, q)
		list := v.List()
		if v.Kind() != entity.KindList || len(list) != int(n) {
			return false
		}
		for _, e := range list {
			if !d.same(data, q, e) {
				return false
			}
			q = skip(data, q)
		}
		return true
	case h == headMap:
		n, q := readUvarint(data, p+1)
		return v.Kind() == entity.KindMap && d.equal(data, q, q+int(n), v.Map())
	default:
		return v.IsZero()
	}
}
