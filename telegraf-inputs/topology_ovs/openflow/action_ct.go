package openflow

import (
	"encoding/binary"
	"net/netip"
)

// Flags of connection tracking and of its translation of addresses.
const (
	ctCommit = 1 << 0
	ctForce  = 1 << 1

	natSrc        = 1 << 0
	natDst        = 1 << 1
	natPersistent = 1 << 2
	natHash       = 1 << 3
	natRandom     = 1 << 4

	natIPv4Min  = 1 << 0
	natIPv4Max  = 1 << 1
	natIPv6Min  = 1 << 2
	natIPv6Max  = 1 << 3
	natProtoMin = 1 << 4
	natProtoMax = 1 << 5

	niciraNAT = 36
)

// ct prints connection tracking. A translation of addresses that is the first of
// its actions stands by itself, the others in exec().
func (d *decoder) ct(a *Action, b []byte) bool {
	if len(b) < 24 {
		return false
	}
	flags := binary.BigEndian.Uint16(b[10:])
	a.Type = "ct"
	d.print("ct(")
	sep := d.separator()
	if flags&ctCommit != 0 {
		sep()
		d.flag(a, "commit")
	}
	if flags&ctForce != 0 {
		sep()
		d.flag(a, "force")
	}
	if table := b[18]; table != 0xff {
		sep()
		d.print("table=")
		d.dec(a, "table", uint64(table))
	}
	zone := binary.BigEndian.Uint16(b[16:])
	if !isZero(b[12:16]) {
		var s subfield
		s.packed(zone)
		var ok bool
		if s.header, _, ok = parseOXM(b[12:16]); !ok {
			return false
		}
		sep()
		d.print("zone=")
		d.sub(a, "zone", s)
	} else if zone != 0 {
		sep()
		d.print("zone=")
		d.dec(a, "zone", uint64(zone))
	}
	d.ctActions(a, b[24:], sep)
	switch alg := binary.BigEndian.Uint16(b[22:]); alg {
	case 0:
	case 21:
		sep()
		d.print("alg=")
		d.arg(a, "alg", func() { d.print("ftp") })
	case 69:
		sep()
		d.print("alg=")
		d.arg(a, "alg", func() { d.print("tftp") })
	default:
		sep()
		d.print("alg=")
		d.dec(a, "alg", uint64(alg))
	}
	d.print(")")
	return true
}

// separator prints a comma from the second call on.
func (d *decoder) separator() func() {
	first := true
	return func() {
		if !first {
			d.print(",")
		}
		first = false
	}
}

func (d *decoder) ctActions(a *Action, b []byte, sep func()) {
	d.depth++
	defer func() { d.depth-- }()
	if len(b) >= 16 && binary.BigEndian.Uint16(b) == 0xffff && binary.BigEndian.Uint32(b[4:]) == vendorNicira &&
		binary.BigEndian.Uint16(b[8:]) == niciraNAT {
		if n := int(binary.BigEndian.Uint16(b[2:])); n >= 16 && n <= len(b) {
			sep()
			a.Actions = append(a.Actions, d.action(b[:n]))
			b = b[n:]
		}
	}
	if len(b) > 0 {
		sep()
		d.print("exec(")
		a.Actions = append(a.Actions, d.list(b)...)
		d.print(")")
	}
}

// nat prints a translation of addresses.
func (d *decoder) nat(a *Action, b []byte) bool {
	flags, present, rest := binary.BigEndian.Uint16(b[12:]), binary.BigEndian.Uint16(b[14:]), b[16:]
	var ends [2]netip.Addr
	var ports [2]uint16
	for i, bit := range []uint16{natIPv4Min, natIPv4Max, natIPv6Min, natIPv6Max} {
		if present&bit == 0 {
			continue
		}
		size := 4
		if i >= 2 {
			size = 16
		}
		var ok bool
		if ends[i%2], rest, ok = addr(rest, size); !ok {
			return false
		}
	}
	for i, bit := range []uint16{natProtoMin, natProtoMax} {
		if present&bit == 0 {
			continue
		}
		if len(rest) < 2 {
			return false
		}
		ports[i], rest = binary.BigEndian.Uint16(rest), rest[2:]
	}
	a.Type = "nat"
	d.print("nat")
	if flags&(natSrc|natDst) == 0 {
		return true
	}
	d.print("(")
	if flags&natSrc != 0 {
		d.flag(a, "src")
	} else {
		d.flag(a, "dst")
	}
	if ends[0].IsValid() {
		d.natRange(a, ends, ports)
		for _, f := range []struct {
			bit  uint16
			name string
		}{{natPersistent, "persistent"}, {natHash, "hash"}, {natRandom, "random"}} {
			if flags&f.bit != 0 {
				d.print(",")
				d.flag(a, f.name)
			}
		}
	}
	d.print(")")
	return true
}

// natRange prints the addresses and ports that are translated to.
func (d *decoder) natRange(a *Action, ends [2]netip.Addr, ports [2]uint16) {
	bracket := ends[0].Is6() && ports[0] != 0
	one := func(name string, ip netip.Addr) {
		if bracket {
			d.print("[")
		}
		d.arg(a, name, func() { d.text = appendIP(d.text, ip.AsSlice()) })
		if bracket {
			d.print("]")
		}
	}
	d.print("=")
	one("address", ends[0])
	if ends[1].IsValid() && !ends[1].IsUnspecified() && ends[1] != ends[0] {
		d.print("-")
		one("address_max", ends[1])
	}
	if ports[0] != 0 {
		d.print(":")
		d.dec(a, "port", uint64(ports[0]))
		if ports[1] != 0 && ports[1] != ports[0] {
			d.print("-")
			d.dec(a, "port_max", uint64(ports[1]))
		}
	}
}

// addr reads an address of n bytes, and what follows it.
func addr(b []byte, n int) (a netip.Addr, rest []byte, ok bool) {
	if len(b) < n {
		return a, nil, false
	}
	a, ok = netip.AddrFromSlice(b[:n])
	return a, b[n:], ok
}
