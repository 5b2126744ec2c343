package filter

// The ancillary data of Linux (linux/filter.h): what the kernel knows of a
// packet without its bytes.
const (
	ancillary          = 0xfffff000 // SKF_AD_OFF
	ancillaryType      = ancillary + 4
	ancillaryInterface = ancillary + 8
	ancillaryTag       = ancillary + 44
	ancillaryTagged    = ancillary + 48
	// typeOutgoing is PACKET_OUTGOING (linux/if_packet.h).
	typeOutgoing = 4
)

// word lowers the primitives that are a word, perhaps with a number.
func (l *lowering) word(n wordNode) (*cond, *Error) {
	switch n.word.text {
	case "broadcast", "multicast":
		return l.cast(n.proto, n.word)
	case "less":
		return not(l.compare(testGreater, l.length(), n.arg.num)), nil
	case "greater":
		return l.compare(testAtLeast, l.length(), n.arg.num), nil
	case "inbound", "outbound":
		return l.way(n)
	case "ifindex":
		return l.ifindex(n)
	case "llc":
		return l.llc(n)
	case "vlan":
		return l.vlan(n)
	case "mpls":
		return l.mpls(n)
	case "pppoed":
		return l.linkType(etherPPPoED, n.word.pos)
	case "pppoes":
		return l.pppoe(n)
	case "geneve":
		return l.geneve(n)
	}
	return nil, failure(n.word.pos, "%s is not supported", n.word)
}

// byteTest lowers "byte offset op value".
func (l *lowering) byteTest(n byteNode) (*cond, *Error) {
	if n.offset > maxOffset {
		return nil, failure(n.word.pos, "the offset %d lies outside of every packet", n.offset)
	}
	v := l.load(1, l.frame.header.plus(n.offset))
	switch n.op {
	case "=":
		return l.compare(testEqual, v, n.v), nil
	case ">":
		return l.compare(testGreater, v, n.v), nil
	case "<":
		return not(l.compare(testAtLeast, v, n.v)), nil
	case "&":
		return l.compare(testBits, v, n.v), nil
	}
	return not(l.compare(testEqual, l.binary(aluOr, v, l.constant(n.v)), 0)), nil
}

// way lowers "inbound" and "outbound".
func (l *lowering) way(n wordNode) (*cond, *Error) {
	var out *cond
	switch {
	case l.frame.outermost && l.frame.link == linkCooked:
		out = l.equal(2, l.frame.header, typeOutgoing)
	case l.frame.outermost && l.frame.link == linkCooked2:
		out = l.equal(1, l.frame.header.plus(10), typeOutgoing)
	case l.kernel:
		out = l.compare(testEqual, l.abs(2, ancillaryType), typeOutgoing)
	default:
		return nil, failure(n.word.pos, "%s is known only while capturing from an interface", n.word)
	}
	if n.word.text == "inbound" {
		out = not(out)
	}
	return out, nil
}

func (l *lowering) ifindex(n wordNode) (*cond, *Error) {
	switch {
	case l.frame.outermost && l.frame.link == linkCooked2:
		return l.equal(4, l.frame.header.plus(4), n.arg.num), nil
	case l.kernel:
		return l.compare(testEqual, l.abs(4, ancillaryInterface), n.arg.num), nil
	}
	return nil, failure(n.word.pos, "\"ifindex\" is known only while capturing from an interface")
}

// number checks the number of vlan, mpls, pppoes and geneve.
func number(n wordNode, most uint32) (k uint32, given bool, err *Error) {
	if n.arg.kind == tokEnd {
		return 0, false, nil
	}
	if n.arg.num > most {
		return 0, false, failure(n.arg.pos, "the number of %q is at most %d, not %s", n.word.text, most, clip(n.arg.text))
	}
	return n.arg.num, true, nil
}

// vlan tests for a tag and moves behind it.
func (l *lowering) vlan(n wordNode) (*cond, *Error) {
	f := &l.frame
	id, given, err := number(n, 0xfff)
	switch {
	case err != nil:
		return nil, err
	case f.labels > 0:
		return nil, failure(n.word.pos, "\"vlan\" cannot stand behind \"mpls\"")
	case f.link != linkEthernet:
		return nil, failure(n.word.pos, "%s has no VLAN tags", f.link)
	}
	tag := or(l.equal(2, f.proto, etherVLAN), l.equal(2, f.proto, etherQinQ), l.equal(2, f.proto, etherOldQinQ))
	is := always()
	if given {
		is = l.masked(2, f.payload, id, 0xfff)
	}
	if !l.kernel || !f.outermost || f.tags > 0 {
		f.tags++
		f.proto, f.payload = f.proto.plus(4), f.payload.plus(4)
		return and(tag, is), nil
	}
	// The kernel may have taken the tag out of the frame. Only when it did not,
	// everything behind it is 4 bytes further.
	f.tags++
	r, err := l.register(n.word.pos)
	if err != nil {
		return nil, err
	}
	f.proto.r, f.payload.r = r, r
	taken := l.equal(1, offset{ancillaryTagged, noRegister}, 1)
	if given {
		taken = and(taken, l.masked(2, offset{ancillaryTag, noRegister}, id, 0xfff))
	}
	inline := and(not(l.equal(1, offset{ancillaryTagged, noRegister}, 1)), effect(store{r, l.constant(4)}), tag, is)
	return or(taken, inline), nil
}

