package packet

import "encoding/binary"

// IP protocol numbers (IANA).
const (
	protoHopByHop = 0
	protoICMPv4   = 1
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoAH       = 51
	protoICMPv6   = 58
	protoDestOpts = 60
	protoSCTP     = 132
	protoMPLS     = 137
)

// ipv4 decodes an IPv4 header (RFC 791) and what follows.
func (d *Decoder) ipv4(p *Packet, l *Level, data []byte, off, wend int) {
	if len(data)-off < 20 {
		short(p, 20, off, wend)
		l.ends(data, off, wend)
		return
	}
	h := (*[20]byte)(data[off:])
	size := int(h[0]&15) * 4
	length := int(binary.BigEndian.Uint16(h[2:]))
	end := off + length
	if length == 0 {
		// Segmentation is left to the network card, or the packet is too big for
		// the field (BIG TCP).
		end = p.captureEnd(wend)
	}
	if h[0]>>4 != 4 || size < 20 || size > min(end, wend)-off {
		p.Stop = StopMalformed
		l.ends(data, off, wend)
		return
	}
	data, wend = l.shorten(p, data, end, wend)
	l.add(LayerIPv4)
	l.Net = LayerIPv4
	proto := h[9]
	l.TOS, l.TTL, l.Proto = h[1], h[8], proto
	*(*[4]byte)(l.Src[:]) = [4]byte(h[12:16])
	*(*[4]byte)(l.Dst[:]) = [4]byte(h[16:20])
	frag := binary.BigEndian.Uint16(h[6:])
	off += size
	if frag&0x3fff != 0 {
		id := uint32(binary.BigEndian.Uint16(h[4:]))
		if !l.fragment(id, frag&0x1fff<<3, frag&0x2000 != 0, data, off, wend) {
			return
		}
	}
	switch proto {
	case protoTCP:
		// The two most frequent ones, without the way round.
		tcp(p, l, data, off, wend)
	case protoUDP:
		d.udp(p, l, data, off, wend)
	default:
		d.transport(p, l, proto, data, off, wend)
	}
}

// captureEnd is the end of a packet that does not say its length.
func (p *Packet) captureEnd(wend int) int {
	if wend >= openEnd {
		return p.wire
	}
	return wend
}

// shorten ends what belongs to a level where its header says: what comes after
// is padding.
func (l *Level) shorten(p *Packet, data []byte, end, wend int) ([]byte, int) {
	if end >= wend {
		return data, wend
	}
	if wend >= openEnd {
		l.Wire += uint32(end - p.wire)
	}
	return data[:min(end, len(data))], end
}

// fragment notes a fragment whose payload begins at off. It reports whether the
// headers of the payload are in it.
func (l *Level) fragment(id uint32, offset uint16, more bool, data []byte, off, wend int) bool {
	l.add(LayerFragment)
	l.Fragment, l.FragMore = true, more
	l.FragID, l.FragOffset = id, offset
	l.FragLen = uint16(min(wend-off, 0xffff))
	l.ends(data, off, wend)
	return offset == 0
}

// ipv6 decodes an IPv6 header and its extension headers (RFC 8200).
func (d *Decoder) ipv6(p *Packet, l *Level, data []byte, off, wend int) {
	if len(data)-off < 40 {
		short(p, 40, off, wend)
		l.ends(data, off, wend)
		return
	}
	h := (*[40]byte)(data[off:])
	if h[0]>>4 != 6 {
		p.Stop = StopMalformed
		l.ends(data, off, wend)
		return
	}
	proto := h[6]
	length := int(binary.BigEndian.Uint16(h[4:]))
	end := off + 40 + length
	if length == 0 && (proto == protoHopByHop || p.captureEnd(wend)-off-40 > 0xffff) {
		// A jumbogram (RFC 2675), or BIG TCP without its header.
		end = p.captureEnd(wend)
	}
	data, wend = l.shorten(p, data, end, wend)
	l.add(LayerIPv6)
	l.Net = LayerIPv6
	l.TOS, l.TTL, l.Proto = h[0]<<4|h[1]>>4, h[7], proto
	l.Src = [16]byte(h[8:24])
	l.Dst = [16]byte(h[24:40])
	off += 40
	switch proto {
	case protoTCP:
		tcp(p, l, data, off, wend)
	case protoUDP:
		d.udp(p, l, data, off, wend)
	default:
		d.extensions(p, l, proto, data, off, wend)
	}
}

// extension reports whether a protocol number is that of a header that is
// stepped over. Of IPv4 it is the authentication header only (RFC 4302).
func extension(net Layer, proto uint8) bool {
	switch proto {
	case protoAH:
		return true
	case protoHopByHop, protoRouting, protoDestOpts, protoFragment:
		return net == LayerIPv6
	default:
		return false
	}
}

// extensions walks the extension headers of IPv6.
func (d *Decoder) extensions(p *Packet, l *Level, proto uint8, data []byte, off, wend int) {
	for n := 0; ; n++ {
		if !extension(l.Net, proto) {
			d.transport(p, l, proto, data, off, wend)
			return
		}
		if len(data)-off < 8 {
			short(p, 8, off, wend)
			l.ends(data, off, wend)
			return
		}
		if n == maxExtensions {
			p.Stop = StopTooDeep
			l.ends(data, off, wend)
			return
		}
		h := (*[8]byte)(data[off:])
		size := (int(h[1]) + 1) * 8
		switch proto {
		case protoAH:
			size = (int(h[1]) + 2) * 4
		case protoFragment:
			size = 8
		}
		if size > wend-off {
			p.Stop = StopMalformed
			l.ends(data, off, wend)
			return
		}
		kind := proto
		proto = h[0]
		off += size
		l.Proto = proto
		if frag := binary.BigEndian.Uint16(h[2:]); kind == protoFragment && frag&0xfff9 != 0 {
			if l.Fragment {
				// A fragment of a fragment.
				p.Stop = StopMalformed
				l.ends(data, off, wend)
				return
			}
			if !l.fragment(binary.BigEndian.Uint32(h[4:]), frag&0xfff8, frag&1 != 0, data, off, wend) {
				return
			}
		}
	}
}
