package openflow

import "encoding/binary"

// copyField prints a copy of bits from one field to another: b has the number
// of bits and both offsets, headers has both fields.
func (d *decoder) copyField(a *Action, b, headers []byte) bool {
	bits := int(binary.BigEndian.Uint16(b))
	src := subfield{bits: bits, offset: int(binary.BigEndian.Uint16(b[2:]))}
	dst := subfield{bits: bits, offset: int(binary.BigEndian.Uint16(b[4:]))}
	h, n, ok := parseOXM(headers)
	if !ok {
		return false
	}
	src.header = h
	if dst.header, _, ok = parseOXM(headers[n:]); !ok {
		return false
	}
	a.Type = "move"
	d.print("move:")
	d.sub(a, "source", src)
	d.print("->")
	d.sub(a, "destination", dst)
	return true
}

// setField prints a set_field whose field, value and mask stand in b.
func (d *decoder) setField(a *Action, b []byte) bool {
	h, n, ok := parseOXM(b)
	if !ok || n+h.length > len(b) {
		return false
	}
	v := b[n : n+h.length]
	var mask []byte
	if h.masked {
		v, mask = v[:len(v)/2], v[len(v)/2:]
	}
	id := h.field()
	a.Type = "set_field"
	d.print("set_field:")
	name := h.name()
	if id != noField && id.fits(len(v)) && len(mask) <= len(v) {
		f := id.info()
		name = f.name
		g := d.arg(a, "value", func() { d.text = f.appendValue(d.text, v, mask) })
		if f.form == formDecimal && mask == nil && len(v) <= 8 {
			g.Number, g.Numeric = number(v), true
		}
	} else {
		d.arg(a, "value", func() {
			d.text = appendRaw(d.text, v)
			if mask != nil {
				d.text = appendRaw(append(d.text, '/'), mask)
			}
		})
	}
	d.print("->")
	d.arg(a, "field", func() { d.print(name) })
	return true
}
