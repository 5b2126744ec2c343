package packettest

import (
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/otel-receiver/packet"
)

func innerIP() Stack  { return tcp4(innerA, innerB) }
func innerIP6() Stack { return tcp6(inner6A, inner6B) }

// udpTunnelSamples are the tunnels in UDP.
func udpTunnelSamples() []Sample {
	// in is a tunnel to a port, with head bytes before what is inside.
	in := func(port uint16, header gopacket.SerializableLayer, inside Stack) Stack {
		return slices.Concat(over4(17), Stack{UDP(50000, port), header}, inside)
	}
	is := func(path string, port uint16, head, inside int, kind packet.Layer, id uint32) Level {
		return isOver4("/UDP"+path, 17, 42+head+inside, inside).ports(50000, port).tunnel(kind, id)
	}
	vxlan := &layers.VXLAN{ValidIDFlag: true, VNI: 10}
	geneve := &layers.Geneve{Protocol: 0x6558, VNI: 11, Options: []*layers.GeneveOption{{Class: 0x0102, Type: 0x80, Length: 1, Data: []byte{0, 0, 0, 1}}}}
	// The tunnel in a tunnel: VXLAN in Geneve.
	nested := slices.Concat(Stack{Ethernet(3, 4, layers.EthernetTypeIPv4), IPv4("10.1.0.1", "10.1.0.2", 17), UDP(50001, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 12}}, innerFrame())
	isNested := Level{Path: "Ethernet/IPv4/UDP/VXLAN", Src: addr("10.1.0.1"), Dst: addr("10.1.0.2"), SrcPort: 50001, DstPort: 4789, Proto: 17, Tunnel: packet.LayerVXLAN, TunnelID: 12, Wire: 114, PayloadWire: 64}
	label := &layers.MPLS{Label: 21, StackBottom: true, TTL: 64}
	gpe := func(next byte) gopacket.Payload { return raw(0x0c, 0, 0, next, 0, 0, 13, 0) }
	tunnelled := []Sample{
		sample("vxlan", in(4789, vxlan, innerFrame()), is("/VXLAN", 4789, 8, 64, packet.LayerVXLAN, 10), isInnerFrame()),
		sample("vxlan-8472", in(8472, vxlan, innerFrame()), is("/VXLAN", 8472, 8, 64, packet.LayerVXLAN, 10), isInnerFrame()),
		sample("vxlan-ip6", slices.Concat(over6(17), Stack{UDP(50000, 4789), vxlan}, innerFrame()),
			isOver6("/UDP/VXLAN", 17, 134, 64).ports(50000, 4789).tunnel(packet.LayerVXLAN, 10), isInnerFrame()),
		sample("vxlan-no-vni", in(4789, raw(0, 0, 0, 0, 0, 0, 0, 0), innerFrame()), is("", 4789, 0, 72, packet.LayerNone, 0)).ends(packet.StopMalformed),
		sample("vxlan-gpe-ip4", in(4790, gpe(1), innerIP()), is("/VXLAN", 4790, 8, 50, packet.LayerVXLAN, 13), isInnerIP()),
		sample("vxlan-gpe-ip6", in(4790, gpe(2), innerIP6()), is("/VXLAN", 4790, 8, 70, packet.LayerVXLAN, 13), isInnerIP6()),
		sample("vxlan-gpe-ethernet", in(4790, gpe(3), innerFrame()), is("/VXLAN", 4790, 8, 64, packet.LayerVXLAN, 13), isInnerFrame()),
		sample("vxlan-reply-port", slices.Concat(over4(17), Stack{UDP(4789, 50000), vxlan}, innerFrame()), isOver4("/UDP", 17, 114, 72).ports(4789, 50000)),
		sample("geneve", in(6081, raw(0, 0, 0x65, 0x58, 0, 0, 11, 0), innerFrame()), is("/Geneve", 6081, 8, 64, packet.LayerGeneve, 11), isInnerFrame()),
		sample("geneve-options", in(6081, geneve, innerFrame()), is("/Geneve", 6081, 16, 64, packet.LayerGeneve, 11), isInnerFrame()),
		sample("geneve-ip6", in(6081, raw(0, 0, 0x86, 0xdd, 0, 0, 11, 0), innerIP6()), is("/Geneve", 6081, 8, 70, packet.LayerGeneve, 11), isInnerIP6()),
		sample("geneve-vxlan", in(6081, geneve, nested), is("/Geneve", 6081, 16, 114, packet.LayerGeneve, 11), isNested, isInnerFrame()),
		sample("mpls-udp", in(6635, label, innerIP()), is("/MPLS", 6635, 4, 50, packet.LayerMPLS, 0).label(21), isInnerIP()),
		sample("mpls-udp-51234", in(51234, label, innerIP6()), is("/MPLS", 51234, 4, 70, packet.LayerMPLS, 0).label(21), isInnerIP6()),
		sample("gtpu", in(2152, raw(0x30, 255, 0, 50, 0, 0, 0, 42), innerIP()), is("/GTPU", 2152, 8, 50, packet.LayerGTPU, 42), isInnerIP()),
		sample("gtpu-extension", in(2152, raw(0x34, 255, 0, 58, 0, 0, 0, 42, 0, 0, 0, 0x85, 1, 0, 9, 0), innerIP()), is("/GTPU", 2152, 16, 50, packet.LayerGTPU, 42), isInnerIP()),
		sample("gtpu-echo", in(2152, raw(0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0), nil), is("/GTPU", 2152, 12, 0, packet.LayerGTPU, 0)),
	}
	return append(tunnelled, deepSample())
}

