package openflow

import "encoding/binary"

func hashFields(n uint16) string {
	names := [...]string{
		"eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3",
	}
	if int(n) < len(names) {
		return names[n]
	}
	return "<unknown>"
}

func (d *decoder) multipath(a *Action, b []byte) bool {
	if len(b) < 32 {
		return false
	}
	algorithms := [...]string{"modulo_n", "hash_threshold", "hrw", "iter_hash"}
	algorithm := "<unknown>"
	if n := binary.BigEndian.Uint16(b[16:]); int(n) < len(algorithms) {
		algorithm = algorithms[n]
	}
	var s subfield
	s.packed(binary.BigEndian.Uint16(b[26:]))
	var ok bool
	if s.header, _, ok = parseOXM(b[28:32]); !ok {
		return false
	}
	a.Type = "multipath"
	d.print("multipath(")
	d.arg(a, "fields", func() { d.print(hashFields(binary.BigEndian.Uint16(b[10:]))) })
	d.print(",")
	d.dec(a, "basis", uint64(binary.BigEndian.Uint16(b[12:])))
	d.print(",")
	d.arg(a, "algorithm", func() { d.print(algorithm) })
	d.print(",")
	d.dec(a, "n_links", uint64(binary.BigEndian.Uint16(b[18:]))+1)
	d.print(",")
	d.dec(a, "arg", uint64(binary.BigEndian.Uint32(b[20:])))
	d.print(",")
	d.sub(a, "destination", s)
	d.print(")")
	return true
}

func (d *decoder) bundle(a *Action, b []byte, load bool) bool {
	if len(b) < 32 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[20:]))
	if 32+2*n > len(b) {
		return false
	}
	algorithm := "<unknown>"
	switch binary.BigEndian.Uint16(b[10:]) {
	case 0:
		algorithm = "active_backup"
	case 1:
		algorithm = "hrw"
	}
	a.Type = "bundle"
	var s subfield
	if load {
		a.Type = "bundle_load"
		s.packed(binary.BigEndian.Uint16(b[22:]))
		var ok bool
		if s.header, _, ok = parseOXM(b[24:28]); !ok {
			return false
		}
	}
	d.print(a.Type + "(")
	d.arg(a, "fields", func() { d.print(hashFields(binary.BigEndian.Uint16(b[12:]))) })
	d.print(",")
	d.dec(a, "basis", uint64(binary.BigEndian.Uint16(b[14:])))
	d.print(",")
	d.arg(a, "algorithm", func() { d.print(algorithm) })
	d.print(",ofport,")
	if load {
		d.sub(a, "destination", s)
		d.print(",")
	}
	d.print("members:")
	for i := range n {
		if i > 0 {
			d.print(",")
		}
		d.port(a, "member", binary.BigEndian.Uint16(b[32+2*i:]))
	}
	d.print(")")
	return true
}
