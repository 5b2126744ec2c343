package packet_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// The decoder is compared with gopacket: both give a list of layers with their
// values, through all tunnels. One list must be the beginning of the other; that
// it ends before is allowed where difference knows why.

// oraclePorts are the ports that gopacket knows.
func oraclePorts() packet.Config {
	return packet.Config{VXLAN: []uint16{4789}, Geneve: []uint16{6081}, GTPU: []uint16{2152}}
}

func TestDifferential(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	d := packet.NewWith(oraclePorts())
	seen := map[string]int{}
	for _, s := range packettest.Samples() {
		if s.Link != packet.LinkEthernet {
			continue
		}
		seen[compare(t, d, s.Data)]++
		for range 300 {
			seen[compare(t, d, mutate(r, s.Data))]++
		}
	}
	t.Logf("%v", seen)
}

func FuzzDifferential(f *testing.F) {
	for _, s := range packettest.Samples() {
		if s.Link == packet.LinkEthernet {
			f.Add(s.Data)
		}
	}
	d := packet.NewWith(oraclePorts())
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, d, data) })
}

// compare returns how the two end: "same" or the difference.
func compare(t *testing.T, d *packet.Decoder, data []byte) string {
	t.Helper()
	var p packet.Packet
	d.Decode(&p, packet.LinkEthernet, data, len(data))
	ours := ourLayers(&p)
	theirs, failed, next := oracle(data)
	n := 0
	for n < len(ours) && n < len(theirs) && same(ours[n], theirs[n]) {
		n++
	}
	last := layer{}
	if n > 0 {
		last = ours[n-1]
	}
	why := ""
	switch {
	case n == len(ours) && n == len(theirs):
		return "same"
	case last.kind == "Geneve" && n < len(ours):
		why = "the header's length of Geneve options decides, not theirs"
	case n < len(ours) && n < len(theirs):
	case n < len(theirs):
		why = weStop(&p, theirs[n])
	default:
		why = theyStop(last, ours[n], failed, next)
	}
	if why == "" {
		t.Fatalf("% x: stop %v, they failed %v, next %v\nours   %v\ntheirs %v", data, p.Stop, failed, next, ours, theirs)
	}
	return why
}

// weStop says why gopacket may go on where we do not, "" when it may not.
func weStop(p *packet.Packet, next layer) string {
	last := p.Inner()
	switch {
	case p.Stop == packet.StopTooDeep:
		return "we bound tags, labels, extension headers and levels"
	case p.Stop == packet.StopMalformed && (next.kind == "IPv4" || next.kind == "IPv6"):
		return "we check the version of IP"
	case p.Stop == packet.StopMalformed && (next.kind == "VXLAN" || next.kind == "Geneve" || next.kind == "GTPU" || next.kind == "GRE" || next.kind == "ERSPAN"):
		return "we check flags and version of tunnels"
	case p.Stop == packet.StopMalformed && next.kind == "ICMPv6":
		return "we want 8 bytes of ICMPv6"
	case next.kind == "ARP" && (p.Stop != packet.StopDone || next.value == otherARP):
		return "we want ARP of IPv4 on Ethernet"
	case last == nil:
		return ""
	case last.Net == packet.LayerNone && last.HasLink && last.EtherType == 4:
		return "we look at the organization of SNAP"
	case last.Net == packet.LayerNone && (last.EtherType == 0xffff || last.EtherType == 0x6558 || last.EtherType == 0x88be):
		return "a reserved type, and those of GRE, say nothing in Ethernet"
	case last.Net == packet.LayerIPv4 && next.kind == "Fragment":
		return "IPv4 has no extension headers, also after authentication"
	case last.Net == packet.LayerIPv6 && next.kind == "ICMPv4", last.Net == packet.LayerIPv4 && next.kind == "ICMPv6":
		return "ICMP belongs to its IP version"
	case last.Transport == packet.LayerUDP:
		return "their source port decides, or one of another protocol"
	case last.Tunnel == packet.LayerGRE || last.Tunnel == packet.LayerGeneve:
		return "we know less that GRE and Geneve carry"
	case last.Tunnel == packet.LayerGTPU || p.N > 1 && p.Levels[p.N-2].Tunnel == packet.LayerGTPU:
		return "we look at the message type, and the length, of GTP-U"
	}
	return ""
}

