package packet

import "encoding/binary"

// Protocol types that only GRE has.
const (
	typeKeepalive = 0x0000
	typeWCCP      = 0x883e
	typeERSPAN    = 0x88be // types I and II
	typeERSPAN3   = 0x22eb
)

// Flags of the header of GRE.
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // version 1 only
)

// gre decodes GRE (RFC 2784, RFC 2890), of PPTP (RFC 2637) the header only.
func (d *Decoder) gre(p *Packet, l *Level, data []byte, off, wend int) {
	l.ends(data, off, wend)
	if len(data)-off < 4 {
		short(p, 4, off, wend)
		return
	}
	flags := binary.BigEndian.Uint16(data[off:])
	typ := binary.BigEndian.Uint16(data[off+2:])
	version := flags & 7
	size := 4
	if flags&greChecksum != 0 {
		size += 4
	}
	key := size
	if flags&greKey != 0 {
		size += 4
	}
	if flags&greSequence != 0 {
		size += 4
	}
	if version == 1 && flags&greAck != 0 {
		size += 4
	}
	if version > 1 || flags&greRouting != 0 || size > wend-off {
		p.Stop = StopMalformed
		return
	}
	if size > len(data)-off {
		p.Stop = StopTruncated
		return
	}
	l.add(LayerGRE)
	l.Tunnel, l.TunnelID = LayerGRE, 0
	if flags&greKey != 0 {
		l.TunnelID = binary.BigEndian.Uint32(data[off+key:])
		if version == 1 {
			// The other half is a length.
			l.TunnelID &= 0xffff
		}
	}
	off += size
	l.ends(data, off, wend)
	if l.FragMore {
		wend = openEnd
	}
	switch {
	case version == 1 || typ == typeKeepalive:
	case typ == typeERSPAN && size == 4:
		// Type I has no header, and no session; type II has a sequence number.
		l.add(LayerERSPAN)
		l.Tunnel, l.TunnelID = LayerERSPAN, 0
		d.ethernet(p, data, off, wend)
	case typ == typeERSPAN || typ == typeERSPAN3:
		d.erspan(p, l, data, off, wend)
	case typ == typeWCCP:
		// Version 2 has a header of 4 bytes before the packet.
		if off < len(data) && data[off]>>4 != 4 {
			off += 4
		}
		d.rawIP(p, LinkIPv4, data, off, wend)
	default:
		d.carried(p, l, typ, data, off, wend)
	}
}

// erspan decodes ERSPAN of type II and III (draft-foschiano-erspan-03 4.2, 4.3).
func (d *Decoder) erspan(p *Packet, l *Level, data []byte, off, wend int) {
	if len(data)-off < 8 {
		short(p, 8, off, wend)
		return
	}
	head := binary.BigEndian.Uint32(data[off:])
	size, link := 8, LinkEthernet
	switch head >> 28 {
	case 1:
	case 2:
		size = 12
		if len(data)-off < 12 {
			short(p, 12, off, wend)
			return
		}
		tail := binary.BigEndian.Uint16(data[off+10:])
		if tail&1 != 0 {
			// The platform specific subheader.
			size = 20
		}
		if tail>>10&0x1f == 2 {
			link = LinkRaw
		}
	default:
		p.Stop = StopMalformed
		return
	}
	if size > wend-off {
		p.Stop = StopMalformed
		return
	}
	l.add(LayerERSPAN)
	l.Tunnel, l.TunnelID = LayerERSPAN, head&0x3ff
	off += size
	l.tunnelEnds(off)
	if link == LinkRaw {
		d.rawIP(p, LinkRaw, data, off, wend)
		return
	}
	d.ethernet(p, data, off, wend)
}
