package packettest

import (
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// extension is an IPv6 extension header of 8 bytes before another header.
func extension(next layers.IPProtocol) gopacket.Payload {
	return raw(byte(next), 0, 1, 4, 0, 0, 0, 0)
}

// auth is an authentication header with 12 bytes of check value.
func auth(next layers.IPProtocol) gopacket.Payload {
	return append(raw(byte(next), 4, 0, 0), make([]byte, 20)...)
}

// frag6 is the fragment header of IPv6.
func frag6(next layers.IPProtocol, id byte, offset uint16, more byte) gopacket.Payload {
	return raw(byte(next), 0, byte(offset>>8), byte(offset)|more, 0, 0, 0, id)
}

// ipSamples have options and extension headers.
func ipSamples() []Sample {
	options := func() *layers.IPv4 {
		h := IPv4(outerA, outerB, layers.IPProtocolTCP)
		h.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
		return h
	}
	end := Stack{TCP(portA, portB), Payload(payload)}
	link6 := Ethernet(1, 2, layers.EthernetTypeIPv6)
	// The transport layer behind extension headers is made on its own: gopacket
	// would count them as part of it.
	chain := func(first layers.IPProtocol, headers ...gopacket.SerializableLayer) Stack {
		inner, err := Frame(IPv6(outer6A, outer6B, layers.IPProtocolTCP), end[0], end[1])
		if err != nil {
			return Stack{gopacket.Payload(nil)}
		}
		return slices.Concat(Stack{link6, IPv6(outer6A, outer6B, first)}, Stack(headers), Stack{gopacket.Payload(inner[40:])})
	}
	is6 := func(extra int) Level { return isTCP6("Ethernet/", outer6A, outer6B, 14+extra) }
	withOptions := isTCP4("Ethernet/", outerA, outerB, 18)
	many := chain(60, extension(60), extension(60), extension(60), extension(60), extension(60), extension(60), extension(60), extension(60), extension(6))
	return []Sample{
		sample("ip4-options", slices.Concat(Stack{Ethernet(1, 2, layers.EthernetTypeIPv4), options()}, end), withOptions),
		sample("ip4-auth", slices.Concat(over4(51), Stack{auth(6)}, end), isTCP4("Ethernet/", outerA, outerB, 14+24)),
		sample("ip6-hop-by-hop", chain(0, extension(6)), is6(8)),
		sample("ip6-chain", chain(0, extension(60), extension(43), extension(51), auth(6)), is6(48)),
		sample("ip6-esp", chain(0, extension(50)), isOver6("", 50, 92, 30)),
		sample("ip6-no-next", chain(59), isOver6("", 59, 84, 30)),
		sample("ip6-too-many", many, isOver6("", 60, 156, 38)).ends(packet.StopTooDeep),
		sample("ip6-whole-fragment", chain(44, frag6(6, 7, 0, 0)), is6(8)),
	}
}

// fragmentSamples are a datagram in three fragments, of each version of IP, and
// the first fragments of what tunnels carry.
func fragmentSamples() []Sample {
	ip4 := func(id, offset uint16, more bool, proto layers.IPProtocol) *layers.IPv4 {
		h := IPv4(outerA, outerB, proto)
		h.Id, h.FragOffset, h.Flags = id, offset/8, 0
		if more {
			h.Flags = layers.IPv4MoreFragments
		}
		return h
	}
	link4, link6 := Ethernet(1, 2, layers.EthernetTypeIPv4), Ethernet(1, 2, layers.EthernetTypeIPv6)
	// The UDP header of a datagram of 3000 bytes.
	udp := raw(0x9c, 0x40, 0, 53, 0x0b, 0xc0, 0, 0)
	f4 := func(name string, offset uint16, more bool, inside Stack, want Level) Sample {
		return sample(name, slices.Concat(Stack{link4, ip4(99, offset, more, 17)}, inside), want.frag(Fragment{99, offset, uint16(want.Wire - 34), more}))
	}
	f6 := func(name string, offset uint16, more byte, inside Stack, want Level) Sample {
		return sample(name, slices.Concat(Stack{link6, IPv6(outer6A, outer6B, 44), frag6(17, 99, offset, more)}, inside),
			want.frag(Fragment{99, offset, uint16(want.Wire - 62), more == 1}))
	}
	// A frame of 1014 bytes in VXLAN and in GRE, of which the first fragment has 100.
	big := slices.Concat(Stack{Ethernet(11, 12, layers.EthernetTypeIPv4)}, Stack{IPv4(innerA, innerB, 17), UDP(portA, 53), Payload(972)})
	bigIn := Level{Path: "Ethernet/IPv4/UDP", Src: addr(innerA), Dst: addr(innerB), SrcPort: portA, DstPort: 53, Proto: 17, Wire: 1014, PayloadWire: 972}
	first := func(proto layers.IPProtocol, head Stack, n int) Stack {
		whole, err := Frame(slices.Concat(Stack{IPv4(outerA, outerB, proto)}, head, big)...)
		if err != nil {
			return Stack{gopacket.Payload(nil)}
		}
		return Stack{link4, ip4(99, 0, true, proto), gopacket.Payload(whole[20 : 20+n])}
	}
	vxlan := first(17, Stack{UDP(50000, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 10}}, 104)
	gre := first(47, Stack{&layers.GRE{Protocol: 0x6558}}, 104)
	inFirst := Fragment{99, 0, 104, true}
	return []Sample{
		f4("fragment4-first", 0, true, Stack{udp, Payload(1472)}, isOver4("/Fragment/UDP", 17, 1514, 1472).ports(portA, 53)),
		f4("fragment4-middle", 1480, true, Stack{Payload(1480)}, isOver4("/Fragment", 17, 1514, 1480)),
		f4("fragment4-last", 2960, false, Stack{Payload(48)}, isOver4("/Fragment", 17, 82, 48)),
		f6("fragment6-first", 0, 1, Stack{udp, Payload(1440)}, isOver6("/Fragment/UDP", 17, 1510, 1440).ports(portA, 53)),
		f6("fragment6-middle", 1448, 1, Stack{Payload(1448)}, isOver6("/Fragment", 17, 1510, 1448)),
		f6("fragment6-last", 2896, 0, Stack{Payload(112)}, isOver6("/Fragment", 17, 174, 112)),
		sample("fragment4-vxlan", vxlan, isOver4("/Fragment/UDP/VXLAN", 17, 138, 88).ports(50000, 4789).tunnel(packet.LayerVXLAN, 10).frag(inFirst), bigIn),
		sample("fragment4-gre", gre, isOver4("/Fragment/GRE", 47, 138, 100).tunnel(packet.LayerGRE, 0).frag(inFirst), bigIn),
	}
}