// theyStop says why we may go on where gopacket does not, "" when we may not.
func theyStop(last, ours layer, failed bool, next gopacket.LayerType) string {
	switch {
	case failed:
		return "they fail"
	case last.kind == "Fragment":
		return "we go on in the first fragment"
	case last.kind == "IPv6" && next == gopacket.LayerTypeFragment:
		return "a whole datagram is no fragment"
	case ours.kind == "Dot1Q":
		return "we know 0x9100"
	case ours.kind == "LLDP":
		return "we take LLDP by its EtherType"
	case last.kind == "GRE":
		return "we know ERSPAN III and WCCP"
	}
	return ""
}

// layer is one layer with its values as text.
type layer struct{ kind, value string }

// same reports whether two layers are: of labels that are not known to be at the
// bottom of the stack, and of GRE with ERSPAN in it, only that they are there.
func same(a, b layer) bool {
	if a.kind == "MPLS" && (a.value == "more" || b.value == "more") || a.kind == "GRE" && (a.value == "" || b.value == "") {
		return a.kind == b.kind
	}
	return a == b
}

// otherARP is the value of ARP that is not that of IPv4 on Ethernet.
const otherARP = "other"

func addrs(src, dst []byte) string {
	a, _ := netip.AddrFromSlice(src)
	b, _ := netip.AddrFromSlice(dst)
	return fmt.Sprintf("%v>%v", a, b)
}

// ourLayers lists the layers of all levels.
func ourLayers(p *packet.Packet) []layer {
	var out []layer
	add := func(kind, format string, args ...any) { out = append(out, layer{kind, fmt.Sprintf(format, args...)}) }
	for i := range p.N {
		l := &p.Levels[i]
		vlan := 0
		for j, kind := range l.Layers[:l.N] {
			switch kind {
			case packet.LayerEthernet:
				add("Ethernet", "%x>%x", l.SrcMAC, l.DstMAC)
			case packet.LayerDot1Q:
				add("Dot1Q", "%d", l.VLANs[vlan])
				vlan++
			case packet.LayerMPLS:
				// Only the label at the bottom is kept, and only when decoding
				// came that far it is known to be there.
				value := "more"
				last := i+1 == p.N && j+1 == int(l.N)
				if (j+1 == int(l.N) || l.Layers[j+1] != packet.LayerMPLS) && (!last || p.Stop == packet.StopDone) {
					value = fmt.Sprint(l.MPLS)
				}
				add("MPLS", "%s", value)
			case packet.LayerARP:
				add("ARP", "%s %d", addrs(l.Src[:4], l.Dst[:4]), l.ARPOp)
			case packet.LayerIPv4:
				add("IPv4", "%s %d %d", addrs(l.Src[:4], l.Dst[:4]), l.TTL, l.TOS)
			case packet.LayerIPv6:
				add("IPv6", "%s %d %d", addrs(l.Src[:], l.Dst[:]), l.TTL, l.TOS)
			case packet.LayerFragment:
				add("Fragment", "%d %d %v", l.FragID, l.FragOffset, l.FragMore)
			case packet.LayerTCP:
				add("TCP", "%d>%d %d %d %d %#x", l.SrcPort, l.DstPort, l.Seq, l.Ack, l.Window, l.Flags)
			case packet.LayerUDP:
				add("UDP", "%d>%d", l.SrcPort, l.DstPort)
			case packet.LayerSCTP:
				add("SCTP", "%d>%d", l.SrcPort, l.DstPort)
			case packet.LayerICMPv4:
				add("ICMPv4", "%d %d %d %d", l.ICMPType, l.ICMPCode, l.ICMPID, l.Seq)
			case packet.LayerICMPv6:
				add("ICMPv6", "%d %d", l.ICMPType, l.ICMPCode)
			case packet.LayerGRE:
				// The key of ERSPAN gives way to the session.
				if l.Tunnel == packet.LayerGRE {
					add("GRE", "%d", l.TunnelID)
				} else {
					add("GRE", "")
				}
			case packet.LayerERSPAN:
				if l.TunnelID != 0 {
					add("ERSPAN", "%d", l.TunnelID)
				}
			case packet.LayerVXLAN, packet.LayerGeneve, packet.LayerGTPU:
				add(kind.String(), "%d", l.TunnelID)
			case packet.LayerLLDP:
				add("LLDP", "")
			}
		}
	}
	return out
}

