package openflow

func ctStateName(bit uint32) string {
	names := [...]string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}
	return bitName(names[:], bit)
}

func tcpFlagName(bit uint32) string {
	names := [...]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}
	return bitName(names[:], bit)
}

func tunFlagName(bit uint32) string {
	names := [...]string{"oam", "df", "csum", "key"}
	return bitName(names[:], bit)
}

func bitName(names []string, bit uint32) string {
	for i, name := range names {
		if bit == 1<<i {
			return name
		}
	}
	return ""
}

// appendFlags prints the bits that are set: syn|ack, 0 for none.
func appendFlags(b []byte, name func(uint32) string, flags uint32) []byte {
	if flags == 0 {
		return append(b, '0')
	}
	bad, first := uint32(0), true
	for bit := uint32(1); bit != 0; bit <<= 1 {
		if flags&bit == 0 {
			continue
		}
		s := name(bit)
		if s == "" {
			bad |= bit
			continue
		}
		if !first {
			b = append(b, '|')
		}
		b, first = append(b, s...), false
	}
	if bad != 0 {
		if !first {
			b = append(b, '|')
		}
		b = appendHexN(b, uint64(bad))
	}
	return b
}

// appendFlagsMasked prints the bits of the mask: +trk-new; if the mask is all,
// as appendFlags does.
func appendFlagsMasked(b []byte, name func(uint32) string, flags, mask, all uint32) []byte {
	if mask == all {
		return appendFlags(b, name, flags)
	}
	if mask == 0 {
		return append(b, "0/0"...)
	}
	for bit := uint32(1); bit != 0; bit <<= 1 {
		if mask&bit == 0 {
			continue
		}
		sign := byte('-')
		if flags&bit != 0 {
			sign = '+'
		}
		b = append(b, sign)
		if s := name(bit); s != "" {
			b = append(b, s...)
		} else {
			b = append(b, "[Unknown]"...)
		}
	}
	return b
}

func fragName(v, mask byte) string {
	const any, later = 1, 2
	v &= mask
	switch mask & 3 {
	case any | later:
		return [...]string{"no", "first", "<error>", "later"}[v&3]
	case any:
		return [...]string{"no", "yes"}[v&1]
	case later:
		if v&later != 0 {
			return "later"
		}
		return "not_later"
	}
	return "<error>"
}

// vagueFrag tells that fragName says the same of another value and mask. The
// exact mask, 0xff, means what 3 does.
func vagueFrag(v, mask byte) bool {
	switch mask {
	case 0xff, 3:
		return v&3 == 2
	case 1:
		return v&1 == 0
	case 2:
		return v&2 != 0
	}
	return true
}
