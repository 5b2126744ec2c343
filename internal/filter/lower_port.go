package filter

import (
	"strconv"
	"strings"
)

// ports lowers "port" and "portrange".
func (l *lowering) ports(n idNode) (*cond, *Error) {
	on, err := portProtocol(n)
	if err != nil {
		return nil, err
	}
	var low, high uint32
	if n.q.kind == "port" {
		var known transports
		low, known, err = portNumber(n)
		high = low
		if err == nil && known != 0 {
			on, err = narrow(n, on, known)
		}
	} else {
		low, high, on, err = portRange(n, on)
	}
	if err != nil {
		return nil, err
	}
	six, err := l.ports6(n, on, low, high)
	if err != nil {
		return nil, err
	}
	four, err := l.ports4(n, on, low, high)
	if err != nil {
		return nil, err
	}
	return or(six, four), nil
}

// portProtocol gives the protocols that the qualifiers allow.
func portProtocol(n idNode) (transports, *Error) {
	switch n.q.proto {
	case "":
		return onTCP | onUDP | onSCTP, nil
	case "tcp":
		return onTCP, nil
	case "udp":
		return onUDP, nil
	case "sctp":
		return onSCTP, nil
	}
	return 0, failure(n.id.pos, "%q has no ports: write \"%s and %s %s\"", n.q.proto, n.q.proto, n.q.kind, clip(n.id.text))
}

// portNumber gives the port of an id, and for the name of a service its
// protocols.
func portNumber(n idNode) (uint32, transports, *Error) {
	switch n.id.kind {
	case tokNumber:
		if n.id.num > 0xffff {
			return 0, 0, failure(n.id.pos, "a port is at most 65535, not %s", clip(n.id.text))
		}
		return n.id.num, 0, nil
	case tokName:
		if port, on, ok := service(n.id.text); ok {
			return port, on, nil
		}
		if a, _, ok := strings.Cut(n.id.text, "-"); ok && span(a, isDigit) == len(a) {
			return 0, 0, failure(n.id.pos, "%s is more than one port: write \"portrange\" for \"port\"", n.id)
		}
		return 0, 0, failure(n.id.pos, "the service %s is unknown: write its port number", n.id)
	}
	return 0, 0, failure(n.id.pos, "expected a port number after \"port\", not %s", n.id)
}

// narrow leaves the protocols that a service is known on. A service on TCP and
// UDP is looked for on all that the qualifiers allow.
func narrow(n idNode, on, known transports) (transports, *Error) {
	if known&(onTCP|onUDP) == onTCP|onUDP {
		return on, nil
	}
	if known&onTCP != 0 {
		known = onTCP
	}
	if on&known == 0 {
		return 0, failure(n.id.pos, "the service %s is not on %s: write its port number", n.id, n.q.proto)
	}
	return known, nil
}

// portRange reads "6000-6008", also with names of services. A lone port is a
// range of one.
func portRange(n idNode, on transports) (low, high uint32, both transports, err *Error) {
	if n.id.kind == tokNumber {
		low, _, err = portNumber(n)
		return low, low, on, err
	}
	if n.id.kind != tokName {
		return 0, 0, 0, failure(n.id.pos, "expected two port numbers like 6000-6008 after \"portrange\", not %s", n.id)
	}
	first, second, ok := strings.Cut(n.id.text, "-")
	if !ok {
		return 0, 0, 0, failure(n.id.pos, "expected two port numbers like 6000-6008 after \"portrange\", not %s", n.id)
	}
	var known [2]transports
	var ports [2]uint32
	for i, s := range [...]string{first, second} {
		if v, e := strconv.ParseUint(s, 10, 16); e == nil {
			ports[i] = uint32(v)
			continue
		}
		var found bool
		if ports[i], known[i], found = service(s); !found {
			return 0, 0, 0, failure(n.id.pos, "%q in the range %s is no port: ports are 0 to 65535", clip(s), n.id)
		}
	}
	if known[0] != 0 && known[0] == known[1] {
		if on, err = narrow(n, on, known[0]); err != nil {
			return 0, 0, 0, err
		}
	}
	return min(ports[0], ports[1]), max(ports[0], ports[1]), on, nil
}

// eachTransport is what makes of the number of each protocol of on, as
// alternatives: the optimizer tells them apart until it has taken out what one
// port says of the next.
func eachTransport(on transports, what func(proto uint32) *cond) *cond {
	c := never()
	for _, t := range [...]struct {
		bit   transports
		proto uint32
	}{{onSCTP, protoSCTP}, {onTCP, protoTCP}, {onUDP, protoUDP}} {
		if on&t.bit != 0 {
			c = or(c, what(t.proto))
		}
	}
	return c
}

// between tests a port.
func (l *lowering) between(v *value, low, high uint32) *cond {
	if low == high {
		return l.compare(testEqual, v, low)
	}
	return and(l.compare(testAtLeast, v, low), not(l.compare(testGreater, v, high)))
}

func (l *lowering) ports4(n idNode, on transports, low, high uint32) (*cond, *Error) {
	c, err := l.linkType(etherIPv4, n.id.pos)
	if err != nil {
		return nil, err
	}
	o := l.frame.network()
	base := l.transport4()
	at := func(k uint32) *cond { return l.between(l.ind(2, base, o.k+k), low, high) }
	return and(c, eachTransport(on, func(proto uint32) *cond {
		return and(l.equal(1, o.plus(9), proto), l.unfragmented(), ends(n.q.dir, at(0), at(2)))
	})), nil
}

func (l *lowering) ports6(n idNode, on transports, low, high uint32) (*cond, *Error) {
	c, err := l.linkType(etherIPv6, n.id.pos)
	if err != nil {
		return nil, err
	}
	o := l.frame.network()
	at := func(k uint32) *cond { return l.between(l.load(2, o.plus(40+k)), low, high) }
	return and(c, eachTransport(on, func(proto uint32) *cond {
		return and(l.equal(1, o.plus(6), proto), ends(n.q.dir, at(0), at(2)))
	})), nil
}