// oracle lists the layers that gopacket finds, until one that we have not;
// failed reports whether it ended with an error, next the layer it ended at.
func oracle(data []byte) (out []layer, failed bool, next gopacket.LayerType) {
	add := func(kind, format string, args ...any) { out = append(out, layer{kind, fmt.Sprintf(format, args...)}) }
	all := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.NoCopy)
	failed = all.ErrorLayer() != nil
	list := all.Layers()
	if failed {
		// The layer that could not be decoded may be there, without its values.
		list = list[:max(0, len(list)-2)]
	}
	for _, l := range list {
		next = l.LayerType()
		switch l := l.(type) {
		case *layers.Ethernet:
			add("Ethernet", "%x>%x", []byte(l.SrcMAC), []byte(l.DstMAC))
		case *layers.Dot1Q:
			add("Dot1Q", "%d", l.VLANIdentifier)
		case *layers.MPLS:
			value := "more"
			if l.StackBottom {
				value = fmt.Sprint(l.Label)
			}
			add("MPLS", "%s", value)
		case *layers.ARP:
			if l.Protocol != layers.EthernetTypeIPv4 || l.AddrType != 1 || l.HwAddressSize != 6 || l.ProtAddressSize != 4 {
				add("ARP", otherARP)
				continue
			}
			add("ARP", "%s %d", addrs(l.SourceProtAddress, l.DstProtAddress), l.Operation)
		case *layers.IPv4:
			add("IPv4", "%s %d %d", addrs(l.SrcIP, l.DstIP), l.TTL, l.TOS)
			if l.FragOffset != 0 || l.Flags&layers.IPv4MoreFragments != 0 {
				add("Fragment", "%d %d %v", l.Id, l.FragOffset*8, l.Flags&layers.IPv4MoreFragments != 0)
			}
		case *layers.IPv6:
			add("IPv6", "%s %d %d", addrs(l.SrcIP, l.DstIP), l.HopLimit, l.TrafficClass)
		case *layers.IPv6Fragment:
			if l.FragmentOffset != 0 || l.MoreFragments {
				add("Fragment", "%d %d %v", l.Identification, l.FragmentOffset*8, l.MoreFragments)
			}
		case *layers.TCP:
			add("TCP", "%d>%d %d %d %d %#x", uint16(l.SrcPort), uint16(l.DstPort), l.Seq, l.Ack, l.Window, l.Contents[13])
		case *layers.UDP:
			add("UDP", "%d>%d", uint16(l.SrcPort), uint16(l.DstPort))
		case *layers.SCTP:
			add("SCTP", "%d>%d", uint16(l.SrcPort), uint16(l.DstPort))
		case *layers.ICMPv4:
			id, seq := l.Id, l.Seq
			if kind := l.TypeCode.Type(); kind != 0 && kind != 8 {
				id, seq = 0, 0
			}
			add("ICMPv4", "%d %d %d %d", l.TypeCode.Type(), l.TypeCode.Code(), id, seq)
		case *layers.ICMPv6:
			add("ICMPv6", "%d %d", l.TypeCode.Type(), l.TypeCode.Code())
		case *layers.GRE:
			id := l.Key
			if l.Version == 1 {
				id &= 0xffff
			}
			add("GRE", "%d", id)
			if l.Protocol == layers.EthernetTypeERSPAN || l.Protocol == 0x22eb {
				out[len(out)-1].value = ""
			}
		case *layers.ERSPANII:
			if l.SessionID != 0 {
				add("ERSPAN", "%d", l.SessionID)
			}
		case *layers.VXLAN:
			add("VXLAN", "%d", l.VNI)
		case *layers.Geneve:
			add("Geneve", "%d", l.VNI)
		case *layers.GTPv1U:
			add("GTPU", "%d", l.TEID)
		case *layers.LinkLayerDiscovery:
			add("LLDP", "")
			return out, failed, next
		case *layers.LLC, *layers.SNAP, *layers.IPv6HopByHop, *layers.IPv6Routing, *layers.IPv6Destination, *layers.IPSecAH:
		default:
			return out, failed, next
		}
	}
	return out, failed, next
}
