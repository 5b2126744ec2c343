package packet

// String returns the name of the layer as LayersPath has it.
func (l Layer) String() string {
	switch l {
	case LayerEthernet:
		return "Ethernet"
	case LayerDot1Q:
		return "Dot1Q"
	case LayerMPLS:
		return "MPLS"
	case LayerARP:
		return "ARP"
	case LayerIPv4:
		return "IPv4"
	case LayerIPv6:
		return "IPv6"
	case LayerFragment:
		return "Fragment"
	case LayerTCP:
		return "TCP"
	case LayerUDP:
		return "UDP"
	case LayerSCTP:
		return "SCTP"
	case LayerICMPv4:
		return "ICMPv4"
	case LayerICMPv6:
		return "ICMPv6"
	case LayerGRE:
		return "GRE"
	case LayerERSPAN:
		return "ERSPAN"
	case LayerVXLAN:
		return "VXLAN"
	case LayerGeneve:
		return "Geneve"
	case LayerGTPU:
		return "GTPU"
	case LayerLLDP:
		return "LLDP"
	case LayerIPIP:
		return "IPIP"
	default:
		return "None"
	}
}

// String returns the reason in a word, as metrics have it.
func (s Stop) String() string {
	switch s {
	case StopDone:
		return "done"
	case StopTruncated:
		return "truncated"
	case StopMalformed:
		return "malformed"
	case StopTooDeep:
		return "too_deep"
	case StopLinkType:
		return "link_type"
	default:
		return "unknown"
	}
}

// AppendPath appends the LayersPath of a level to b, for example
// "Ethernet/Dot1Q/IPv4/UDP/VXLAN", and returns b. What is inside of a tunnel is
// in the path of the next level.
func AppendPath(b []byte, l *Level) []byte {
	start := len(b)
	for _, layer := range l.Layers[:min(l.N, MaxLayers)] {
		if layer == LayerIPIP || layer == LayerERSPAN {
			continue
		}
		if len(b) > start {
			b = append(b, '/')
		}
		b = append(b, layer.String()...)
	}
	return b
}

// Has reports whether the level has a layer.
func (l *Level) Has(layer Layer) bool {
	for _, have := range l.Layers[:min(l.N, MaxLayers)] {
		if have == layer {
			return true
		}
	}
	return false
}

// AddrLen is the length of Src and Dst in bytes: 4, 16, or 0 without addresses.
func (l *Level) AddrLen() int {
	switch l.Net {
	case LayerIPv4, LayerARP:
		return 4
	case LayerIPv6:
		return 16
	default:
		return 0
	}
}

// Inner returns the innermost level, nil when the packet has none.
func (p *Packet) Inner() *Level {
	if p.N <= 0 || p.N > MaxLevels {
		return nil
	}
	return &p.Levels[p.N-1]
}
