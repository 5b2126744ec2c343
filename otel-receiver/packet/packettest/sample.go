package packettest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// Sample is a frame and what decoding gives.
type Sample struct {
	// Name is unique, and made of lower-case words joined by hyphens.
	Name string
	Link packet.LinkType
	Data []byte
	// Wire is the length on the wire; it is more than len(Data) for samples that
	// are cut off.
	Wire int
	// Stop is why decoding ends, Levels what it gives.
	Stop   packet.Stop
	Levels []Level
}

// Level is what one level should be. Fields of layers that it has not are zero.
type Level struct {
	Path             string
	VLANs            []uint16
	MPLS             uint32
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	ICMPType         uint8
	ICMPID           uint16
	Seq              uint32
	ARPOp            uint16
	Proto            uint8
	Frag             *Fragment
	Tunnel           packet.Layer
	TunnelID         uint32
	Wire             int
	PayloadWire      int
}

// Fragment is what should be told of a fragment.
type Fragment struct {
	ID          uint32
	Offset, Len uint16
	More        bool
}

// Of returns what a packet says of a level, in the form of a sample.
func Of(l *packet.Level) Level {
	out := Level{
		Path: string(packet.AppendPath(nil, l)),
		Wire: int(l.Wire), PayloadWire: int(l.PayloadWire), Tunnel: l.Tunnel,
	}
	if l.NVLANs > 0 {
		out.VLANs = slices.Clone(l.VLANs[:l.NVLANs])
	}
	if l.Has(packet.LayerMPLS) {
		out.MPLS = l.MPLS
	}
	switch l.AddrLen() {
	case 4:
		out.Src, out.Dst = netip.AddrFrom4([4]byte(l.Src[:4])), netip.AddrFrom4([4]byte(l.Dst[:4]))
	case 16:
		out.Src, out.Dst = netip.AddrFrom16(l.Src), netip.AddrFrom16(l.Dst)
	}
	switch l.Net {
	case packet.LayerARP:
		out.ARPOp = l.ARPOp
	case packet.LayerIPv4, packet.LayerIPv6:
		out.Proto = l.Proto
	}
	switch l.Transport {
	case packet.LayerTCP:
		out.Seq = l.Seq
		fallthrough
	case packet.LayerUDP, packet.LayerSCTP:
		out.SrcPort, out.DstPort = l.SrcPort, l.DstPort
	case packet.LayerICMPv4, packet.LayerICMPv6:
		out.ICMPType, out.ICMPID, out.Seq = l.ICMPType, l.ICMPID, l.Seq
	}
	if l.Fragment {
		out.Frag = &Fragment{l.FragID, l.FragOffset, l.FragLen, l.FragMore}
	}
	if l.Tunnel != packet.LayerNone {
		out.TunnelID = l.TunnelID
	}
	return out
}

// Mismatch says how a packet differs from what the sample should give, "" when
// it does not.
func (s *Sample) Mismatch(p *packet.Packet) string {
	var out []string
	if p.Stop != s.Stop {
		out = append(out, fmt.Sprintf("stop %v, want %v", p.Stop, s.Stop))
	}
	if p.N != len(s.Levels) {
		out = append(out, fmt.Sprintf("%d levels, want %d", p.N, len(s.Levels)))
	}
	for i := range min(p.N, len(s.Levels)) {
		got, want := text(Of(&p.Levels[i])), text(s.Levels[i])
		if got != want {
			out = append(out, fmt.Sprintf("level %d:\n got %s\nwant %s", i, got, want))
		}
	}
	return strings.Join(out, "\n")
}

// text writes a level; equal levels have equal texts.
func text(l Level) string {
	frag := ""
	if l.Frag != nil {
		frag = fmt.Sprintf(" frag%+v", *l.Frag)
	}
	l.Frag = nil
	return fmt.Sprintf("%+v%s", l, frag)
}

// Differ says how two packets differ in what is valid, "" when they do not.
func Differ(a, b *packet.Packet) string {
	if a.N != b.N || a.Stop != b.Stop {
		return fmt.Sprintf("%d levels, stop %v; and %d, %v", a.N, a.Stop, b.N, b.Stop)
	}
	for i := range a.N {
		if s := DifferLevel(&a.Levels[i], &b.Levels[i]); s != "" {
			return fmt.Sprintf("level %d: %s", i, s)
		}
	}
	return ""
}

// DifferLevel says how two levels differ in what is valid, "" when they do not.
func DifferLevel(a, b *packet.Level) string {
	x, y := full(a), full(b)
	if x != y {
		return x + "\n and " + y
	}
	return ""
}

// full writes all that is valid in a level.
func full(l *packet.Level) string {
	s := text(Of(l)) + fmt.Sprintf(" layers %v net %v transport %v payload %d end %d", l.Layers[:l.N], l.Net, l.Transport, l.Payload, l.End)
	if l.HasLink {
		s += fmt.Sprintf(" %x>%x", l.SrcMAC, l.DstMAC)
	}
	if l.HasLink || l.Net != packet.LayerNone {
		s += fmt.Sprintf(" type %x", l.EtherType)
	}
	if l.Net == packet.LayerIPv4 || l.Net == packet.LayerIPv6 {
		s += fmt.Sprintf(" ttl %d tos %d", l.TTL, l.TOS)
	}
	switch l.Transport {
	case packet.LayerTCP:
		s += fmt.Sprintf(" ack %d window %d flags %x", l.Ack, l.Window, l.Flags)
	case packet.LayerICMPv4, packet.LayerICMPv6:
		s += fmt.Sprintf(" code %d", l.ICMPCode)
	}
	return s
}
