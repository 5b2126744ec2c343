package openflow

import "encoding/binary"

// action10 prints an action of 1.0 (OFPAT10).
func (d *decoder) action10(a *Action, typ uint16, b []byte) bool {
	switch typ {
	case 0:
		d.output(a, binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]))
		return true
	case 1:
		return d.simple(a, "mod_vlan_vid", "vlan_vid", uint64(binary.BigEndian.Uint16(b[4:])))
	case 2:
		return d.simple(a, "mod_vlan_pcp", "vlan_pcp", uint64(b[4]))
	case 3:
		return d.bare(a, "strip_vlan")
	case 4, 5, 6, 7, 8:
		return d.setter(a, typ-4, b)
	case 9, 10:
		return d.setter(a, typ-3, b)
	case 11:
		if len(b) < 16 {
			return false
		}
		a.Type = "enqueue"
		d.print("enqueue:")
		d.port(a, "port", binary.BigEndian.Uint16(b[4:]))
		d.print(":")
		d.dec(a, "queue", uint64(binary.BigEndian.Uint32(b[12:])))
		return true
	}
	return false
}

// setter prints an action that writes an old header field. n is its place among
// dl_src, dl_dst, nw_src, nw_dst, nw_tos, nw_ecn, tp_src, tp_dst.
func (d *decoder) setter(a *Action, n uint16, b []byte) bool {
	names := [...]string{"dl_src", "dl_dst", "nw_src", "nw_dst", "nw_tos", "nw_ecn", "tp_src", "tp_dst"}
	name := names[n]
	switch name {
	case "dl_src", "dl_dst":
		if len(b) < 10 {
			return false
		}
		a.Type = "mod_" + name
		d.print("mod_" + name + ":")
		d.arg(a, name, func() { d.text = appendMAC(d.text, b[4:10]) })
		return true
	case "nw_src", "nw_dst":
		a.Type = "mod_" + name
		d.print("mod_" + name + ":")
		d.arg(a, name, func() { d.text = appendIP(d.text, b[4:8]) })
		return true
	case "nw_tos", "nw_ecn":
		return d.simple(a, "mod_"+name, name, uint64(b[4]))
	}
	return d.simple(a, "mod_"+name, name, uint64(binary.BigEndian.Uint16(b[4:])))
}

// action11 prints an action of 1.1 or later (OFPAT11).
func (d *decoder) action11(a *Action, typ uint16, b []byte) bool {
	u16, u32 := uint64(binary.BigEndian.Uint16(b[4:])), uint64(binary.BigEndian.Uint32(b[4:]))
	switch typ {
	case 0:
		if len(b) < 16 {
			return false
		}
		if u32 >= 0xff00 && u32 < 0xffffff00 {
			// A port that Open vSwitch can not have.
			a.Type = "output"
			d.print("output:")
			d.dec(a, "port", u32)
			return true
		}
		d.output(a, uint16(u32), binary.BigEndian.Uint16(b[8:]))
		return true
	case 1:
		return d.simple(a, "set_vlan_vid", "vlan_vid", u16)
	case 2:
		return d.simple(a, "set_vlan_pcp", "vlan_pcp", uint64(b[4]))
	case 3, 4, 5, 6, 7, 8, 9, 10:
		return d.setter(a, typ-3, b)
	case 11:
		return d.bare(a, "copy_ttl_out")
	case 12:
		return d.bare(a, "copy_ttl_in")
	case 13:
		return d.mpls1(a, "set_mpls_label", u32)
	case 14:
		return d.mpls1(a, "set_mpls_tc", uint64(b[4]))
	case 15:
		return d.mpls1(a, "set_mpls_ttl", uint64(b[4]))
	case 16:
		return d.bare(a, "dec_mpls_ttl")
	case 17:
		a.Type = "push_vlan"
		d.print("push_vlan:")
		d.hex(a, "ethertype", u16)
		return true
	case 18:
		return d.bare(a, "pop_vlan")
	case 19:
		return d.pushMPLS(a, "push_mpls", u16)
	case 20:
		return d.pushMPLS(a, "pop_mpls", u16)
	case 21:
		return d.simple(a, "set_queue", "queue", u32)
	case 22:
		return d.simple(a, "group", "group", u32)
	case 23:
		return d.simple(a, "mod_nw_ttl", "nw_ttl", uint64(b[4]))
	case 24:
		return d.bare(a, "dec_ttl")
	case 25:
		return d.setField(a, b[4:])
	case 26:
		return d.pushMPLS(a, "push_pbb", u16)
	case 27:
		return d.bare(a, "pop_pbb")
	case 28:
		if len(b) < 16 {
			return false
		}
		return d.copyField(a, b[4:], b[12:])
	case 29:
		return d.simple(a, "meter", "meter", u32)
	}
	return false
}

// mpls1 prints an action that writes a part of a label: set_mpls_tc(1).
func (d *decoder) mpls1(a *Action, name string, n uint64) bool {
	a.Type = name
	d.print(name + "(")
	d.dec(a, name[len("set_"):], n)
	d.print(")")
	return true
}

// pushMPLS prints an action with an Ethernet type of four digits.
func (d *decoder) pushMPLS(a *Action, name string, etherType uint64) bool {
	a.Type = name
	d.print(name + ":")
	g := d.arg(a, "ethertype", func() { d.text = appendHexPad(d.text, etherType, 4) })
	g.Number, g.Numeric = etherType, true
	return true
}
