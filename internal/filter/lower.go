package filter

// lowering turns the tree of a filter into conditions on values, from left to
// right: the frame changes on the way.
type lowering struct {
	*values
	frame frame
	// kernel is set for programs that run on an AF_PACKET socket.
	kernel bool
	// free is the lowest register not in use.
	free register
}

// node lowers a part of the tree.
func (l *lowering) node(n node) (*cond, *Error) {
	switch n := n.(type) {
	case nil:
		return always(), nil
	case andNode:
		return l.pair(n.a, n.b, and)
	case orNode:
		return l.pair(n.a, n.b, or)
	case notNode:
		c, err := l.node(n.a)
		if err != nil {
			return nil, err
		}
		return not(c), nil
	case idNode:
		return l.id(n)
	case protoNode:
		return l.protocol(n.word.text, n.word.pos)
	case wordNode:
		return l.word(n)
	case byteNode:
		return l.byteTest(n)
	case relation:
		return l.relation(n)
	}
	return nil, failure(0, "a condition of type %T is not supported", n)
}

func (l *lowering) pair(a, b node, op func(...*cond) *cond) (*cond, *Error) {
	first, err := l.node(a)
	if err != nil {
		return nil, err
	}
	second, err := l.node(b)
	if err != nil {
		return nil, err
	}
	return op(first, second), nil
}

// register reserves a register for an offset.
func (l *lowering) register(pos int) (register, *Error) {
	if l.free >= lowRegisters {
		return noRegister, failure(pos, "too many tunnels or header chains in one filter: split it")
	}
	l.free++
	return l.free - 1, nil
}

// load is the value of size bytes at o.
func (l *lowering) load(size uint8, o offset) *value {
	if o.r == noRegister {
		return l.abs(size, o.k)
	}
	return l.ind(size, l.mem(o.r), o.k)
}

// equal tests size bytes at o for k.
func (l *lowering) equal(size uint8, o offset, k uint32) *cond {
	return l.compare(testEqual, l.load(size, o), k)
}

// masked tests the bits of mask of size bytes at o for k.
func (l *lowering) masked(size uint8, o offset, k, mask uint32) *cond {
	if mask == 0 {
		return always()
	}
	if mask == 0xffffffff {
		return l.equal(size, o, k)
	}
	return l.compare(testEqual, l.binary(aluAnd, l.load(size, o), l.constant(mask)), k)
}

// address is the value of o itself.
func (l *lowering) address(o offset) *value {
	if o.r == noRegister {
		return l.constant(o.k)
	}
	return l.binary(aluAdd, l.mem(o.r), l.constant(o.k))
}

// transport4 is the base from which IPv4's payload is reached with the constant
// part of the network offset: the length of the IPv4 header, plus the variable
// part of the offset.
func (l *lowering) transport4() *value {
	o := l.frame.network()
	if o.r == noRegister {
		return l.msh(o.k)
	}
	words := l.binary(aluAnd, l.load(1, o), l.constant(0xf))
	return l.binary(aluAdd, l.binary(aluLsh, words, l.constant(2)), l.mem(o.r))
}

// unfragmented is true for IPv4 packets that are not a later fragment.
func (l *lowering) unfragmented() *cond {
	return not(l.compare(testBits, l.load(2, l.frame.network().plus(6)), 0x1fff))
}

// protocol lowers the name of a protocol alone.
func (l *lowering) protocol(word string, pos int) (*cond, *Error) {
	switch word {
	case "ip", "ip6", "arp", "rarp", "atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "stp", "ipx", "netbeui":
		t, _ := etherProtocol(word)
		return l.linkType(t, pos)
	case "tcp", "udp", "sctp", "pim", "ah", "esp":
		k, _ := ipProtocol(word)
		return l.ipProto("", k, pos)
	case "icmp", "igmp", "vrrp":
		k, _ := ipProtocol(word)
		return l.ipProto("ip", k, pos)
	case "igrp":
		return l.ipProto("ip", protoIGRP, pos)
	case "carp":
		return l.ipProto("ip", protoVRRP, pos)
	case "icmp6":
		return l.ipProto("ip6", protoICMPv6, pos)
	case "clnp", "esis", "isis":
		k, _ := isoProtocol(word)
		return l.ipProto("iso", k, pos)
	case "l1":
		return l.isis(pos, 26, 24, 18, 15, 17)
	case "l2":
		return l.isis(pos, 27, 25, 20, 16, 17)
	case "iih":
		return l.isis(pos, 17, 15, 16)
	case "lsp":
		return l.isis(pos, 18, 20)
	case "snp":
		return l.isis(pos, 26, 27, 24, 25)
	case "csnp":
		return l.isis(pos, 24, 25)
	case "psnp":
		return l.isis(pos, 26, 27)
	case "radio":
		return nil, failure(pos, "\"radio\" is for Wi-Fi, which is not supported")
	}
	return nil, failure(pos, "%q alone is no condition: write what of it, as in \"%s host 02:00:00:00:00:01\"", word, word)
}

// isis tests the type of the PDU of IS-IS.
func (l *lowering) isis(pos int, types ...uint32) (*cond, *Error) {
	c, err := l.ipProto("iso", isoISIS, pos)
	if err != nil {
		return nil, err
	}
	one := never()
	for _, t := range types {
		one = or(one, l.equal(1, l.frame.payload.plus(l.frame.llc+4), t))
	}
	return and(c, one), nil
}

// ipProto lowers "proto proto k": a number of the protocol above IPv4, IPv6,
// the link or ISO.
func (l *lowering) ipProto(proto string, k uint32, pos int) (*cond, *Error) {
	network := l.frame.network()
	switch proto {
	case "":
		four, err := l.ipProto("ip", k, pos)
		if err != nil {
			return nil, err
		}
		six, err := l.ipProto("ip6", k, pos)
		if err != nil {
			return nil, err
		}
		return or(four, six), nil
	case "ether":
		return l.linkType(k, pos)
	case "ip":
		c, err := l.linkType(etherIPv4, pos)
		if err != nil {
			return nil, err
		}
		return and(c, l.equal(1, network.plus(9), k)), nil
	case "ip6":
		c, err := l.linkType(etherIPv6, pos)
		if err != nil {
			return nil, err
		}
		fragment := and(l.equal(1, network.plus(6), protoFragment), l.equal(1, network.plus(40), k))
		return and(c, or(l.equal(1, network.plus(6), k), fragment)), nil
	case "iso":
		c, err := l.linkType(sapISO, pos)
		if err != nil {
			return nil, err
		}
		return and(c, l.equal(1, l.frame.payload.plus(l.frame.llc), k)), nil
	case "isis":
		c, err := l.ipProto("iso", isoISIS, pos)
		if err != nil {
			return nil, err
		}
		return and(c, l.equal(1, l.frame.payload.plus(l.frame.llc+4), k)), nil
	}
	return nil, failure(pos, "%q carries no protocol that a number could be given of: use ip, ip6, ether or iso", proto)
}
