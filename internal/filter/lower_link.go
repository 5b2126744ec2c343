package filter

// linkType tests what the frame carries: an EtherType, or a service access
// point of 802.2 when t is a length.
func (l *lowering) linkType(t uint32, pos int) (*cond, *Error) {
	f := &l.frame
	if f.labels > 0 {
		return l.labelled(t, pos)
	}
	switch f.link {
	case linkEthernet:
		return l.etherType(t), nil
	case linkCooked:
		return l.cookedType(t), nil
	case linkCooked2:
		return l.equal(2, f.proto, t), nil
	case linkPPP:
		return l.equal(2, f.proto, pppType(t)), nil
	case linkNull, linkLoop:
		return l.family(t), nil
	case linkIPv4:
		if t == etherIPv4 {
			return always(), nil
		}
	case linkIPv6:
		if t == etherIPv6 {
			return always(), nil
		}
	case linkRaw:
		return l.version(t), nil
	}
	return never(), nil
}

// family tests the address family of BSD's loopback. IPv6 has another number in
// each system that writes such files (24 in NetBSD and OpenBSD, 28 in FreeBSD,
// 30 in macOS), and 10 in Linux.
func (l *lowering) family(t uint32) *cond {
	var families []uint32
	switch t {
	case etherIPv4:
		families = []uint32{2}
	case etherIPv6:
		families = []uint32{30, 24, 28, 10}
	}
	c := never()
	for _, f := range families {
		if l.frame.link == linkNull {
			c = or(c, l.equal(4, l.frame.proto, f<<24))
		}
		c = or(c, l.equal(4, l.frame.proto, f))
	}
	return c
}

// version tests the version of IP.
func (l *lowering) version(t uint32) *cond {
	switch t {
	case etherIPv4:
		return l.masked(1, l.frame.network(), 0x40, 0xf0)
	case etherIPv6:
		return l.masked(1, l.frame.network(), 0x60, 0xf0)
	}
	return never()
}

// labelled tests what is below the last label of MPLS.
func (l *lowering) labelled(t uint32, pos int) (*cond, *Error) {
	if t != etherIPv4 && t != etherIPv6 {
		return nil, failure(pos, "behind \"mpls\" only ip and ip6 can be told apart")
	}
	last := offset{l.frame.network().k - 2, l.frame.network().r}
	return and(l.masked(1, last, 1, 1), l.version(t)), nil
}

func (l *lowering) etherType(t uint32) *cond {
	f := &l.frame
	length := not(l.compare(testGreater, l.load(2, f.proto), etherMaxLength))
	llc := f.proto.plus(2)
	switch {
	case t == sapISO || t == sapIP || t == sapNetBEUI:
		return and(length, l.equal(2, llc, t<<8|t))
	case t == sapIPX:
		inLLC := or(l.snap(llc, 0, etherIPX), l.equal(1, llc, sapIPX), l.equal(2, llc, 0xffff))
		return or(l.equal(2, f.proto, etherIPX), and(length, inLLC))
	case t == etherAtalk:
		return or(l.equal(2, f.proto, t), and(length, l.snap(llc, 0x080007, t)))
	case t == etherAARP:
		return or(l.equal(2, f.proto, t), and(length, l.snap(llc, 0, t)))
	case t <= etherMaxLength:
		return and(length, l.equal(1, llc, t))
	}
	return l.equal(2, f.proto, t)
}

// snap tests for a SNAP header (IEEE 802, 9.5) with the type of the organization.
func (l *lowering) snap(llc offset, organization, t uint32) *cond {
	return and(l.equal(4, llc.plus(4), organization<<16|t), l.equal(4, llc, 0xaaaa0300|organization>>16))
}

// The protocols of LINUX_SLL that are no EtherTypes (linux/if_ether.h).
const (
	cookedNovell = 0x0001
	cookedLLC    = 0x0004
)

func (l *lowering) cookedType(t uint32) *cond {
	f := &l.frame
	inLLC := l.equal(2, f.proto, cookedLLC)
	switch {
	case t == sapISO || t == sapIP || t == sapNetBEUI:
		return and(inLLC, l.equal(2, f.payload, t<<8|t))
	case t == sapIPX:
		return or(l.equal(2, f.proto, etherIPX), l.equal(2, f.proto, cookedNovell),
			and(inLLC, or(l.equal(1, f.payload, sapIPX), l.snap(f.payload, 0, etherIPX))))
	case t == etherAtalk:
		return or(l.equal(2, f.proto, t), and(inLLC, l.snap(f.payload, 0x080007, t)))
	case t == etherAARP:
		return or(l.equal(2, f.proto, t), and(inLLC, l.snap(f.payload, 0, t)))
	case t <= etherMaxLength:
		return and(inLLC, l.equal(1, f.payload, t))
	}
	return l.equal(2, f.proto, t)
}

