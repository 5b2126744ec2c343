package filter

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
)

// frame as captured: data may be shorter than what was on the wire.
type capture struct {
	data []byte
	wire int
}

func be16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func be32(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }

func cat(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func addr(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

// inet is a network packet with the EtherType that announces it.
type inet struct {
	etherType int
	data      []byte
}

func ports(src, dst, length int) []byte {
	b := make([]byte, length)
	copy(b, cat(be16(src), be16(dst)))
	return b
}

func tcp(src, dst, flags int, payload string) []byte {
	b := cat(ports(src, dst, 20), []byte(payload))
	b[12], b[13] = 0x50, byte(flags)
	return b
}

func udp(src, dst int, payload []byte) []byte {
	return cat(be16(src), be16(dst), be16(8+len(payload)), be16(0), payload)
}

func ip4(src, dst string, proto, fragment int, options, payload []byte) inet {
	head := []byte{byte(0x45 + len(options)/4), 0}
	head = cat(head, be16(20+len(options)+len(payload)), be16(0x1234), be16(fragment), []byte{64, byte(proto)}, be16(0), addr(src), addr(dst), options)
	return inet{etherIPv4, cat(head, payload)}
}

func ip6(src, dst string, next int, payload []byte) inet {
	head := cat([]byte{0x60, 0, 0, 0}, be16(len(payload)), []byte{byte(next), 64}, addr(src), addr(dst))
	return inet{etherIPv6, cat(head, payload)}
}

func arp(kind, op int, src, dst string) inet {
	return inet{kind, cat(be16(1), be16(etherIPv4), []byte{6, 4}, be16(op), macA, addr(src), macB, addr(dst))}
}

var (
	macA      = []byte{0x02, 0, 0, 0, 0, 0x01}
	macB      = []byte{0x02, 0, 0, 0, 0, 0x02}
	macC      = []byte{1, 2, 3, 4, 5, 6}
	broadcast = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	multicast = []byte{0x01, 0x00, 0x5e, 0, 0, 0xfb}
)

// extension is an IPv6 extension header of 8 * (1 + more) bytes.
func extension(next, more int) []byte {
	b := make([]byte, 8*(1+more))
	b[0], b[1] = byte(next), byte(more)
	return b
}

// networks are packets of all kinds that the filters of the corpus tell apart.
func networks() []inet {
	a, b, c := "10.0.0.1", "10.0.0.2", "192.168.1.7"
	a6, b6 := "2001:db8::1", "2001:db8:1::2"
	auth := cat([]byte{protoTCP, 4}, make([]byte, 22), tcp(1000, 80, 2, ""))
	list := []inet{
		ip4(a, b, protoTCP, 0x4000, nil, tcp(40000, 80, 0x02, "")),
		ip4(b, a, protoTCP, 0x4000, nil, tcp(80, 40000, 0x12, "")),
		ip4(a, b, protoTCP, 0x4000, nil, tcp(40000, 80, 0x10, "GET / HTTP/1.1\r\n")),
		ip4(a, c, protoTCP, 0, nil, tcp(22, 50000, 0x18, "secret")),
		ip4(a, c, protoTCP, 0, nil, tcp(50001, 443, 0x04, "")),
		ip4(c, a, protoTCP, 0, make([]byte, 8), tcp(21, 6005, 0xc1, "options")),
		ip4(a, "224.0.0.251", protoUDP, 0, nil, udp(5353, 5353, make([]byte, 30))),
		ip4(a, "255.255.255.255", protoUDP, 0, nil, udp(68, 67, make([]byte, 240))),
		ip4("0.0.0.0", "0.0.0.0", protoUDP, 0, nil, udp(53, 53, make([]byte, 12))),
		ip4(a, "8.8.8.8", protoUDP, 0, nil, udp(53000, 53, make([]byte, 40))),
		ip4(a, b, protoUDP, 0, make([]byte, 4), udp(6000, 6010, nil)),
		ip4(a, b, protoUDP, 0x2000, nil, udp(53, 7000, make([]byte, 64))),
		ip4(a, b, protoUDP, 0x00b9, nil, make([]byte, 64)),
		ip4(a, b, protoUDP, 0x20b9, nil, udp(53, 80, nil)),
		ip4(a, b, protoSCTP, 0, nil, ports(2905, 80, 16)),
		ip4(a, b, protoSCTP, 0, nil, ports(5672, 5672, 16)),
		ip4(a, b, protoICMP, 0, nil, cat([]byte{8, 0}, make([]byte, 62))),
		ip4(b, a, protoICMP, 0, nil, cat([]byte{0, 0}, make([]byte, 62))),
		ip4("172.16.5.4", a, protoICMP, 0, nil, cat([]byte{3, 1}, make([]byte, 30))),
		ip4(a, "224.0.0.22", protoIGMP, 0, []byte{0x94, 4, 0, 0}, []byte{0x22, 0, 0, 0}),
		ip4(a, "224.0.0.13", protoPIM, 0, nil, []byte{0x20, 0, 0, 0}),
		ip4(a, "224.0.0.18", protoVRRP, 0, nil, []byte{0x21, 1, 100, 1, 0, 0, 0, 0}),
		ip4(a, b, protoIGRP, 0, nil, []byte{1, 2, 3, 4}),
		ip4(a, b, 47, 0, nil, cat(be16(0), be16(etherIPv4), ip4(c, a, protoTCP, 0, nil, tcp(1, 80, 2, "")).data)),
		ip4(a, b, 4, 0, nil, ip4(c, a, protoUDP, 0, nil, udp(1, 53, nil)).data),
		ip4(a, b, 89, 0, nil, []byte{2, 1, 0, 44}),
		ip4(a, b, protoESP, 0, nil, make([]byte, 24)),
		ip4(a, b, protoAH, 0, nil, auth),
		ip4("10.1.2.3", "10.1.2.4", protoTCP, 0, nil, tcp(8080, 6000, 0x11, "x")),
		ip4("128.3.0.1", "12.34.56.78", protoTCP, 0, nil, tcp(25, 110, 0x30, "")),
		ip6(a6, b6, protoTCP, tcp(40000, 80, 0x02, "")),
		ip6(b6, a6, protoTCP, tcp(80, 40000, 0x12, "hello")),
		ip6(a6, "ff02::fb", protoUDP, udp(5353, 5353, make([]byte, 20))),
		ip6("::1", "::1", protoUDP, udp(53, 53000, make([]byte, 20))),
		ip6(a6, b6, protoSCTP, ports(80, 2905, 16)),
		ip6("fe80::1", "ff02::1", protoICMPv6, cat([]byte{134, 0}, make([]byte, 20))),
		ip6("fe80::1", "fe80::2", protoICMPv6, cat([]byte{128, 0}, make([]byte, 20))),
		ip6(a6, b6, protoFragment, cat([]byte{protoTCP, 0, 0, 1, 0, 0, 0, 7}, tcp(80, 81, 2, ""))),
		ip6(a6, b6, protoFragment, cat([]byte{protoUDP, 0, 1, 1, 0, 0, 0, 7}, make([]byte, 32))),
		ip6(a6, b6, 0, cat(extension(protoTCP, 0), tcp(80, 81, 2, ""))),
		ip6(a6, b6, 0, cat(extension(protoDestOpts, 1), extension(protoRouting, 0), extension(protoUDP, 2), udp(53, 53, nil))),
		ip6(a6, b6, protoDestOpts, cat(extension(protoFragment, 0), extension(protoAH, 0), auth)),
		ip6(a6, b6, protoAH, auth),
		ip6(a6, b6, protoNone, nil),
		ip6(a6, b6, protoESP, make([]byte, 30)),
		ip6("2001:db9::1", "2001:dba::1", 89, make([]byte, 20)),
		arp(etherARP, 1, a, b),
		arp(etherARP, 2, b, a),
		arp(etherARP, 1, "0.0.0.0", "192.168.1.7"),
		arp(etherRARP, 3, a, a),
	}
	return append(list, geneves()...)
}

// geneves are tunnels: over IPv4 and IPv6, with and without Ethernet and
// options, and some that are none.
func geneves() []inet {
	inner := []inet{
		ip4("172.16.0.1", "172.16.0.2", protoTCP, 0, nil, tcp(1234, 80, 2, "")),
		ip4("172.16.0.1", "172.16.0.2", protoICMP, 0, nil, []byte{8, 0, 0, 0}),
		ip6("2001:db8::5", "2001:db8::6", protoUDP, udp(53, 99, nil)),
	}
	header := func(version, options, t, vni int) []byte {
		return cat([]byte{byte(version<<6 | options), 0}, be16(t), be32(vni<<8), make([]byte, 4*options))
	}
	var list []inet
	for i, in := range inner {
		frame := cat(macC, macA, be16(in.etherType), in.data)
		tagged := cat(macB, macC, be16(etherVLAN), be16(7), be16(in.etherType), in.data)
		for j, payload := range [][]byte{
			cat(header(0, 0, etherTEB, 5), frame),
			cat(header(0, 2, etherTEB, 0xb), frame),
			cat(header(0, 1, etherTEB, 5), tagged),
			cat(header(0, 0, in.etherType, 5), in.data),
			cat(header(1, 0, etherTEB, 5), frame),
		} {
			u := udp(50000+i, portGeneve, payload)
			if (i+j)%2 == 0 {
				list = append(list, ip4("10.9.0.1", "10.9.0.2", protoUDP, 0, make([]byte, 4*(j%3)), u))
			} else {
				list = append(list, ip6("2001:db8:9::1", "2001:db8:9::2", protoUDP, u))
			}
		}
	}
	nested := cat(header(0, 0, etherTEB, 9), macA, macB, be16(etherIPv4), list[0].data)
	return append(list, ip4("10.8.0.1", "10.8.0.2", protoUDP, 0, nil, udp(1, portGeneve, nested)),
		ip4("10.8.0.2", "10.8.0.1", protoUDP, 0, nil, udp(portGeneve, 1, nested)))
}

// wraps put a network packet behind an Ethernet header with tags, labels or a
// session.
func wraps() []func(inet) []byte {
	tag := func(tags ...int) func(inet) []byte {
		return func(n inet) []byte {
			var b []byte
			for i := 0; i < len(tags); i += 2 {
				b = cat(b, be16(tags[i]), be16(tags[i+1]))
			}
			return cat(macA, macB, b, be16(n.etherType), n.data)
		}
	}
	ppp := func(n inet) []byte {
		t := 0x0021
		switch n.etherType {
		case etherIPv6:
			t = 0x0057
		case etherARP:
			t = 0xc021
		}
		return cat(be16(t), n.data)
	}
	session := func(id int, tags ...byte) func(inet) []byte {
		return func(n inet) []byte {
			p := ppp(n)
			return cat(macB, macA, tags, be16(etherPPPoES), []byte{0x11, 0}, be16(id), be16(len(p)), p)
		}
	}
	mpls := func(labels ...int) func(inet) []byte {
		return func(n inet) []byte {
			var b []byte
			for i, l := range labels {
				last := 0
				if i == len(labels)-1 {
					last = 0x100
				}
				b = cat(b, be32(l<<12|last|64))
			}
			return cat(macC, macB, be16(etherMPLS), b, n.data)
		}
	}
	return []func(inet) []byte{
		tag(), tag(etherVLAN, 5), tag(etherVLAN, 0x6064), tag(etherQinQ, 7, etherVLAN, 100), tag(etherOldQinQ, 5, etherVLAN, 7),
		tag(etherVLAN, 1, etherVLAN, 2, etherVLAN, 3), mpls(3), mpls(100000, 1024), mpls(16, 17, 18), session(5), session(0x27),
		session(5, etherVLAN>>8, etherVLAN&0xff, 0, 5),
		func(n inet) []byte { return cat(mpls(3)(n)[:12], be16(etherVLAN), be16(9), mpls(3)(n)[12:]) },
		func(n inet) []byte { return cat(broadcast, macC, be16(n.etherType), n.data) },
		func(n inet) []byte { return cat(multicast, macA, be16(n.etherType), n.data, make([]byte, 6)) },
	}
}

// oldies are frames that carry neither IP nor ARP.
func oldies() [][]byte {
	llc := func(b ...byte) []byte {
		return cat([]byte{1, 0x80, 0xc2, 0, 0, 0}, macA, be16(len(b)+30), b, make([]byte, 30))
	}
	typed := func(t int) []byte { return cat(macA, macC, be16(t), make([]byte, 46)) }
	list := [][]byte{
		llc(0x42, 0x42, 3), llc(0xf0, 0xf0, 3), llc(0xe0, 0xe0, 3), llc(0xff, 0xff, 0), llc(0x06, 0x06, 3), llc(0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0x37),
		llc(0xaa, 0xaa, 3, 8, 0, 7, 0x80, 0x9b), llc(0xaa, 0xaa, 3, 0, 0, 0, 0x80, 0xf3), llc(0xaa, 0xaa, 3, 0, 0, 0, 8, 0), llc(0xf0, 0xf0, 0x01),
		llc(0xf0, 0xf0, 0x05), llc(0xf0, 0xf0, 0x09), llc(0xf0, 0xf0, 0x63), llc(0xf0, 0xf0, 0x43), llc(0xf0, 0xf0, 0x7f), llc(0xf0, 0xf0, 0x00), llc(0xf0, 0xf1, 0xaf),
		llc(0xfe, 0xfe, 3, 0x81), llc(0xfe, 0xfe, 3, 0x82, 21),
		cat(macA, macB, be16(etherVLAN), be16(5), be16(40), []byte{0x42, 0x42, 3}, make([]byte, 40)),
		cat(macA, macB, be16(etherPPPoED), []byte{0x11, 9, 0, 0, 0, 0}, make([]byte, 40)),
		cat(macA, macB, be16(etherPPPoES), []byte{0x11, 0, 0, 5, 0, 0}, be16(0x23), []byte{0x83, 0, 0, 0, 0x10}),
		cat(macA, macB, be16(etherPPPoES), []byte{0x11, 0, 0, 5, 0, 0}, be16(0x281), be32(3<<12|0x100), ip4("10.0.0.1", "10.0.0.2", 6, 0, nil, tcp(1, 80, 2, "")).data),
		cat(macA, macB, be16(etherPPPoES), []byte{0x11, 0, 0, 5, 0, 0}, be16(0x31), make([]byte, 8)),
		macA, nil, {1}, cat(macA, macB), cat(macA, macB, []byte{8}), cat(macA, macB, be16(etherIPv4)), cat(macA, macB, be16(etherIPv6)),
	}
	for _, pdu := range []byte{15, 16, 17, 18, 20, 24, 25, 26, 27, 99} {
		list = append(list, llc(0xfe, 0xfe, 3, 0x83, 27, 1, 0, pdu))
	}
	for _, t := range []int{etherMOPDL, etherMOPRC, etherDECnet, etherLAT, etherSCA, etherAtalk, etherAARP, etherIPX, 0x88cc, 0x9000, 0x888e, 0x0600, 0x05dc, 0x05dd} {
		list = append(list, typed(t))
	}
	return list
}

// captures gives frames of a link type: the same ones at every call.
func captures(l Link) []capture {
	random := rand.New(rand.NewPCG(7, uint64(l)))
	var frames [][]byte
	switch l {
	case LinkEthernet:
		for _, w := range wraps() {
			for _, n := range networks() {
				frames = append(frames, w(n))
			}
		}
		frames = append(frames, oldies()...)
	default:
		for _, n := range networks() {
			frames = append(frames, otherLink(l, n)...)
		}
		frames = append(frames, oldies()...)
	}
	var list []capture
	for _, f := range frames {
		list = append(list, capture{f, len(f)})
	}
	for i := range frames {
		f := frames[random.IntN(len(frames))]
		if len(f) == 0 {
			continue
		}
		switch i % 3 {
		case 0: // as cut by a snap length
			list = append(list, capture{f[:random.IntN(len(f))], len(f)})
		case 1: // with some bytes changed
			f = append([]byte(nil), f...)
			for range 1 + random.IntN(3) {
				f[random.IntN(min(len(f), 60))] = byte(random.IntN(256))
			}
			list = append(list, capture{f, len(f)})
		default: // as seen with a snap length of 68
			list = append(list, capture{f[:min(len(f), 68)], len(f)})
		}
	}
	return list
}

// otherLink puts a network packet behind the header of a link type without
// Ethernet.
func otherLink(l Link, n inet) [][]byte {
	family := 2
	if n.etherType == etherIPv6 {
		family = []int{24, 28, 30}[len(n.data)%3]
	}
	ip := n.etherType == etherIPv4 || n.etherType == etherIPv6
	switch l {
	case LinkRaw, LinkIPv4, LinkIPv6:
		return [][]byte{n.data}
	case LinkNull:
		if !ip {
			family = 7
		}
		return [][]byte{cat(binary.LittleEndian.AppendUint32(nil, uint32(family)), n.data)}
	case LinkLoop:
		if !ip {
			family = 7
		}
		return [][]byte{cat(be32(family), n.data)}
	}
	var list [][]byte
	for i, t := range []int{n.etherType, 0x0004, 0x0001, etherPPPoES} {
		data := n.data
		switch t {
		case 0x0004:
			data = oldies()[len(n.data)%20]
			data = data[min(14, len(data)):]
		case etherPPPoES:
			data = cat([]byte{0x11, 0, 0, 5, 0, 0}, be16(0x21), n.data)
		}
		kind := []int{0, 4, 1, 3}[i]
		if l == LinkLinuxSLL {
			list = append(list, cat(be16(kind), be16(1), be16(6), macA, be16(0), be16(t), data))
		} else {
			list = append(list, cat(be16(t), be16(0), be32(3+i), be16(1), []byte{byte(kind), 6}, macA, be16(0), data))
		}
	}
	return list
}