// deepSample has more tunnels in one another than are decoded.
func deepSample() Sample {
	stack, levels := Stack{}, []Level{}
	wire := 64 + 7*50
	for range packet.MaxLevels {
		stack = append(stack, slices.Concat(over4(17), Stack{UDP(50000, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 10}})...)
		levels = append(levels, isOver4("/UDP/VXLAN", 17, wire, wire-50).ports(50000, 4789).tunnel(packet.LayerVXLAN, 10))
		wire -= 50
	}
	stack = slices.Concat(stack, over4(17), Stack{UDP(50000, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 10}}, innerFrame())
	return sample("vxlan-deep", stack, levels...).ends(packet.StopTooDeep)
}

// greSamples are GRE with its options, and what it carries.
func greSamples() []Sample {
	in := func(header gopacket.SerializableLayer, inside ...Stack) Stack {
		return slices.Concat(over4(47), Stack{header}, slices.Concat(inside...))
	}
	is := func(path string, head, inside int, key uint32) Level {
		return isOver4("/GRE"+path, 47, 34+head+inside, inside).tunnel(packet.LayerGRE, key)
	}
	span := func(head, inside int, session uint32) Level {
		return isOver4("/GRE", 47, 34+head+inside, inside).tunnel(packet.LayerERSPAN, session)
	}
	all := &layers.GRE{Protocol: layers.EthernetTypeIPv4, ChecksumPresent: true, KeyPresent: true, SeqPresent: true, Key: 7, Seq: 1}
	keyed := &layers.GRE{Protocol: 0x6558, KeyPresent: true, Key: 7}
	span2 := &layers.GRE{Protocol: layers.EthernetTypeERSPAN, SeqPresent: true, Seq: 1}
	span3 := &layers.GRE{Protocol: 0x22eb, SeqPresent: true, Seq: 1}
	label := &layers.MPLS{Label: 22, StackBottom: true, TTL: 64}
	return []Sample{
		sample("gre", in(&layers.GRE{Protocol: layers.EthernetTypeIPv4}, innerIP()), is("", 4, 50, 0), isInnerIP()),
		sample("gre-all", in(all, innerIP()), is("", 16, 50, 7), isInnerIP()),
		sample("gre-ip6", in(&layers.GRE{Protocol: layers.EthernetTypeIPv6}, innerIP6()), is("", 4, 70, 0), isInnerIP6()),
		sample("gre-over-ip6", slices.Concat(over6(47), Stack{&layers.GRE{Protocol: layers.EthernetTypeIPv4}}, innerIP()),
			isOver6("/GRE", 47, 108, 50).tunnel(packet.LayerGRE, 0), isInnerIP()),
		sample("gre-bridged", in(keyed, innerFrame()), is("", 8, 64, 7), isInnerFrame()),
		sample("gre-keepalive", in(&layers.GRE{Protocol: layers.EthernetTypeIPv4}, Stack{IPv4(outerB, outerA, 47), raw(0, 0, 0, 0)}), is("", 4, 24, 0),
			Level{Path: "IPv4/GRE", Src: addr(outerB), Dst: addr(outerA), Proto: 47, Tunnel: packet.LayerGRE, Wire: 24}),
		sample("gre-mpls", in(&layers.GRE{Protocol: layers.EthernetTypeMPLSUnicast}, Stack{label}, innerIP()), is("/MPLS", 8, 50, 0).label(22), isInnerIP()),
		sample("gre-mpls-pseudowire", in(&layers.GRE{Protocol: layers.EthernetTypeMPLSUnicast}, Stack{label, raw(0, 0, 0, 1)}, innerFrame()), is("/MPLS", 8, 68, 0).label(22), isInnerFrame()),
		sample("gre-pptp", in(raw(0x30, 0x81, 0x88, 0x0b, 0, 4, 0, 99, 0, 0, 0, 1, 0, 0, 0, 1), Stack{Payload(4)}), is("", 16, 4, 99)),
		sample("gre-wccp", in(&layers.GRE{Protocol: 0x883e}, Stack{raw(0, 0, 0, 0)}, innerIP()), is("", 4, 54, 0), isInnerIP()),
		sample("gre-nhrp", in(&layers.GRE{Protocol: 0x2001}, Stack{Payload(20)}), is("", 4, 20, 0)),
		sample("erspan1", in(&layers.GRE{Protocol: layers.EthernetTypeERSPAN}, innerFrame()), span(4, 64, 0), isInnerFrame()),
		sample("erspan2", in(span2, Stack{&layers.ERSPANII{Version: 1, SessionID: 100, VLANIdentifier: 23}}, innerFrame()), span(16, 64, 100), isInnerFrame()),
		sample("erspan3", in(span3, Stack{raw(0x20, 23, 0, 100, 0, 0, 0, 1, 0, 0, 0, 0)}, innerFrame()), span(20, 64, 100), isInnerFrame()),
		sample("erspan3-subheader", in(span3, Stack{raw(0x20, 23, 0, 100, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)}, innerFrame()), span(28, 64, 100), isInnerFrame()),
		sample("erspan3-ip", in(span3, Stack{raw(0x20, 23, 0, 100, 0, 0, 0, 1, 0, 0, 0x08, 0)}, innerIP()), span(20, 50, 100), isInnerIP()),
	}
}

// ipTunnelSamples are IP and MPLS in IP.
func ipTunnelSamples() []Sample {
	label := &layers.MPLS{Label: 23, StackBottom: true, TTL: 64}
	return []Sample{
		sample("ipip", slices.Concat(over4(4), innerIP()), isOver4("", 4, 84, 50).tunnel(packet.LayerIPIP, 0), isInnerIP()),
		sample("sit", slices.Concat(over4(41), innerIP6()), isOver4("", 41, 104, 70).tunnel(packet.LayerIPIP, 0), isInnerIP6()),
		sample("4in6", slices.Concat(over6(4), innerIP()), isOver6("", 4, 104, 50).tunnel(packet.LayerIPIP, 0), isInnerIP()),
		sample("6in6", slices.Concat(over6(41), innerIP6()), isOver6("", 41, 124, 70).tunnel(packet.LayerIPIP, 0), isInnerIP6()),
		sample("mpls-in-ip", slices.Concat(over4(137), Stack{label}, innerIP()), isOver4("/MPLS", 137, 88, 50).tunnel(packet.LayerMPLS, 0).label(23), isInnerIP()),
	}
}
