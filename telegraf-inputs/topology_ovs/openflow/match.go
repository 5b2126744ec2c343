package openflow

import (
	"encoding/binary"
	"strconv"
)

// match reads the match of 1.1 or later at the start of b, and returns what
// follows it.
func (d *decoder) match(r *Rule, b []byte) []byte {
	if len(b) < 4 {
		d.reset()
		d.finishMatch(r)
		return nil
	}
	typ, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case typ == 0 && n == match11Size && len(b) >= n:
		d.match11(r, b[:n])
	case n < 4 || n > len(b):
		// Nothing after it can be found: all of it is kept as one field.
		d.reset()
		d.unknown = append(d.unknown, oxmField{value: b})
		d.finishMatch(r)
		return nil
	case typ == matchOXM:
		d.matchFields(r, b[4:n])
	default:
		d.reset()
		d.unknown = append(d.unknown, oxmField{value: b[4:n]})
		d.finishMatch(r)
	}
	return b[min(len(b), roundUp8(n)):]
}

// matchFields reads a match that is a list of OXM or NXM fields.
func (d *decoder) matchFields(r *Rule, b []byte) {
	d.reset()
	for len(b) > 0 {
		h, n, ok := parseOXM(b)
		if !ok || n+h.length > len(b) {
			d.unknown = append(d.unknown, oxmField{value: b})
			break
		}
		d.oxm(h, b[n:n+h.length])
		b = b[n+h.length:]
	}
	d.finishMatch(r)
}

// oxm notes one field.
func (d *decoder) oxm(h oxmHeader, v []byte) {
	id := h.field()
	var mask []byte
	if h.masked && len(v)%2 == 0 {
		v, mask = v[:len(v)/2], v[len(v)/2:]
	}
	if id == noField || !id.fits(len(v)) || h.masked && mask == nil {
		d.unknown = append(d.unknown, oxmField{header: h, value: v, mask: mask})
		return
	}
	switch {
	case mask == nil && len(v) <= 16:
		mask = d.ones(len(v))
	case mask == nil:
		for range v {
			d.scratch = append(d.scratch, 0xff)
		}
		mask = d.scratch[len(d.scratch)-len(v):]
	case isZero(mask) && (id < fTunMetadata0 || id > fTunMetadata63):
		return // it matches everything
	}
	switch {
	case id == fInPortOXM:
		if isOnes(mask) && (v[0] == 0xff || v[0] == 0 && v[1] == 0) {
			id, v, mask = fInPort, v[2:], mask[2:]
		}
	case id == fPacketType && isZero(v) && isOnes(mask):
		return // Ethernet, which every match means that says nothing of it
	case id >= fXReg0 && id <= fXReg15:
		d.registers(fReg0+2*(id-fXReg0), v, mask)
		return
	case id >= fXXReg0 && id <= fXXReg7:
		d.registers(fReg0+4*(id-fXXReg0), v, mask)
		return
	}
	d.set(id, v, mask)
}

// fits says whether a value of so many bytes is one of the field.
func (id fieldID) fits(n int) bool {
	if id >= fTunMetadata0 && id <= fTunMetadata63 {
		return n > 0
	}
	return n == fields[id].bytes
}

// registers takes a long register apart into those it is made of.
func (d *decoder) registers(first fieldID, v, mask []byte) {
	for i := 0; i < len(v); i += 4 {
		if !isZero(mask[i : i+4]) {
			d.set(first+fieldID(i/4), v[i:i+4], mask[i:i+4])
		}
	}
}

// finishMatch makes the rule's filters and text from what was noted.
func (d *decoder) finishMatch(r *Rule) {
	d.text = d.text[:0]
	d.printMatch()
	for i := range d.slots {
		if s := &d.slots[i]; !s.shown {
			d.item(s.id.info().name)
			d.text = s.id.info().appendValue(d.text, s.value, s.mask)
		}
	}
	for _, f := range d.unknown {
		d.item(f.header.name())
		d.text = appendRaw(d.text, f.value)
		if f.mask != nil {
			d.text = appendRaw(append(d.text, '/'), f.mask)
		}
	}
	r.match = string(d.text)
	r.identity = r.match
	for i := range d.slots {
		if s := &d.slots[i]; s.vague {
			d.text = append(append(append(d.text, ';'), s.id.info().name...), '=')
			d.text = appendRaw(append(appendRaw(d.text, s.value), '/'), s.mask)
			r.identity = string(d.text)
		}
	}
	r.Filters = d.filters()
}

// name is how a field that is not known is shown.
func (h oxmHeader) name() string {
	if h == (oxmHeader{}) {
		return "unknown"
	}
	b := appendHexPad([]byte("oxm"), uint64(h.class), 4)
	if h.class == classVendor {
		b = appendHexPad(append(b, '_'), uint64(h.vendor), 8)
	}
	return string(strconv.AppendUint(append(b, '_'), uint64(h.number), 10))
}

func (d *decoder) filters() []Filter {
	if len(d.slots)+len(d.unknown) == 0 {
		return nil
	}
	// All values are printed one after another and share one string.
	b := d.text[:0]
	ends := make([]int, 0, 16)
	for _, s := range d.slots {
		f := s.id.info()
		switch f.form {
		case formCTState:
			// Eight flags are all there are; the mask may say more.
			b = appendFlagsMasked(b, ctStateName, uint32(number(s.value)), uint32(number(s.mask))&0xff, 0xff)
			ends = append(ends, len(b))
		case formFrag, formTunFlags, formTCPFlags, formPacketType:
			b = f.appendValue(b, s.value, s.mask)
			ends = append(ends, len(b))
		default:
			b = f.appendValue(b, s.value, nil)
			ends = append(ends, len(b))
			if !isOnes(s.mask) {
				b = f.appendMask(b, s.mask)
			}
		}
		ends = append(ends, len(b))
	}
	for _, f := range d.unknown {
		b = appendRaw(b, f.value)
		ends = append(ends, len(b))
		if f.mask != nil {
			b = appendRaw(b, f.mask)
		}
		ends = append(ends, len(b))
	}
	d.text = b
	text := string(b)
	out := make([]Filter, 0, len(d.slots)+len(d.unknown))
	start := 0
	add := func(name string) {
		i := 2 * len(out)
		out = append(out, Filter{Type: name, Value: text[start:ends[i]], Mask: text[ends[i]:ends[i+1]]})
		start = ends[i+1]
	}
	for _, s := range d.slots {
		add(s.id.info().name)
	}
	for _, f := range d.unknown {
		add(f.header.name())
	}
	return out
}

// appendMask prints the mask of a filter in the form of its value.
func (f field) appendMask(b, mask []byte) []byte {
	switch f.form {
	case formMAC:
		return appendMAC(b, mask)
	case formIPv4, formIPv6:
		return appendIP(b, mask)
	}
	return appendHex(b, mask)
}
