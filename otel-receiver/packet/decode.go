package packet

import "encoding/binary"

// maxFrame bounds what is looked at of a frame, so that offsets fit.
const maxFrame = 1 << 30

// openEnd is the end of what is inside a tunnel's datagram of which only the
// first fragment is there: headers inside say where it is.
const openEnd = 1 << 30

// Decode decodes a frame into p. data is what was captured of it, wire its
// length on the wire; a wire shorter than data is taken as that of data. It
// never fails, and allocates nothing: Stop says why it ended. p holds no
// reference to data.
//
// What was captured decides how far decoding goes, never what the values are:
// for the same frame cut shorter, the layers still there are the same.
func (d *Decoder) Decode(p *Packet, link LinkType, data []byte, wire int) {
	wire = max(wire, len(data))
	if wire >= maxFrame {
		wire, data = maxFrame-1, data[:min(len(data), maxFrame-1)]
	}
	p.N, p.Stop, p.wire = 0, StopDone, wire
	if link == LinkEthernet {
		d.ethernet(p, data, 0, wire)
		return
	}
	d.other(p, link, data, wire)
}

// other decodes what does not begin with an Ethernet header.
func (d *Decoder) other(p *Packet, link LinkType, data []byte, wire int) {
	switch link {
	case LinkRaw, LinkIPv4, LinkIPv6:
		d.rawIP(p, link, data, 0, wire)
	case LinkNull, LinkLoop:
		d.loopback(p, link, data, wire)
	case LinkLinuxSLL:
		if len(data) < 16 {
			short(p, 16, 0, wire)
			return
		}
		d.cooked(p, binary.BigEndian.Uint16(data[2:]), binary.BigEndian.Uint16(data[14:]), data, 16, wire)
	case LinkLinuxSLL2:
		if len(data) < 20 {
			short(p, 20, 0, wire)
			return
		}
		d.cooked(p, binary.BigEndian.Uint16(data[8:]), binary.BigEndian.Uint16(data), data, 20, wire)
	default:
		p.Stop = StopLinkType
	}
}

// Values of the link header of Linux cooked captures.
const (
	hardwareNetlink = 824 // ARPHRD_NETLINK: the protocol is a netlink family
	cooked8023      = 1   // ETH_P_802_3
	cookedLLC       = 4   // ETH_P_802_2
)

// cooked decodes what follows the header of Linux cooked captures
// (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html).
func (d *Decoder) cooked(p *Packet, hardware, proto uint16, data []byte, off, wire int) {
	if hardware == hardwareNetlink {
		p.Stop = StopLinkType
		return
	}
	l := p.level(off, wire)
	l.EtherType = proto
	if proto == cooked8023 || proto < minEtherType && proto != cookedLLC {
		p.drop(l)
		return
	}
	d.typed(p, l, proto, data, off, wire)
	p.drop(l)
}

// loopback decodes what follows an address family: that of the system that
// captured it, of which IPv6 has several (https://www.tcpdump.org/linktypes.html).
func (d *Decoder) loopback(p *Packet, link LinkType, data []byte, wire int) {
	if len(data) < 4 {
		short(p, 4, 0, wire)
		return
	}
	family := binary.BigEndian.Uint32(data)
	if link == LinkNull && family > 0xffff {
		family = binary.LittleEndian.Uint32(data)
	}
	switch family {
	case 2:
		d.rawIP(p, LinkIPv4, data, 4, wire)
	case 10, 24, 28, 30:
		d.rawIP(p, LinkIPv6, data, 4, wire)
	}
}

// rawIP decodes a level without link header: of the version that link says, or
// for LinkRaw the first four bits.
func (d *Decoder) rawIP(p *Packet, link LinkType, data []byte, off, wend int) {
	if off >= len(data) {
		short(p, 1, off, wend)
		return
	}
	if p.N >= MaxLevels {
		p.Stop = StopTooDeep
		return
	}
	version := data[off] >> 4
	switch {
	case link == LinkIPv4 && version != 4, link == LinkIPv6 && version != 6:
		p.Stop = StopMalformed
	case version == 4:
		l := p.level(off, wend)
		l.EtherType = typeIPv4
		d.ipv4(p, l, data, off, wend)
		p.drop(l)
	case version == 6:
		l := p.level(off, wend)
		l.EtherType = typeIPv6
		d.ipv6(p, l, data, off, wend)
		p.drop(l)
	default:
		p.Stop = StopMalformed
	}
}

// level begins a level at off; the caller saw that there is room for it.
func (p *Packet) level(off, wend int) *Level {
	l := &p.Levels[p.N%MaxLevels]
	p.N++
	l.N, l.NVLANs, l.Net, l.Transport, l.Tunnel, l.HasLink, l.Fragment, l.FragMore = 0, 0, 0, 0, 0, false, false, false
	l.Wire = uint32(wend - off)
	if wend >= openEnd {
		l.Wire = uint32(p.wire - off)
	}
	return l
}

// drop takes back a level in which no layer was found: it is the last one then.
func (p *Packet) drop(l *Level) {
	if l.N == 0 {
		p.N--
	}
}

// add notes a layer. The limits on tags, labels and nesting within a level keep
// N below MaxLayers.
func (l *Level) add(layer Layer) {
	l.Layers[l.N%MaxLayers] = layer
	l.N++
}

// ends notes that the layers of a level end at off.
func (l *Level) ends(data []byte, off, wend int) {
	l.Payload = int32(min(off, len(data)))
	l.End = int32(len(data))
	l.PayloadWire = uint32(wend - off)
}

// short says why a header of need bytes at off is not there whole: it is beyond
// what was captured, or beyond the end of what should hold it.
func short(p *Packet, need, off, wend int) {
	p.Stop = StopTruncated
	if wend-off < need {
		p.Stop = StopMalformed
	}
}
