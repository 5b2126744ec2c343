package filter

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// id lowers an id with its qualifiers.
func (l *lowering) id(n idNode) (*cond, *Error) {
	switch n.q.kind {
	case "port", "portrange":
		return l.ports(n)
	case "proto":
		k, err := protocolNumber(n)
		if err != nil {
			return nil, err
		}
		return l.ipProto(n.q.proto, k, n.id.pos)
	case "protochain":
		k, err := protocolNumber(n)
		if err != nil {
			return nil, err
		}
		return l.chain(n.q.proto, k, n.id.pos)
	case "gateway":
		return nil, failure(n.id.pos, "\"gateway\" needs host names: write \"ether host <MAC of the gateway> and not host <its IP>\"")
	}
	switch n.id.kind {
	case tokMAC:
		if n.q.proto != "ether" || n.q.kind == "net" {
			return nil, failure(n.id.pos, "%s is a MAC address: write \"ether host\" before it", n.id)
		}
		return l.mac(n.id.mac, n.q.dir, n.id.pos)
	case tokIPv6:
		return l.host6(n)
	case tokName:
		if isDotted(n.id.text) {
			return nil, failure(n.id.pos, "%s is no IPv4 address", n.id)
		}
		return nil, failure(n.id.pos, "%s is a name: names are not looked up, write the address", n.id)
	}
	return l.host4(n)
}

func isDotted(s string) bool {
	return span(s, func(c byte) bool { return isDigit(c) || c == '.' }) == len(s)
}

// protocolNumber gives the number that "proto" and "protochain" look for.
func protocolNumber(n idNode) (uint32, *Error) {
	if n.id.kind == tokNumber {
		return n.id.num, nil
	}
	lookup := ipProtocol
	switch n.q.proto {
	case "", "ip", "ip6":
	case "ether":
		lookup = etherProtocol
	case "iso":
		lookup = isoProtocol
	default:
		return 0, failure(n.id.pos, "\"%s %s\" is not known: use ip, ip6, ether or iso", n.q.proto, n.q.kind)
	}
	if n.id.kind == tokName {
		if k, ok := lookup(n.id.text); ok {
			return k, nil
		}
	}
	return 0, failure(n.id.pos, "the protocol %s is unknown: write its number", n.id)
}

// host4 lowers an IPv4 address or network.
func (l *lowering) host4(n idNode) (*cond, *Error) {
	addr, mask, err := prefix4(n)
	if err != nil {
		return nil, err
	}
	switch n.q.proto {
	case "":
		ip, err := l.net4("ip", addr, mask, n)
		if err != nil || l.frame.labels > 0 {
			return ip, err
		}
		arp, err := l.net4("arp", addr, mask, n)
		if err != nil {
			return nil, err
		}
		rarp, err := l.net4("rarp", addr, mask, n)
		if err != nil {
			return nil, err
		}
		return or(ip, arp, rarp), nil
	case "ip", "arp", "rarp":
		return l.net4(n.q.proto, addr, mask, n)
	case "ether":
		return nil, failure(n.id.pos, "expected a MAC address after \"ether\", not %s", n.id)
	case "decnet":
		return nil, failure(n.id.pos, "addresses of DECnet are not supported")
	}
	return nil, failure(n.id.pos, "%q has no IPv4 addresses: write \"%s and host %s\"", n.q.proto, n.q.proto, n.id.text)
}

func (l *lowering) net4(proto string, addr, mask uint32, n idNode) (*cond, *Error) {
	t, _ := etherProtocol(proto)
	c, err := l.linkType(t, n.id.pos)
	if err != nil {
		return nil, err
	}
	src, dst := uint32(12), uint32(16)
	if proto != "ip" {
		src, dst = 14, 24
	}
	at := func(k uint32) *cond { return l.masked(4, l.frame.network().plus(k), addr, mask) }
	return and(c, ends(n.q.dir, at(src), at(dst))), nil
}

// prefix4 gives address and mask of an id. Numbers left out at the right make a
// network of it, whatever the qualifiers; a lone number is such a network after
// "net", and all 32 bits of an address else.
func prefix4(n idNode) (addr, mask uint32, err *Error) {
	if n.id.kind == tokNumber {
		addr, mask = n.id.num, 0xffffffff
		for n.q.kind == "net" && addr != 0 && addr < 1<<24 {
			addr, mask = addr<<8, mask<<8
		}
		return addr, mask, nil
	}
	addr, bits, err := dotted(n.id)
	if err != nil {
		return 0, 0, err
	}
	mask = ^uint32(0) << (32 - bits)
	switch {
	case n.second.kind == tokEnd:
		return addr, mask, nil
	case n.q.kind != "net":
		return 0, 0, failure(n.second.pos, "a mask needs \"net\" before the address")
	case n.bits > 32:
		return 0, 0, failure(n.second.pos, "the prefix of an IPv4 network has at most 32 bits, not %s", clip(n.second.text))
	case n.bits >= 0:
		mask = uint32(uint64(0xffffffff) << (32 - n.bits))
	default:
		if mask, _, err = dotted(n.second); err != nil {
			return 0, 0, err
		}
	}
	if addr&^mask != 0 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], addr&mask)
		return 0, 0, failure(n.id.pos, "%s has bits set outside of the network: did you mean %s?", n.id.text, netip.AddrFrom4(b))
	}
	return addr, mask, nil
}

// dotted reads one to four numbers with dots in between. bits is how many of
// the address they give.
func dotted(t token) (addr uint32, bits int, err *Error) {
	for part := range strings.SplitSeq(t.text, ".") {
		v, e := strconv.ParseUint(part, 10, 8)
		if e != nil {
			return 0, 0, failure(t.pos, "%s is no IPv4 address: its numbers are 0 to 255", clip(t.text))
		}
		addr, bits = addr<<8|uint32(v), bits+8
	}
	return addr << (32 - bits), bits, nil
}

// host6 lowers an IPv6 address or network.
func (l *lowering) host6(n idNode) (*cond, *Error) {
	switch {
	case n.q.proto == "ether":
		return nil, failure(n.id.pos, "expected a MAC address after \"ether\", not %s", n.id)
	case n.q.proto != "" && n.q.proto != "ip6":
		return nil, failure(n.id.pos, "%q has no IPv6 addresses: write \"ip6\" or nothing before \"host\"", n.q.proto)
	}
	bits := n.bits
	switch {
	case bits < 0:
		bits = 128
	case bits > 128:
		return nil, failure(n.second.pos, "the prefix of an IPv6 network has at most 128 bits, not %s", clip(n.second.text))
	case bits != 128 && n.q.kind != "net":
		return nil, failure(n.second.pos, "a prefix needs \"net\" before the address")
	}
	prefix := netip.PrefixFrom(n.id.addr, bits).Masked()
	if prefix.Addr() != n.id.addr {
		return nil, failure(n.id.pos, "%s/%d has bits set outside of the network: did you mean %s?", n.id.text, bits, prefix)
	}
	c, err := l.linkType(etherIPv6, n.id.pos)
	if err != nil {
		return nil, err
	}
	raw := n.id.addr.As16()
	at := func(k uint32) *cond {
		var parts []*cond
		for i := 0; i < bits; i += 32 {
			mask := uint32(uint64(0xffffffff) << (32 - min(32, bits-i)))
			word := binary.BigEndian.Uint32(raw[i/8:])
			parts = append(parts, l.masked(4, l.frame.network().plus(k+uint32(i/8)), word, mask))
		}
		return and(parts...)
	}
	return and(c, ends(n.q.dir, at(8), at(24))), nil
}
