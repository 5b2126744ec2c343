package openflow

import (
	"net/netip"
	"strconv"
)

// appendHex prints bytes as one number: 0, 0x1, 0x1ff.
func appendHex(b, v []byte) []byte {
	for len(v) > 0 && v[0] == 0 {
		v = v[1:]
	}
	if len(v) == 0 {
		return append(b, '0')
	}
	b = append(b, "0x"...)
	b = strconv.AppendUint(b, uint64(v[0]), 16)
	for _, c := range v[1:] {
		b = appendHex2(b, c)
	}
	return b
}

func appendHex2(b []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	return append(b, digits[c>>4], digits[c&15])
}

// appendRaw prints bytes as they are: 0x00ff.
func appendRaw(b, v []byte) []byte {
	b = append(b, "0x"...)
	for _, c := range v {
		b = appendHex2(b, c)
	}
	return b
}

// appendHexN prints a number as C's %#x does: 0, 0x1.
func appendHexN(b []byte, n uint64) []byte {
	if n == 0 {
		return append(b, '0')
	}
	return strconv.AppendUint(append(b, "0x"...), n, 16)
}

// appendHexPad prints a number with 0x and at least so many digits.
func appendHexPad(b []byte, n uint64, digits int) []byte {
	b = append(b, "0x"...)
	for shift := digits - 1; shift > 0 && n>>(4*shift) == 0; shift-- {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, n, 16)
}

func appendMAC(b, v []byte) []byte {
	for i, c := range v {
		if i > 0 {
			b = append(b, ':')
		}
		b = appendHex2(b, c)
	}
	return b
}

// appendIP prints an address of four or sixteen bytes as inet_ntop does, which
// writes the end of ::ffff:1.2.3.4 and of ::1.2.3.4 as IPv4.
func appendIP(b, v []byte) []byte {
	a, ok := netip.AddrFromSlice(v)
	if !ok {
		return appendRaw(b, v)
	}
	switch {
	case a.Is4In6():
		return a.Unmap().AppendTo(append(b, "::ffff:"...))
	case len(v) == 16 && isZero(v[:12]) && (v[12] != 0 || v[13] != 0):
		return netip.AddrFrom4([4]byte(v[12:])).AppendTo(append(b, "::"...))
	}
	return a.AppendTo(b)
}

// appendIPMasked prints an address with its prefix length, or with its mask
// where that is not one.
func appendIPMasked(b, v, mask []byte) []byte {
	b = appendIP(b, v)
	n, cidr := prefixLen(mask)
	switch {
	case cidr && n == 8*len(mask):
		return b
	case cidr:
		return strconv.AppendUint(append(b, '/'), uint64(n), 10)
	}
	return appendIP(append(b, '/'), mask)
}

// prefixLen counts the leading ones of a mask; ok is false when others follow.
func prefixLen(mask []byte) (n int, ok bool) {
	i := 0
	for ; i < len(mask) && mask[i] == 0xff; i++ {
		n += 8
	}
	if i == len(mask) {
		return n, true
	}
	for c := mask[i]; c&0x80 != 0; c <<= 1 {
		n++
	}
	if mask[i]<<(n-8*i) != 0 {
		return n, false
	}
	for i++; i < len(mask); i++ {
		if mask[i] != 0 {
			return n, false
		}
	}
	return n, true
}

// number reads up to eight bytes; of more, the last eight.
func number(v []byte) uint64 {
	var n uint64
	for _, c := range v {
		n = n<<8 | uint64(c)
	}
	return n
}

func isOnes(v []byte) bool {
	for _, c := range v {
		if c != 0xff {
			return false
		}
	}
	return true
}

func isZero(v []byte) bool {
	for _, c := range v {
		if c != 0 {
			return false
		}
	}
	return true
}

// appendPacketType prints a packet type as ovs-ofctl does where it stands as a
// match or as a value.
func appendPacketType(b, v, mask []byte) []byte {
	if isZero(v) && isOnes(mask) {
		return append(b, "eth"...)
	}
	b = append(b, "packet_type=("...)
	b = appendType16(b, number(v[:2]), number(mask[:2]))
	b = append(b, ',')
	b = appendType16(b, number(v[2:]), number(mask[2:]))
	return append(b, ')')
}

func appendType16(b []byte, n, mask uint64) []byte {
	switch {
	case mask == 0:
		return append(b, '*')
	case n > 9:
		b = appendHexN(b, n)
	default:
		b = strconv.AppendUint(b, n, 10)
	}
	if mask != 0xffff {
		b = strconv.AppendUint(append(b, "/0x"...), mask, 16)
	}
	return b
}

// appendValue prints a value of a field under a mask as ovs-ofctl does in
// set_field. Both have the field's length (any for tun_metadata); a nil mask is
// an exact one.
func (f field) appendValue(b, v, mask []byte) []byte {
	if mask == nil || isOnes(mask) && (f.bytes != 0 || 8*len(mask) == f.bits) {
		mask = nil // tun_metadata has as many bits as it can have
	} else if isZero(mask) {
		return append(b, "ANY"...)
	}
	if f.bytes != 0 && (len(v) != f.bytes || mask != nil && len(mask) != f.bytes) {
		return appendRaw(b, v)
	}
	exact := uint32(0xffffffff)
	if mask != nil && len(mask) <= 4 {
		exact = uint32(number(mask))
	}
	switch f.form {
	case formMAC:
		b = appendMAC(b, v)
		if mask != nil {
			b = appendMAC(append(b, '/'), mask)
		}
		return b
	case formIPv4, formIPv6:
		if mask == nil {
			return appendIP(b, v)
		}
		return appendIPMasked(b, v, mask)
	case formPort:
		if mask == nil {
			return appendPort(b, uint16(number(v)))
		}
	case formPort11:
		if mask == nil {
			return appendPort11(b, uint32(number(v)))
		}
	case formFrag:
		return append(b, fragName(v[0], byte(exact))...)
	case formTunFlags:
		return appendFlagsMasked(b, tunFlagName, uint32(number(v)), exact&1, 1)
	case formTCPFlags:
		return appendFlagsMasked(b, tcpFlagName, uint32(number(v)), exact&0xfff, 0xfff)
	case formCTState:
		return appendFlagsMasked(b, ctStateName, uint32(number(v)), exact, 0xffff)
	case formPacketType:
		if mask == nil {
			mask = []byte{0xff, 0xff, 0xff, 0xff}
		}
		return appendPacketType(b, v, mask)
	case formHex, formDecimal:
	}
	if f.form == formHex || len(v) > 8 {
		b = appendHex(b, v)
	} else {
		b = strconv.AppendUint(b, number(v), 10)
	}
	if mask != nil {
		b = appendHex(append(b, '/'), mask)
	}
	return b
}
