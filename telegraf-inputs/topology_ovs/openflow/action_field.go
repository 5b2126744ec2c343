package openflow

import "encoding/binary"

// load prints NXAST_REG_LOAD.
func (d *decoder) load(a *Action, b []byte) bool {
	if len(b) < 24 {
		return false
	}
	var s subfield
	s.packed(binary.BigEndian.Uint16(b[10:]))
	var ok bool
	if s.header, _, ok = parseOXM(b[12:16]); !ok {
		return false
	}
	a.Type = "load"
	d.print("load:")
	d.hex(a, "value", binary.BigEndian.Uint64(b[16:]))
	d.print("->")
	d.sub(a, "destination", s)
	return true
}

// outputReg prints an output to the port that a field says.
func (d *decoder) outputReg(a *Action, bits uint16, header []byte) bool {
	var s subfield
	s.packed(bits)
	var ok bool
	if s.header, _, ok = parseOXM(header); !ok {
		return false
	}
	a.Type = "output"
	d.print("output:")
	d.sub(a, "source", s)
	return true
}

func (d *decoder) stack(a *Action, b []byte, push bool) bool {
	if len(b) < 24 {
		return false
	}
	h, n, ok := parseOXM(b[12:])
	if !ok {
		return false
	}
	s := subfield{header: h, offset: int(binary.BigEndian.Uint16(b[10:])), bits: int(binary.BigEndian.Uint16(b[12+n:]))}
	a.Type = "pop"
	if push {
		a.Type = "push"
	}
	d.print(a.Type + ":")
	d.sub(a, "field", s)
	return true
}

func (d *decoder) checkLarger(a *Action, b []byte) bool {
	if len(b) < 24 {
		return false
	}
	h, _, ok := parseOXM(b[14:])
	if !ok {
		return false
	}
	a.Type = "check_pkt_larger"
	d.print("check_pkt_larger(")
	d.dec(a, "pkt_len", uint64(binary.BigEndian.Uint16(b[10:])))
	d.print(")->")
	d.sub(a, "destination", subfield{header: h, offset: int(binary.BigEndian.Uint16(b[12:])), bits: 1})
	return true
}

func (d *decoder) deleteField(a *Action, b []byte) bool {
	h, _, ok := parseOXM(b)
	if !ok {
		return false
	}
	a.Type = "delete_field"
	d.print("delete_field:")
	name := h.name()
	if id := h.field(); id != noField {
		name = id.info().name
	}
	d.arg(a, "field", func() { d.print(name) })
	return true
}
