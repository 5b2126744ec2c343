package packet

import "encoding/binary"

// transport decodes what an IP protocol number says. Neither off nor wend is
// before the end of the IP header, but off may be beyond what was captured.
func (d *Decoder) transport(p *Packet, l *Level, proto uint8, data []byte, off, wend int) {
	switch proto {
	case protoTCP:
		tcp(p, l, data, off, wend)
	case protoUDP:
		d.udp(p, l, data, off, wend)
	case protoICMPv4:
		if l.Net == LayerIPv4 {
			icmp(p, l, LayerICMPv4, data, off, wend)
			return
		}
		l.ends(data, off, wend)
	case protoICMPv6:
		if l.Net == LayerIPv6 {
			icmp(p, l, LayerICMPv6, data, off, wend)
			return
		}
		l.ends(data, off, wend)
	case protoSCTP:
		sctp(p, l, data, off, wend)
	case protoGRE:
		d.gre(p, l, data, off, wend)
	case protoIPv4, protoIPv6, protoMPLS:
		d.ipInIP(p, l, proto, data, off, wend)
	case protoAH:
		d.extensions(p, l, proto, data, off, wend)
	default:
		l.ends(data, off, wend)
	}
}

// tcp decodes a TCP header (RFC 9293).
func tcp(p *Packet, l *Level, data []byte, off, wend int) {
	if len(data)-off < 20 {
		l.ends(data, off, wend)
		short(p, 20, off, wend)
		return
	}
	h := (*[20]byte)(data[off:])
	size := int(h[12]>>4) * 4
	if size < 20 || size > wend-off {
		l.ends(data, off, wend)
		p.Stop = StopMalformed
		return
	}
	l.add(LayerTCP)
	l.Transport = LayerTCP
	l.SrcPort = binary.BigEndian.Uint16(h[0:])
	l.DstPort = binary.BigEndian.Uint16(h[2:])
	l.Seq = binary.BigEndian.Uint32(h[4:])
	l.Ack = binary.BigEndian.Uint32(h[8:])
	l.Flags = h[13]
	l.Window = binary.BigEndian.Uint16(h[14:])
	off += size
	l.ends(data, off, wend)
	if off > len(data) {
		p.Stop = StopTruncated
	}
}

// udp decodes a UDP header (RFC 768) and the tunnels on its ports.
func (d *Decoder) udp(p *Packet, l *Level, data []byte, off, wend int) {
	if len(data)-off < 8 {
		short(p, 8, off, wend)
		l.ends(data, off, wend)
		return
	}
	h := (*[8]byte)(data[off:])
	length := int(binary.BigEndian.Uint16(h[4:]))
	if length < 8 && length != 0 {
		p.Stop = StopMalformed
		l.ends(data, off, wend)
		return
	}
	l.add(LayerUDP)
	l.Transport = LayerUDP
	l.SrcPort = binary.BigEndian.Uint16(h[0:])
	port := binary.BigEndian.Uint16(h[2:])
	l.DstPort = port
	// A length of 0 is that of a datagram too big for the field (RFC 2675).
	end := off + length
	if length != 0 && end < wend {
		wend = end
		if end < len(data) {
			data = data[:end]
		}
	}
	l.ends(data, off+8, wend)
	if d.some[port>>6&15]>>(port&63)&1 == 0 {
		return
	}
	if l.Fragment && length != 0 {
		wend = max(wend, end)
	}
	d.udpTunnel(p, l, port, data, off+8, wend)
}

// sctp decodes the common header of SCTP (RFC 9260 3.1).
func sctp(p *Packet, l *Level, data []byte, off, wend int) {
	if len(data)-off < 12 {
		short(p, 12, off, wend)
		l.ends(data, off, wend)
		return
	}
	l.add(LayerSCTP)
	l.Transport = LayerSCTP
	l.SrcPort = binary.BigEndian.Uint16(data[off:])
	l.DstPort = binary.BigEndian.Uint16(data[off+2:])
	l.ends(data, off+12, wend)
}

// Types of ICMP echo messages (RFC 792, RFC 4443 4).
const (
	echoReply4   = 0
	echoRequest4 = 8
	echoRequest6 = 128
	echoReply6   = 129
)

// icmp decodes the header that messages of ICMP and ICMPv6 have in common, and
// that of echo messages.
func icmp(p *Packet, l *Level, layer Layer, data []byte, off, wend int) {
	if len(data)-off < 8 {
		short(p, 8, off, wend)
		l.ends(data, off, wend)
		return
	}
	h := (*[8]byte)(data[off:])
	l.add(layer)
	l.Transport = layer
	kind := h[0]
	l.ICMPType, l.ICMPCode = kind, h[1]
	echo := kind == echoRequest4 || kind == echoReply4
	if layer == LayerICMPv6 {
		echo = kind == echoRequest6 || kind == echoReply6
	}
	l.ICMPID, l.Seq = 0, 0
	if echo {
		l.ICMPID = binary.BigEndian.Uint16(h[4:])
		l.Seq = uint32(binary.BigEndian.Uint16(h[6:]))
	}
	l.ends(data, off+8, wend)
}
