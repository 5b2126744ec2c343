package packettest

import (
	"slices"

	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// brokenSamples are cut off, or contradict themselves.
func brokenSamples() []Sample {
	tcp := func(change func(ip, tcp []byte)) Sample {
		s := sample("", slices.Concat(Stack{Ethernet(1, 2, layers.EthernetTypeIPv4)}, tcp4(outerA, outerB)))
		if len(s.Data) == 64 {
			change(s.Data[14:], s.Data[34:])
		}
		return s
	}
	named := func(s Sample, name string, stop packet.Stop, levels ...Level) Sample {
		s.Name, s.Stop, s.Levels = name, stop, levels
		return s
	}
	bare := Level{Path: "Ethernet", Wire: 64, PayloadWire: 50}
	whole := isTCP4("Ethernet/", outerA, outerB, 14)
	onlyIP := isOver4("", 6, 64, 30)
	nothing := func(_, _ []byte) {}
	vxlan := slices.Concat(over4(17), Stack{UDP(50000, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 10}}, innerFrame())
	isVXLAN := isOver4("/UDP/VXLAN", 17, 114, 64).ports(50000, 4789).tunnel(packet.LayerVXLAN, 10)
	return []Sample{
		named(tcp(nothing).cut(13), "cut-ethernet", packet.StopTruncated),
		named(tcp(nothing).cut(33), "cut-ip4", packet.StopTruncated, bare),
		named(tcp(nothing).cut(53), "cut-tcp", packet.StopTruncated, onlyIP),
		named(tcp(nothing).cut(54), "cut-payload", packet.StopDone, whole),
		named(tcp(func(_, tcp []byte) { tcp[12] = 0x70 }).cut(54), "cut-tcp-options", packet.StopTruncated, Level{Path: whole.Path, Src: whole.Src, Dst: whole.Dst,
			SrcPort: portA, DstPort: portB, Seq: 1000, Proto: 6, Wire: 64, PayloadWire: 2}),
		sample("cut-vxlan-inside", vxlan, isVXLAN, Level{Path: "Ethernet", Wire: 64, PayloadWire: 50}).cut(50 + 20),
		sample("cut-vxlan-header", vxlan, isOver4("/UDP", 17, 114, 72).ports(50000, 4789)).cut(45),
		named(tcp(func(ip, _ []byte) { ip[0] = 0x65 }), "ip4-version", packet.StopMalformed, bare),
		named(tcp(func(ip, _ []byte) { ip[0] = 0x44 }), "ip4-header-length", packet.StopMalformed, bare),
		named(tcp(func(ip, _ []byte) { ip[3] = 19 }), "ip4-length", packet.StopMalformed, bare),
		named(tcp(func(ip, _ []byte) { ip[2], ip[3] = 0, 0 }), "ip4-length-zero", packet.StopDone, whole),
		named(tcp(func(ip, _ []byte) { ip[2], ip[3] = 9, 0 }), "ip4-length-beyond", packet.StopDone, whole),
		named(tcp(func(_, tcp []byte) { tcp[12] = 0x40 }), "tcp-offset-small", packet.StopMalformed, onlyIP),
		named(tcp(func(_, tcp []byte) { tcp[12] = 0xf0 }), "tcp-offset-beyond", packet.StopMalformed, onlyIP),
	}
}
