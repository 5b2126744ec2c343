package cdp

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addresses decodes a list of addresses: their number, and of each the type and
// length of its protocol, the protocol, the length of the address and it. What
// is neither IPv4 nor IPv6 is passed over.
func (p *PDU) addresses(to *[]netip.Addr, v []byte) bool {
	if len(v) < 4 {
		return false
	}
	n := binary.BigEndian.Uint32(v)
	v = v[4:]
	for ; n > 0 && len(v) > 0; n-- {
		if len(v) < 2 || len(v) < 2+int(v[1])+2 {
			return false
		}
		protocol := v[2 : 2+int(v[1])]
		v = v[2+int(v[1]):]
		size := int(binary.BigEndian.Uint16(v))
		if v = v[2:]; len(v) < size {
			return false
		}
		if a, ok := ip(protocol, v[:size]); ok {
			*to = keep(p, *to, a)
		}
		v = v[size:]
	}
	return true
}

// ip returns an address of NLPID 0xcc (IPv4) or of the EtherType of IPv6 in
// 802.2 form.
func ip(protocol, b []byte) (netip.Addr, bool) {
	v4 := string(protocol) == "\xcc"
	v6 := string(protocol) == "\xaa\xaa\x03\x00\x00\x00\x86\xdd"
	a, ok := netip.AddrFromSlice(b)
	return a, ok && (v4 && a.Is4() || v6 && a.Is6())
}

// prefixes decodes prefixes of five bytes. A single address of four is the
// default gateway that the stub of a network is told of.
func (p *PDU) prefixes(v []byte) bool {
	if len(v) == 4 {
		p.Prefixes = keep(p, p.Prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte(v)), 0))
		return true
	}
	for ; len(v) >= 5; v = v[5:] {
		if v[4] > 32 {
			return false
		}
		p.Prefixes = keep(p, p.Prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte(v)), int(v[4])))
	}
	return len(v) == 0
}

// watts decodes two numbers of the dialogue and milliwatts.
func (p *PDU) watts(to *[]uint32, v []byte) bool {
	if len(v) < 4 {
		return false
	}
	for v = v[4:]; len(v) >= 4; v = v[4:] {
		*to = keep(p, *to, binary.BigEndian.Uint32(v))
	}
	return true
}

func number(to **uint16, v []byte) bool {
	if len(v) < 2 {
		return false
	}
	u := binary.BigEndian.Uint16(v)
	*to = &u
	return true
}

func octet(to **uint8, v []byte) bool {
	if len(v) < 1 {
		return false
	}
	u := v[0]
	*to = &u
	return true
}

// text returns text without zero bytes at its ends, and with what is not UTF-8
// replaced.
func text(b []byte) string {
	return strings.ToValidUTF8(strings.Trim(string(b), "\x00"), "\uFFFD")
}

// printable returns text, or hexadecimal where it is none: some devices send
// their MAC address as device ID.
func printable(b []byte) string {
	s := strings.Trim(string(b), "\x00")
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return hex.EncodeToString(b)
	}
	return s
}

// keep appends to a list within the bound.
func keep[T any](p *PDU, list []T, v T) []T {
	if len(list) >= maxList {
		p.Truncated = true
		return list
	}
	return append(list, v)
}
