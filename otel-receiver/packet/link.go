package packet

import "encoding/binary"

// EtherTypes (IEEE 802 Numbers).
const (
	minEtherType  = 0x0600 // less is the length of an 802.3 frame
	typeIPv4      = 0x0800
	typeARP       = 0x0806
	typeBridged   = 0x6558 // transparent Ethernet bridging
	typeVLAN      = 0x8100
	typeIPv6      = 0x86dd
	typeMPLS      = 0x8847
	typeMPLSMulti = 0x8848
	typeQinQ      = 0x88a8
	typeLLDP      = 0x88cc
	typeOldQinQ   = 0x9100
)

// ethernet decodes a level that begins with an Ethernet header (IEEE 802.3).
func (d *Decoder) ethernet(p *Packet, data []byte, off, wend int) {
	if len(data)-off < 14 {
		short(p, 14, off, wend)
		return
	}
	if p.N >= MaxLevels {
		p.Stop = StopTooDeep
		return
	}
	h := (*[14]byte)(data[off:])
	l := p.level(off, wend)
	l.HasLink = true
	l.N = 1
	l.Layers[0] = LayerEthernet
	l.DstMAC = [6]byte(h[0:6])
	l.SrcMAC = [6]byte(h[6:12])
	typ := binary.BigEndian.Uint16(h[12:14])
	l.EtherType = typ
	if typ == typeIPv4 {
		d.ipv4(p, l, data, off+14, wend)
		return
	}
	d.typed(p, l, typ, data, off+14, wend)
}

// typed decodes what an EtherType says.
func (d *Decoder) typed(p *Packet, l *Level, typ uint16, data []byte, off, wend int) {
	for typ == typeVLAN || typ == typeQinQ || typ == typeOldQinQ {
		if len(data)-off < 4 {
			short(p, 4, off, wend)
			l.ends(data, off, wend)
			return
		}
		if l.NVLANs >= MaxVLANs {
			p.Stop = StopTooDeep
			l.ends(data, off, wend)
			return
		}
		l.VLANs[l.NVLANs] = binary.BigEndian.Uint16(data[off:]) & 0x0fff
		l.NVLANs++
		l.add(LayerDot1Q)
		typ = binary.BigEndian.Uint16(data[off+2:])
		l.EtherType = typ
		off += 4
	}
	switch typ {
	case typeIPv4:
		d.ipv4(p, l, data, off, wend)
	case typeIPv6:
		d.ipv6(p, l, data, off, wend)
	case typeARP:
		arp(p, l, data, off, wend)
	case typeMPLS, typeMPLSMulti:
		l.ends(data, off, wend)
		d.mpls(p, l, data, off, wend)
	case typeLLDP:
		l.add(LayerLLDP)
		l.ends(data, off, wend)
	default:
		if typ < minEtherType {
			d.llc(p, l, typ, data, off, wend)
			return
		}
		l.ends(data, off, wend)
	}
}

// llc decodes an 802.3 frame: of SNAP what its EtherType says (RFC 1042), and
// nothing of others, such as spanning tree.
func (d *Decoder) llc(p *Packet, l *Level, length uint16, data []byte, off, wend int) {
	l.EtherType = cookedLLC
	// In Linux cooked captures the type says 802.2, and there is no length.
	if end := off + int(length); end < wend && l.HasLink {
		wend = end
		data = data[:min(len(data), wend)]
	}
	l.ends(data, off, wend)
	if len(data)-off < 8 {
		if wend-off >= 8 {
			p.Stop = StopTruncated
		}
		return
	}
	h := (*[8]byte)(data[off:])
	if h[0] != 0xaa || h[1] != 0xaa || h[2] != 3 || h[3] != 0 || h[4] != 0 || h[5] != 0 && h[5] != 0xf8 {
		return
	}
	typ := binary.BigEndian.Uint16(h[6:])
	if typ < minEtherType {
		return
	}
	l.EtherType = typ
	d.typed(p, l, typ, data, off+8, wend)
}

// arp decodes ARP for IPv4 on Ethernet (RFC 826). Other kinds are not looked
// at.
func arp(p *Packet, l *Level, data []byte, off, wend int) {
	l.ends(data, off, wend)
	if len(data)-off < 28 {
		short(p, 28, off, wend)
		return
	}
	h := (*[28]byte)(data[off:])
	if binary.BigEndian.Uint64(h[:])>>16 != 0x0001_0800_0604 {
		return
	}
	l.add(LayerARP)
	l.Net = LayerARP
	l.ARPOp = binary.BigEndian.Uint16(h[6:])
	*(*[4]byte)(l.Src[:]) = [4]byte(h[14:18])
	*(*[4]byte)(l.Dst[:]) = [4]byte(h[24:28])
	// What follows is padding.
	off += 28
	l.ends(data[:off], off, off)
}

// mpls decodes a stack of MPLS labels (RFC 3032) and what it carries, which
// nothing says: IP shows in its first four bits (RFC 4928 3), a pseudowire of
// Ethernet (RFC 4448) in its control word or the EtherType of its frame. The
// caller called ends for off.
func (d *Decoder) mpls(p *Packet, l *Level, data []byte, off, wend int) {
	for n, bottom := 0, false; !bottom; n++ {
		if len(data)-off < 4 {
			short(p, 4, off, wend)
			return
		}
		if n == maxLabels || l.N >= MaxLayers {
			p.Stop = StopTooDeep
			return
		}
		entry := binary.BigEndian.Uint32(data[off:])
		l.add(LayerMPLS)
		l.MPLS = entry >> 12
		off += 4
		l.tunnelEnds(off)
		bottom = entry&0x100 != 0
	}
	if off >= len(data) {
		if wend > off {
			p.Stop = StopTruncated
		}
		return
	}
	// Behind a tunnel's header IP is a level of its own.
	inside := l.Net != LayerNone
	first := data[off]
	switch {
	case first>>4 == 4 && first&15 >= 5, first>>4 == 6:
		switch {
		case inside:
			d.rawIP(p, LinkRaw, data, off, wend)
		case first>>4 == 4:
			d.ipv4(p, l, data, off, wend)
		default:
			d.ipv6(p, l, data, off, wend)
		}
	case first>>4 == 1:
		// The associated channel of a pseudowire: RFC 4385 5.
	default:
		if start, ok := pseudowire(p, data, off, wend); ok {
			if !inside {
				l.Tunnel, l.TunnelID = LayerMPLS, 0
			}
			d.ethernet(p, data, start, wend)
		}
	}
}

// pseudowire returns where the frame of an Ethernet pseudowire begins: after
// the control word, or at off when there is none. A frame is taken for one when
// it has an EtherType that is decoded.
func pseudowire(p *Packet, data []byte, off, wend int) (int, bool) {
	if len(data)-off < 18 {
		if wend-off >= 18 {
			p.Stop = StopTruncated
		}
		return 0, false
	}
	h := (*[18]byte)(data[off:])
	if h[0] == 0 && h[1] == 0 && knownType(binary.BigEndian.Uint16(h[16:])) {
		return off + 4, true
	}
	return off, knownType(binary.BigEndian.Uint16(h[12:]))
}

func knownType(typ uint16) bool {
	switch typ {
	case typeIPv4, typeIPv6, typeARP, typeVLAN, typeQinQ, typeOldQinQ, typeMPLS, typeLLDP:
		return true
	default:
		return false
	}
}
