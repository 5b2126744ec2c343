package openflow

import "encoding/binary"

// nicira prints an action of Nicira's (NXAST). b has at least 16 bytes.
func (d *decoder) nicira(a *Action, subtype uint16, b []byte) bool {
	u16, u32 := binary.BigEndian.Uint16(b[10:]), binary.BigEndian.Uint32(b[12:])
	switch subtype {
	case 1:
		return d.resubmit(a, u16, 255, false)
	case 2:
		return d.setTunnel(a, "set_tunnel", uint64(u32))
	case 4:
		return d.simple(a, "set_queue", "queue", uint64(u32))
	case 5:
		return d.bare(a, "pop_queue")
	case 6:
		return len(b) >= 24 && d.copyField(a, b[10:], b[16:])
	case 7:
		return d.load(a, b)
	case 8:
		return d.note(a, b[10:])
	case 9:
		return len(b) >= 24 && d.setTunnel(a, "set_tunnel64", binary.BigEndian.Uint64(b[16:]))
	case 10:
		return d.multipath(a, b)
	case 12, 13:
		return d.bundle(a, b, subtype == 13)
	case 14, 44:
		return d.resubmit(a, u16, b[12], subtype == 44)
	case 15:
		if len(b) < 24 {
			return false
		}
		return d.outputReg(a, u16, b[12:16])
	case 16, 45:
		return d.learn(a, b, subtype == 45)
	case 17:
		return d.bare(a, "exit")
	case 18:
		return d.bare(a, "dec_ttl")
	case 19:
		return d.finTimeout(a, b)
	case 20:
		return d.controller(a, controller{maxLen: u16, id: binary.BigEndian.Uint16(b[12:]), reason: b[14]})
	case 21:
		return d.decTTL(a, b)
	case 22:
		return len(b) >= 32 && d.writeMetadata(a, b[16:])
	case 23:
		return d.pushMPLS(a, "push_mpls", uint64(u16))
	case 24:
		return d.pushMPLS(a, "pop_mpls", uint64(u16))
	case 25:
		return d.mpls1(a, "set_mpls_ttl", uint64(b[10]))
	case 26:
		return d.bare(a, "dec_mpls_ttl")
	case 27, 28:
		return d.stack(a, b, subtype == 27)
	case 29, 38, 41, 51:
		return d.sample(a, b, subtype)
	case 30:
		return d.mpls1(a, "set_mpls_label", uint64(u32))
	case 31:
		return d.mpls1(a, "set_mpls_tc", uint64(b[10]))
	case 32:
		if len(b) < 24 {
			return false
		}
		return d.outputReg(a, u16, b[14:])
	case 33:
		return d.setField(a, b[10:])
	case 34:
		return d.conjunction(a, b)
	case 35:
		return d.ct(a, b)
	case 36:
		return d.nat(a, b)
	case 37:
		return d.controller2(a, b[16:])
	case 39:
		return d.outputTrunc(a, u16, u32)
	case 40:
		return d.simple(a, "group", "group", uint64(u32))
	case 42:
		return d.nested(a, "clone", b[16:])
	case 43:
		return d.bare(a, "ct_clear")
	case 46:
		return d.encap(a, b)
	case 47:
		return d.decap(a, u32)
	case 48:
		return d.bare(a, "dec_nsh_ttl")
	case 49:
		return d.checkLarger(a, b)
	case 50:
		return d.deleteField(a, b[10:])
	}
	return false
}

func (d *decoder) resubmit(a *Action, port uint16, table byte, ct bool) bool {
	const inPort = 0xfff8
	a.Type = "resubmit"
	if port != inPort && table == 255 {
		d.print("resubmit:")
		d.port(a, "port", port)
		if ct { // ovs-ofctl does not print it here
			a.Arguments = append(a.Arguments, Argument{Name: "ct", Text: "ct"})
		}
		return true
	}
	d.print("resubmit(")
	if port != inPort {
		d.port(a, "port", port)
	}
	d.print(",")
	if table != 255 {
		d.dec(a, "table", uint64(table))
	}
	if ct {
		d.print(",")
		d.flag(a, "ct")
	}
	d.print(")")
	return true
}

func (d *decoder) setTunnel(a *Action, name string, id uint64) bool {
	a.Type = name
	d.print(name + ":")
	d.hex(a, "tun_id", id)
	return true
}

func (d *decoder) note(a *Action, b []byte) bool {
	a.Type = "note"
	d.print("note:")
	d.arg(a, "data", func() { d.dotted(b) })
	return true
}

// dotted prints bytes as 0a.0b.
func (d *decoder) dotted(b []byte) {
	for i, c := range b {
		if i > 0 {
			d.text = append(d.text, '.')
		}
		d.text = appendHex2(d.text, c)
	}
}

func (d *decoder) finTimeout(a *Action, b []byte) bool {
	a.Type = "fin_timeout"
	d.print("fin_timeout(")
	idle, hard := binary.BigEndian.Uint16(b[10:]), binary.BigEndian.Uint16(b[12:])
	if idle != 0 {
		d.print("idle_timeout=")
		d.dec(a, "idle_timeout", uint64(idle))
	}
	if hard != 0 {
		if idle != 0 {
			d.print(",")
		}
		d.print("hard_timeout=")
		d.dec(a, "hard_timeout", uint64(hard))
	}
	d.print(")")
	return true
}

func (d *decoder) decTTL(a *Action, b []byte) bool {
	n := int(binary.BigEndian.Uint16(b[10:]))
	if 16+2*n > len(b) {
		return false
	}
	a.Type = "dec_ttl"
	d.print("dec_ttl(")
	for i := range n {
		if i > 0 {
			d.print(",")
		}
		d.dec(a, "controller", uint64(binary.BigEndian.Uint16(b[16+2*i:])))
	}
	d.print(")")
	return true
}

func (d *decoder) conjunction(a *Action, b []byte) bool {
	a.Type = "conjunction"
	d.print("conjunction(")
	d.dec(a, "id", uint64(binary.BigEndian.Uint32(b[12:])))
	d.print(",")
	d.dec(a, "clause", uint64(b[10])+1)
	d.print("/")
	d.dec(a, "clauses", uint64(b[11]))
	d.print(")")
	return true
}

func (d *decoder) outputTrunc(a *Action, port uint16, maxLen uint32) bool {
	a.Type = "output"
	d.print("output(port=")
	d.port(a, "port", port)
	d.print(",max_len=")
	d.dec(a, "max_len", uint64(maxLen))
	d.print(")")
	return true
}

// nested prints an action that is a list of actions.
func (d *decoder) nested(a *Action, name string, b []byte) bool {
	a.Type = name
	d.print(name + "(")
	d.depth++
	a.Actions = d.list(b)
	d.depth--
	d.print(")")
	return true
}
