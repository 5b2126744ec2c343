package openflow

import "encoding/binary"

// encap prints an encapsulation and its properties.
func (d *decoder) encap(a *Action, b []byte) bool {
	a.Type = "encap"
	d.print("encap(")
	names := map[uint32]string{0: "ethernet", 1<<16 | etherNSH: "nsh", 1<<16 | etherMPLS: "mpls", 1<<16 | etherMPLSM: "mpls_mc"}
	d.arg(a, "type", func() {
		name, ok := names[binary.BigEndian.Uint32(b[12:])]
		if !ok {
			name = "UNKNOWN"
		}
		d.print(name)
	})
	const classNSH = 4
	open := false
	for p := b[16:]; len(p) >= 4; {
		n := int(p[3])
		if n < 4 || n > len(p) || binary.BigEndian.Uint16(p) != classNSH {
			return false
		}
		if !open {
			d.print("(")
		} else {
			d.print(",")
		}
		open = true
		switch {
		case p[2] == 1 && n >= 5:
			d.print("md_type=")
			d.dec(a, "md_type", uint64(p[4]))
		case p[2] == 2 && n >= 8 && 8+int(p[7]) <= len(p):
			d.print("tlv(")
			g := d.arg(a, "tlv_class", func() { d.text = appendHexPad(d.text, number(p[4:6]), 4) })
			g.Number, g.Numeric = number(p[4:6]), true
			d.print(",")
			d.dec(a, "tlv_type", uint64(p[6]))
			d.print(",")
			d.arg(a, "tlv_value", func() { d.text = appendHex(d.text, p[8:8+int(p[7])]) })
			d.print(")")
		default:
			return false
		}
		p = p[min(len(p), roundUp8(n)):]
	}
	if open {
		d.print(")")
	}
	d.print(")")
	return true
}

func (d *decoder) decap(a *Action, packetType uint32) bool {
	const useNextProto = 0xfffe
	a.Type = "decap"
	d.print("decap(")
	if packetType != useNextProto {
		d.print("packet_type(ns=")
		d.dec(a, "ns", uint64(packetType>>16))
		d.print(",type=")
		d.hex(a, "type", uint64(packetType&0xffff))
		d.print(")")
	}
	d.print(")")
	return true
}
