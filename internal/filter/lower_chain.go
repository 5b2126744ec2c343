package filter

// chainLength bounds how many extension headers "protochain" follows: its loop
// is unrolled, because the kernel takes no jumps backwards.
const chainLength = 6

// chain lowers "protochain": k anywhere in the chain of IPv6 extension headers
// (RFC 8200, 4) or IPv4 authentication headers (RFC 4302).
func (l *lowering) chain(proto string, k uint32, pos int) (*cond, *Error) {
	switch proto {
	case "":
		four, err := l.chain("ip", k, pos)
		if err != nil {
			return nil, err
		}
		six, err := l.chain("ip6", k, pos)
		if err != nil {
			return nil, err
		}
		return or(four, six), nil
	case "ip", "ip6":
	default:
		return nil, failure(pos, "\"%s protochain\" is not known: use ip or ip6", proto)
	}
	t, _ := etherProtocol(proto)
	c, err := l.linkType(t, pos)
	if err != nil {
		return nil, err
	}
	// One register holds the protocol of the header that the other one is at.
	next, err := l.register(pos)
	if err != nil {
		return nil, err
	}
	at, err := l.register(pos)
	if err != nil {
		return nil, err
	}
	// Registers may be used again by other chains: nothing reads them later.
	l.free -= 2
	o := l.frame.network()
	start := effect(store{next, l.load(1, o.plus(6))}, store{at, l.address(o.plus(40))})
	if proto == "ip" {
		start = effect(store{next, l.load(1, o.plus(9))}, store{at, l.binary(aluAdd, l.transport4(), l.constant(o.k))})
	}
	return and(c, start, l.links(proto == "ip6", k, next, at, chainLength)), nil
}

// links tests the header at hand and up to depth more.
func (l *lowering) links(six bool, k uint32, next, at register, depth int) *cond {
	is := func(p uint32) *cond { return l.compare(testEqual, l.mem(next), p) }
	found := is(k)
	if depth == 0 {
		return found
	}
	move := func(least, unit uint32) *cond {
		length := l.binary(aluMul, l.binary(aluAdd, l.ind(1, l.mem(at), 1), l.constant(least)), l.constant(unit))
		return effect(store{next, l.ind(1, l.mem(at), 0)}, store{at, l.binary(aluAdd, length, l.mem(at))})
	}
	// The length of extension headers counts 8 bytes less 8, that of the
	// authentication header 4 bytes less 8.
	step := and(is(protoAH), move(2, 4))
	if six {
		extension := or(is(0), is(protoDestOpts), is(protoRouting), is(protoFragment))
		step = or(and(extension, move(1, 8)), step)
	}
	return or(found, and(step, l.links(six, k, next, at, depth-1)))
}
