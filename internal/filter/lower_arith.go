package filter

// sum is a lowered sum: its value, and the condition that the packet has the
// headers it reads, nil for none.
type sum struct {
	v     *value
	valid *cond
}

func (l *lowering) relation(n relation) (*cond, *Error) {
	a, err := l.sum(n.a)
	if err != nil {
		return nil, err
	}
	b, err := l.sum(n.b)
	if err != nil {
		return nil, err
	}
	var c *cond
	switch n.op.text {
	case "=":
		c = l.relate(testEqual, a.v, b.v)
	case "!=":
		c = not(l.relate(testEqual, a.v, b.v))
	case ">":
		c = l.relate(testGreater, a.v, b.v)
	case "<=":
		c = not(l.relate(testGreater, a.v, b.v))
	case ">=":
		c = l.relate(testAtLeast, a.v, b.v)
	default:
		c = not(l.relate(testAtLeast, a.v, b.v))
	}
	return and(a.valid, b.valid, c), nil
}

func (l *lowering) sum(n node) (sum, *Error) {
	switch n := n.(type) {
	case numberNode:
		return sum{v: l.constant(n.k)}, nil
	case lenNode:
		return sum{v: l.length()}, nil
	case negateNode:
		a, err := l.sum(n.a)
		if err != nil {
			return sum{}, err
		}
		return sum{l.binary(aluSub, l.constant(0), a.v), a.valid}, nil
	case loadNode:
		return l.read(n)
	case binaryNode:
		a, err := l.sum(n.a)
		if err != nil {
			return sum{}, err
		}
		b, err := l.sum(n.b)
		if err != nil {
			return sum{}, err
		}
		op := operation(n.op.text)
		if b.v.kind == valConst {
			switch {
			case b.v.k == 0 && op.divides():
				return sum{}, failure(n.op.pos, "division by zero")
			case b.v.k > 31 && (op == aluLsh || op == aluRsh):
				return sum{}, failure(n.op.pos, "values have 32 bits: shift by 31 at most, not by %d", b.v.k)
			}
		}
		// As in libpcap, only the left operand makes sure that its header is there.
		return sum{l.binary(op, a.v, b.v), a.valid}, nil
	}
	return sum{}, failure(0, "a sum of type %T is not supported", n)
}

func (l *lowering) both(a, b *cond) *cond {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return and(a, b)
}

func operation(s string) aluOp {
	switch s {
	case "+":
		return aluAdd
	case "-":
		return aluSub
	case "*":
		return aluMul
	case "/":
		return aluDiv
	case "%":
		return aluMod
	case "&":
		return aluAnd
	case "|":
		return aluOr
	case "^":
		return aluXor
	case "<<":
		return aluLsh
	}
	return aluRsh
}

// read lowers proto[at:size].
func (l *lowering) read(n loadNode) (sum, *Error) {
	at, err := l.sum(n.at)
	if err != nil {
		return sum{}, err
	}
	pos := n.word.pos
	o := l.frame.network()
	base := l.constant(0)
	if o.r != noRegister {
		base = l.mem(o.r)
	}
	var valid *cond
	switch word := n.word.text; word {
	case "ether":
		o = l.frame.header
		base = l.constant(0)
		if o.r != noRegister {
			base = l.mem(o.r)
		}
	case "ip", "ip6", "arp", "rarp", "atalk", "decnet", "lat", "sca", "moprc", "mopdl":
		valid, err = l.protocol(word, pos)
	case "tcp", "udp", "sctp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp":
		var ip, proto *cond
		if ip, err = l.protocol("ip", pos); err == nil {
			proto, err = l.protocol(word, pos)
		}
		valid = and(ip, proto, l.unfragmented())
		base = l.transport4()
	case "icmp6":
		valid, err = l.linkType(etherIPv6, pos)
		valid = and(valid, l.equal(1, o.plus(6), protoICMPv6))
		o = o.plus(40)
	default:
		return sum{}, failure(pos, "%q cannot be read by offset: use ether, ip, ip6, arp, tcp, udp, sctp, icmp, icmp6, igmp, pim or vrrp", word)
	}
	if err != nil {
		return sum{}, err
	}
	v := l.ind(n.size, l.binary(aluAdd, base, at.v), o.k)
	if v.kind == valInd && v.a.kind == valConst {
		return sum{}, failure(pos, "the offset lies before the packet or beyond every packet")
	}
	return sum{v, l.both(at.valid, valid)}, nil
}
