package packet

import "encoding/binary"

// udpTunnel decodes what datagrams to a port of a tunnel carry.
func (d *Decoder) udpTunnel(p *Packet, l *Level, port uint16, data []byte, off, wend int) {
	switch kind := d.tunnel(port); kind {
	case tunnelVXLAN, tunnelVXLANGPE:
		d.vxlan(p, l, kind, data, off, wend)
	case tunnelGeneve:
		d.geneve(p, l, data, off, wend)
	case tunnelGTPU:
		d.gtpu(p, l, data, off, wend)
	case tunnelMPLS:
		l.Tunnel, l.TunnelID = LayerMPLS, 0
		d.mpls(p, l, data, off, wend)
	}
}

// vxlan decodes VXLAN (RFC 7348) and VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe).
func (d *Decoder) vxlan(p *Packet, l *Level, kind tunnelKind, data []byte, off, wend int) {
	if len(data)-off < 8 {
		short(p, 8, off, wend)
		return
	}
	h := (*[8]byte)(data[off:])
	if h[0]&0x08 == 0 {
		// Without a VNI it is no VXLAN.
		p.Stop = StopMalformed
		return
	}
	l.add(LayerVXLAN)
	l.Tunnel = LayerVXLAN
	l.TunnelID = binary.BigEndian.Uint32(h[4:]) >> 8
	off += 8
	l.tunnelEnds(off)
	if kind == tunnelVXLANGPE && h[0]&0x04 != 0 {
		switch h[3] {
		case 1:
			d.rawIP(p, LinkIPv4, data, off, wend)
		case 2:
			d.rawIP(p, LinkIPv6, data, off, wend)
		case 3:
			d.ethernet(p, data, off, wend)
		case 5:
			d.mpls(p, l, data, off, wend)
		}
		return
	}
	d.ethernet(p, data, off, wend)
}

// tunnelEnds moves the end of the layers past a tunnel's header, which off is
// behind.
func (l *Level) tunnelEnds(off int) {
	moved := int32(off) - l.Payload
	l.Payload = min(int32(off), l.End)
	l.PayloadWire -= min(uint32(moved), l.PayloadWire)
}

// geneve decodes Geneve (RFC 8926).
func (d *Decoder) geneve(p *Packet, l *Level, data []byte, off, wend int) {
	if len(data)-off < 8 {
		short(p, 8, off, wend)
		return
	}
	h := (*[8]byte)(data[off:])
	size := 8 + int(h[0]&0x3f)*4
	if h[0]>>6 != 0 || size > wend-off {
		p.Stop = StopMalformed
		return
	}
	l.add(LayerGeneve)
	l.Tunnel = LayerGeneve
	l.TunnelID = binary.BigEndian.Uint32(h[4:]) >> 8
	off += size
	l.tunnelEnds(off)
	d.carried(p, l, binary.BigEndian.Uint16(h[2:]), data, off, wend)
}

// carried decodes what an EtherType in a tunnel's header says.
func (d *Decoder) carried(p *Packet, l *Level, typ uint16, data []byte, off, wend int) {
	switch typ {
	case typeBridged:
		d.ethernet(p, data, off, wend)
	case typeIPv4:
		d.rawIP(p, LinkIPv4, data, off, wend)
	case typeIPv6:
		d.rawIP(p, LinkIPv6, data, off, wend)
	case typeMPLS, typeMPLSMulti:
		d.mpls(p, l, data, off, wend)
	}
}

// gtpData is the type of the GTP-U message that carries a packet.
const gtpData = 255

// gtpu decodes GTP-U version 1 with its extension headers (3GPP TS 29.281 5).
func (d *Decoder) gtpu(p *Packet, l *Level, data []byte, off, wend int) {
	if len(data)-off < 8 {
		short(p, 8, off, wend)
		return
	}
	h := (*[8]byte)(data[off:])
	if h[0]>>5 != 1 || h[0]&0x10 == 0 {
		// Another version, or GTP' of charging.
		p.Stop = StopMalformed
		return
	}
	if end := off + 8 + int(binary.BigEndian.Uint16(h[2:])); end < wend {
		wend = end
		data = data[:min(len(data), end)]
	}
	l.add(LayerGTPU)
	l.Tunnel = LayerGTPU
	l.TunnelID = binary.BigEndian.Uint32(h[4:])
	off += 8
	l.tunnelEnds(off)
	if h[0]&7 != 0 {
		if len(data)-off < 4 {
			short(p, 4, off, wend)
			return
		}
		next := data[off+3]
		if h[0]&4 == 0 {
			next = 0
		}
		off += 4
		for n := 0; next != 0; n++ {
			if off >= len(data) {
				short(p, 1, off, wend)
				return
			}
			size := int(data[off]) * 4
			switch {
			case n == maxExtensions:
				p.Stop = StopTooDeep
				return
			case size == 0 || size > wend-off:
				p.Stop = StopMalformed
				return
			case size > len(data)-off:
				p.Stop = StopTruncated
				return
			}
			next = data[off+size-1]
			off += size
		}
		l.tunnelEnds(off)
	}
	if h[1] == gtpData {
		d.rawIP(p, LinkRaw, data, off, wend)
	}
}

// ipInIP decodes IP and MPLS in IP (RFC 2003, RFC 2473, RFC 4213, RFC 4023).
func (d *Decoder) ipInIP(p *Packet, l *Level, proto uint8, data []byte, off, wend int) {
	l.ends(data, off, wend)
	if l.FragMore {
		wend = openEnd
	}
	if proto == protoMPLS {
		l.Tunnel, l.TunnelID = LayerMPLS, 0
		d.mpls(p, l, data, off, wend)
		return
	}
	l.add(LayerIPIP)
	l.Tunnel, l.TunnelID = LayerIPIP, 0
	link := LinkIPv4
	if proto == protoIPv6 {
		link = LinkIPv6
	}
	d.rawIP(p, link, data, off, wend)
}
