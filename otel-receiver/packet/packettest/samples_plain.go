package packettest

import (
	"slices"

	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// plainSamples are packets without tags and tunnels.
func plainSamples() []Sample {
	ping := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 77, Seq: 3}
	unreachable := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}
	ping6 := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(129, 0)}
	solicit := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(135, 0)}
	arp := &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: 1, SourceHwAddress: mac(1), SourceProtAddress: ip(outerA).To4(), DstHwAddress: mac(0), DstProtAddress: ip(outerB).To4()}
	isARP := Level{Path: "Ethernet/ARP", Src: addr(outerA), Dst: addr(outerB), ARPOp: 1, Wire: 42}
	padded := isARP
	padded.Wire = 60
	lldp := raw(0x02, 0x07, 0x04, 2, 0, 0, 0, 0, 1, 0x04, 0x02, 0x05, '1', 0x06, 0x02, 0, 120, 0, 0)
	return []Sample{
		sample("tcp4", slices.Concat(Stack{Ethernet(1, 2, layers.EthernetTypeIPv4)}, tcp4(outerA, outerB)), isTCP4("Ethernet/", outerA, outerB, 14)),
		sample("tcp6", slices.Concat(Stack{Ethernet(1, 2, layers.EthernetTypeIPv6)}, tcp6(outer6A, outer6B)), isTCP6("Ethernet/", outer6A, outer6B, 14)),
		sample("tcp4-padded", over4(6).With(TCP(portA, portB), Payload(3)),
			Level{Path: "Ethernet/IPv4/TCP", Src: addr(outerA), Dst: addr(outerB), SrcPort: portA, DstPort: portB, Seq: 1000, Proto: 6, Wire: 60, PayloadWire: 3}).pad(3),
		sample("udp4", over4(17).With(UDP(portA, 53), Payload(payload)), isOver4("/UDP", 17, 52, payload).ports(portA, 53)),
		sample("udp6", over6(17).With(UDP(portA, 53), Payload(payload)), isOver6("/UDP", 17, 72, payload).ports(portA, 53)),
		sample("udp4-big", over4(17).With(UDP(portA, 53), Payload(8900)), isOver4("/UDP", 17, 8942, 8900).ports(portA, 53)),
		sample("sctp4", over4(132).With(&layers.SCTP{SrcPort: portA, DstPort: 3868, VerificationTag: 9}), isOver4("/SCTP", 132, 46, 0).ports(portA, 3868)),
		sample("icmp4-echo", over4(1).With(ping, Payload(56)), isOver4("/ICMPv4", 1, 98, 56).icmp(8, 77, 3)),
		sample("icmp4-unreachable", over4(1).With(unreachable, Payload(28)), isOver4("/ICMPv4", 1, 70, 28).icmp(3, 0, 0)),
		sample("icmp6-echo", over6(58).With(ping6, &layers.ICMPv6Echo{Identifier: 77, SeqNumber: 3}, Payload(56)), isOver6("/ICMPv6", 58, 118, 56).icmp(129, 77, 3)),
		sample("icmp6-solicitation", over6(58).With(solicit, &layers.ICMPv6NeighborSolicitation{TargetAddress: ip(outer6B)}), isOver6("/ICMPv6", 58, 78, 16).icmp(135, 0, 0)),
		sample("arp", Stack{Ethernet(1, 255, layers.EthernetTypeARP), arp}, isARP),
		sample("arp-padded", Stack{Ethernet(1, 255, layers.EthernetTypeARP), arp}, padded).pad(18),
		sample("lldp", Stack{Ethernet(1, 14, layers.EthernetTypeLinkLayerDiscovery), lldp}, Level{Path: "Ethernet/LLDP", Wire: 14 + 19, PayloadWire: 19}),
		sample("unknown-ethertype", Stack{Ethernet(1, 2, 0x88b5), Payload(50)}, Level{Path: "Ethernet", Wire: 64, PayloadWire: 50}),
		sample("esp4", over4(50).With(Payload(40)), isOver4("", 50, 74, 40)),
		sample("ospf", over4(89).With(Payload(44)), isOver4("", 89, 78, 44)),
	}
}