// mpls tests for a label and moves behind it.
func (l *lowering) mpls(n wordNode) (*cond, *Error) {
	f := &l.frame
	label, given, err := number(n, 0xfffff)
	if err != nil {
		return nil, err
	}
	var c *cond
	switch {
	case f.labels > 0:
		last := offset{f.network().k - 2, f.network().r}
		c = l.masked(1, last, 0, 1)
	case f.link == linkEthernet || f.link == linkPPP:
		if c, err = l.linkType(etherMPLS, n.word.pos); err != nil {
			return nil, err
		}
	default:
		return nil, failure(n.word.pos, "%s has no MPLS labels", f.link)
	}
	if given {
		c = and(c, l.masked(4, f.network(), label<<12, 0xfffff000))
	}
	f.skip += 4
	f.labels++
	return c, nil
}

// pppoe tests for a PPPoE session and moves into it.
func (l *lowering) pppoe(n wordNode) (*cond, *Error) {
	f := &l.frame
	session, given, err := number(n, 0xffff)
	if err != nil {
		return nil, err
	}
	c, err := l.linkType(etherPPPoES, n.word.pos)
	if err != nil {
		return nil, err
	}
	if given {
		c = and(c, l.masked(4, f.network(), session, 0xffff))
	}
	// The header of PPPoE has 6 bytes, then comes the protocol of PPP.
	ppp := f.network().plus(6)
	*f = frame{link: linkPPP, header: ppp, proto: ppp, payload: ppp.plus(2), labels: f.labels, tags: f.tags, tunnel: f.tunnel}
	return c, nil
}

const portGeneve = 6081

// geneve tests for a packet of Geneve (RFC 8926) and moves into it.
func (l *lowering) geneve(n wordNode) (*cond, *Error) {
	f := &l.frame
	pos := n.word.pos
	vni, given, err := number(n, 0xffffff)
	if err != nil {
		return nil, err
	}
	var r [4]register // the header of Geneve, then as in frame
	for i := range r {
		if r[i], err = l.register(pos); err != nil {
			return nil, err
		}
	}
	tunnel, header, proto, payload := r[0], r[1], r[2], r[3]
	port := idNode{q: qualifiers{proto: "udp", dir: dirDst, kind: "port"}, id: token{kind: tokNumber, num: portGeneve, pos: pos}}
	o := f.network()
	check := func(c *cond, base *value, k uint32) *cond {
		c = and(c, l.compare(testEqual, l.binary(aluAnd, l.ind(1, base, k), l.constant(0xc0)), 0))
		if given {
			c = and(c, l.compare(testEqual, l.binary(aluAnd, l.ind(4, base, k+4), l.constant(0xffffff00)), vni<<8))
		}
		return and(c, effect(store{tunnel, l.binary(aluAdd, base, l.constant(k))}))
	}
	four, err := l.ports4(port, onUDP, portGeneve, portGeneve)
	if err != nil {
		return nil, err
	}
	six, err := l.ports6(port, onUDP, portGeneve, portGeneve)
	if err != nil {
		return nil, err
	}
	base6 := l.constant(0)
	if o.r != noRegister {
		base6 = l.mem(o.r)
	}
	found := or(check(four, l.transport4(), o.k+8), check(six, base6, o.k+48))

	options := l.binary(aluMul, l.binary(aluAnd, l.ind(1, l.mem(tunnel), 0), l.constant(0x3f)), l.constant(4))
	inner := l.binary(aluAdd, l.binary(aluAdd, options, l.mem(tunnel)), l.constant(8))
	carries := or(
		and(l.compare(testEqual, l.ind(2, l.mem(tunnel), 2), etherTEB),
			effect(store{proto, l.binary(aluAdd, l.mem(header), l.constant(12))}, store{payload, l.binary(aluAdd, l.mem(header), l.constant(14))})),
		effect(store{proto, l.binary(aluAdd, l.mem(tunnel), l.constant(2))}, store{payload, l.mem(header)}))
	// The labels of MPLS outside of the tunnel say nothing about its inside;
	// libpcap looks for the last one there, and nothing matches.
	*f = frame{link: linkEthernet, header: offset{0, header}, proto: offset{0, proto}, payload: offset{0, payload},
		tags: f.tags, tunnel: true}
	return and(found, effect(store{header, inner}), carries), nil
}
