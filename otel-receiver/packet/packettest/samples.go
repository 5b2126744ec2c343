package packettest

import (
	"net/netip"
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// The addresses of the samples: of the packet itself, and of what a tunnel
// carries. Ports are 40000 to 443, the payload has 10 bytes.
const (
	outerA, outerB   = "10.0.0.1", "10.0.0.2"
	innerA, innerB   = "192.168.1.1", "192.168.1.2"
	outer6A, outer6B = "fd00:a::1", "fd00:a::2"
	inner6A, inner6B = "fd00:b::1", "fd00:b::2"
	portA, portB     = 40000, 443
	payload          = 10
)

// Samples returns the frames, each of its own memory, always in the same order.
func Samples() []Sample {
	return slices.Concat(plainSamples(), linkSamples(), ipSamples(), fragmentSamples(), udpTunnelSamples(), greSamples(), ipTunnelSamples(), brokenSamples())
}

// Named returns the sample with a name.
func Named(name string) (Sample, bool) {
	all := Samples()
	i := slices.IndexFunc(all, func(s Sample) bool { return s.Name == name })
	if i < 0 {
		return Sample{}, false
	}
	return all[i], true
}

// sample makes a sample of an Ethernet frame. A stack that cannot be serialized
// gives a sample without data, which the test of this package finds.
func sample(name string, stack Stack, levels ...Level) Sample {
	return linkSample(name, packet.LinkEthernet, stack, levels...)
}

func linkSample(name string, link packet.LinkType, stack Stack, levels ...Level) Sample {
	data, err := Frame(stack...)
	if err != nil {
		data = nil
	}
	return Sample{Name: name, Link: link, Data: data, Wire: len(data), Levels: levels}
}

// ends sets why decoding ends.
func (s Sample) ends(stop packet.Stop) Sample {
	s.Stop = stop
	return s
}

// pad adds n bytes to the frame, as short frames on Ethernet have.
func (s Sample) pad(n int) Sample {
	s.Data = append(s.Data, make([]byte, n)...)
	s.Wire = len(s.Data)
	return s
}

// cut leaves n bytes of a sample.
func (s Sample) cut(n int) Sample {
	s.Data = s.Data[:min(n, len(s.Data))]
	s.Stop = packet.StopTruncated
	return s
}

// raw are the bytes of a header that gopacket cannot write.
func raw(b ...byte) gopacket.Payload { return b }

func addr(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

// tcp4 and tcp6 are what most samples end with.
func tcp4(a, b string) Stack {
	return Stack{IPv4(a, b, layers.IPProtocolTCP), TCP(portA, portB), Payload(payload)}
}

func tcp6(a, b string) Stack {
	return Stack{IPv6(a, b, layers.IPProtocolTCP), TCP(portA, portB), Payload(payload)}
}

// isTCP4 is the level of tcp4 behind a path and head bytes of link header.
func isTCP4(path, a, b string, head int) Level {
	return Level{Path: path + "IPv4/TCP", Src: addr(a), Dst: addr(b), SrcPort: portA, DstPort: portB, Seq: 1000, Proto: 6, Wire: head + 50, PayloadWire: payload}
}

func isTCP6(path, a, b string, head int) Level {
	return Level{Path: path + "IPv6/TCP", Src: addr(a), Dst: addr(b), SrcPort: portA, DstPort: portB, Seq: 1000, Proto: 6, Wire: head + 70, PayloadWire: payload}
}

// innerFrame and innerIP are what tunnels of the samples carry.
func innerFrame() Stack {
	return append(Stack{Ethernet(11, 12, layers.EthernetTypeIPv4)}, tcp4(innerA, innerB)...)
}

func isInnerFrame() Level { return isTCP4("Ethernet/", innerA, innerB, 14) }
func isInnerIP() Level    { return isTCP4("", innerA, innerB, 0) }
func isInnerIP6() Level   { return isTCP6("", inner6A, inner6B, 0) }

// over4 is Ethernet and IPv4 before a protocol.
func over4(proto layers.IPProtocol) Stack {
	return Stack{Ethernet(1, 2, layers.EthernetTypeIPv4), IPv4(outerA, outerB, proto)}
}

func over6(proto layers.IPProtocol) Stack {
	return Stack{Ethernet(1, 2, layers.EthernetTypeIPv6), IPv6(outer6A, outer6B, proto)}
}

// isOver4 is a level of over4 and a path behind it.
func isOver4(path string, proto uint8, wire, payload int) Level {
	return Level{Path: "Ethernet/IPv4" + path, Src: addr(outerA), Dst: addr(outerB), Proto: proto, Wire: wire, PayloadWire: payload}
}

func isOver6(path string, proto uint8, wire, payload int) Level {
	return Level{Path: "Ethernet/IPv6" + path, Src: addr(outer6A), Dst: addr(outer6B), Proto: proto, Wire: wire, PayloadWire: payload}
}

func (l Level) ports(src, dst uint16) Level {
	l.SrcPort, l.DstPort = src, dst
	return l
}

func (l Level) tunnel(kind packet.Layer, id uint32) Level {
	l.Tunnel, l.TunnelID = kind, id
	return l
}

func (l Level) label(label uint32) Level {
	l.MPLS = label
	return l
}

func (l Level) vlans(ids ...uint16) Level {
	l.VLANs = ids
	return l
}

func (l Level) frag(f Fragment) Level {
	l.Frag = &f
	return l
}

func (l Level) icmp(kind uint8, id uint16, seq uint32) Level {
	l.ICMPType, l.ICMPID, l.Seq = kind, id, seq
	return l
}