// linkSamples are the link layers and tags.
func linkSamples() []Sample {
	tag := func(types ...layers.EthernetType) Stack {
		s := Stack{Ethernet(1, 2, types[0])}
		for i := range types {
			next := layers.EthernetTypeIPv4
			if i+1 < len(types) {
				next = types[i+1]
			}
			s = append(s, Dot1Q(uint16(5+i), next))
		}
		return append(s, tcp4(outerA, outerB)...)
	}
	tagged := func(path string, head int, ids ...uint16) Level {
		return isTCP4(path, outerA, outerB, head).vlans(ids...)
	}
	labels := func(inside Stack, ids ...uint32) Stack {
		s := Stack{Ethernet(1, 2, layers.EthernetTypeMPLSUnicast)}
		for i, id := range ids {
			s = append(s, &layers.MPLS{Label: id, StackBottom: i == len(ids)-1, TTL: 64})
		}
		return append(s, inside...)
	}
	wire := Level{Path: "Ethernet/MPLS", Wire: 86, PayloadWire: 68}.label(30).tunnel(packet.LayerMPLS, 0)
	wireTagged := Level{Path: "Ethernet/MPLS/MPLS", Wire: 86, PayloadWire: 64}.label(31).tunnel(packet.LayerMPLS, 0)
	snap := raw(0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00)
	bpdu := raw(0x42, 0x42, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	sll := raw(0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00)
	sll2 := raw(0x86, 0xdd, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0)
	ip4, ip6 := tcp4(outerA, outerB), tcp6(outer6A, outer6B)
	is4, is6 := isTCP4("", outerA, outerB, 0), isTCP6("", outer6A, outer6B, 0)
	return []Sample{
		sample("vlan", tag(0x8100), tagged("Ethernet/Dot1Q/", 18, 5)),
		sample("qinq", tag(0x88a8, 0x8100), tagged("Ethernet/Dot1Q/Dot1Q/", 22, 5, 6)),
		sample("qinq-9100", tag(0x9100, 0x8100), tagged("Ethernet/Dot1Q/Dot1Q/", 22, 5, 6)),
		sample("vlan-four", tag(0x8100, 0x8100, 0x8100, 0x8100), tagged("Ethernet/Dot1Q/Dot1Q/Dot1Q/Dot1Q/", 30, 5, 6, 7, 8)),
		sample("vlan-five", tag(0x8100, 0x8100, 0x8100, 0x8100, 0x8100),
			Level{Path: "Ethernet/Dot1Q/Dot1Q/Dot1Q/Dot1Q", VLANs: []uint16{5, 6, 7, 8}, Wire: 84, PayloadWire: 54}).ends(packet.StopTooDeep),
		sample("mpls-ip4", labels(ip4, 16, 17), isTCP4("Ethernet/MPLS/MPLS/", outerA, outerB, 22).label(17)),
		sample("mpls-ip6", labels(ip6, 16), isTCP6("Ethernet/MPLS/", outer6A, outer6B, 18).label(16)),
		sample("mpls-pseudowire-control", labels(slices.Concat(Stack{raw(0, 0, 0, 9)}, innerFrame()), 30), wire, isInnerFrame()),
		sample("mpls-pseudowire", labels(innerFrame(), 30, 31), wireTagged, isInnerFrame()),
		sample("mpls-deep", labels(ip4, 1, 2, 3, 4, 5, 6, 7, 8, 9),
			Level{Path: "Ethernet/MPLS/MPLS/MPLS/MPLS/MPLS/MPLS/MPLS/MPLS", MPLS: 8, Wire: 100, PayloadWire: 54}).ends(packet.StopTooDeep),
		sample("snap", slices.Concat(Stack{Ethernet(1, 2, 58), snap}, ip4), isTCP4("Ethernet/", outerA, outerB, 22)),
		sample("stp", Stack{Ethernet(1, 2, 38), bpdu}, Level{Path: "Ethernet", Wire: 60, PayloadWire: 38}).pad(8),
		linkSample("sll-ip4", packet.LinkLinuxSLL, slices.Concat(Stack{sll}, ip4), is4),
		linkSample("sll2-ip6", packet.LinkLinuxSLL2, slices.Concat(Stack{sll2}, ip6), is6),
		linkSample("null-ip4", packet.LinkNull, slices.Concat(Stack{raw(2, 0, 0, 0)}, ip4), is4),
		linkSample("null-ip6", packet.LinkNull, slices.Concat(Stack{raw(0, 0, 0, 30)}, ip6), is6),
		linkSample("loop-ip4", packet.LinkLoop, slices.Concat(Stack{raw(0, 0, 0, 2)}, ip4), is4),
		linkSample("raw-ip4", packet.LinkRaw, ip4, is4),
		linkSample("raw-ip6", packet.LinkRaw, ip6, is6),
		linkSample("ip4", packet.LinkIPv4, ip4, is4),
		linkSample("ip6", packet.LinkIPv6, ip6, is6),
		linkSample("unknown-link", 147, ip4).ends(packet.StopLinkType),
	}
}