// pppType gives the number of a protocol in PPP (IANA, "Point-to-Point Protocol
// Field Assignments").
func pppType(t uint32) uint32 {
	switch t {
	case etherIPv4:
		return 0x0021
	case etherIPv6:
		return 0x0057
	case etherDECnet:
		return 0x0027
	case etherAtalk:
		return 0x0029
	case etherIPX, sapIPX:
		return 0x002b
	case sapISO:
		return 0x0023
	case sapSTP:
		return 0x0031
	case etherMPLS:
		return 0x0281
	}
	return t
}

// mac tests an address of Ethernet.
func (l *lowering) mac(mac [6]byte, d dir, pos int) (*cond, *Error) {
	if l.frame.link != linkEthernet {
		return nil, failure(pos, "%s has no Ethernet addresses", l.frame.link)
	}
	at := func(n uint32) *cond {
		o := l.frame.header.plus(n)
		high := uint32(mac[0])<<8 | uint32(mac[1])
		low := uint32(mac[2])<<24 | uint32(mac[3])<<16 | uint32(mac[4])<<8 | uint32(mac[5])
		return and(l.equal(4, o.plus(2), low), l.equal(2, o, high))
	}
	return and(l.hasHeader(), ends(d, at(6), at(0))), nil
}

// ends joins the tests of source and destination as the direction says.
func ends(d dir, src, dst *cond) *cond {
	switch d {
	case dirSrc:
		return src
	case dirDst:
		return dst
	case dirBoth:
		return and(src, dst)
	default:
		return or(src, dst)
	}
}

// hasHeader tests that Geneve carries an Ethernet frame.
func (l *lowering) hasHeader() *cond {
	f := &l.frame
	if !f.tunnel {
		return always()
	}
	return not(l.relate(testEqual, l.address(f.payload), l.address(f.header)))
}

// cast lowers "broadcast" and "multicast".
func (l *lowering) cast(proto string, word token) (*cond, *Error) {
	f := &l.frame
	network := f.network()
	switch proto {
	case "", "ether":
		if f.link != linkEthernet {
			return nil, failure(word.pos, "%s has no Ethernet addresses: write \"ip %s\"", f.link, word.text)
		}
		if word.text == "broadcast" {
			return l.mac([6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, dirDst, word.pos)
		}
		return and(l.hasHeader(), l.compare(testBits, l.load(1, f.header), 1)), nil
	case "ip":
		c, err := l.linkType(etherIPv4, word.pos)
		if err != nil {
			return nil, err
		}
		if word.text == "multicast" {
			return and(c, l.compare(testAtLeast, l.load(1, network.plus(16)), 224)), nil
		}
		return and(c, or(l.equal(4, network.plus(16), 0), l.equal(4, network.plus(16), 0xffffffff))), nil
	case "ip6":
		if word.text == "multicast" {
			c, err := l.linkType(etherIPv6, word.pos)
			if err != nil {
				return nil, err
			}
			return and(c, l.equal(1, network.plus(24), 0xff)), nil
		}
	}
	return nil, failure(word.pos, "\"%s %s\" is not known: write it with ether, ip or (multicast) ip6", proto, word.text)
}

// llc lowers "llc" with a type of PDU (IEEE 802.2, 5.3 and 5.4).
func (l *lowering) llc(n wordNode) (*cond, *Error) {
	f := &l.frame
	if f.link != linkEthernet {
		return nil, failure(n.word.pos, "\"llc\" is not supported on %s", f.link)
	}
	length := not(l.compare(testGreater, l.load(2, f.proto), etherMaxLength))
	c := and(length, not(l.equal(2, f.payload, 0xffff)))
	control := f.payload.plus(2)
	if n.arg.kind == tokEnd {
		return c, nil
	}
	for _, u := range [...]struct {
		name string
		mask uint32
		k    uint32
	}{
		{"i", 0x01, 0x00}, {"s", 0x03, 0x01}, {"u", 0x03, 0x03},
		{"rr", 0x0f, 0x01}, {"rnr", 0x0f, 0x05}, {"rej", 0x0f, 0x09},
		{"ui", 0xef, 0x03}, {"ua", 0xef, 0x63}, {"disc", 0xef, 0x43}, {"sabme", 0xef, 0x6f},
		{"test", 0xef, 0xe3}, {"xid", 0xef, 0xaf}, {"frmr", 0xef, 0x87},
	} {
		if u.name == n.arg.text {
			return and(c, l.masked(1, control, u.k, u.mask)), nil
		}
	}
	return nil, failure(n.arg.pos, "%s is no type of LLC: write one of i, s, u, rr, rnr, rej, ui, ua, disc, sabme, test, xid, frmr", n.arg)
}
