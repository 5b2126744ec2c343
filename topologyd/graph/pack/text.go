package pack

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
)

// This file packs texts that say bytes: UUIDs, MAC and IPv4 addresses and
// digests. Only what is written in the usual way is packed, so that the same
// text comes back.

const (
	minHex = 12
	// longestPacked bounds the text of a head that is no headHex.
	longestPacked = 36
)

// appendPacked appends a text in its packed form, if it has one.
func appendPacked(b []byte, s string) ([]byte, bool) {
	switch n := len(s); {
	case n == 17 && s[2] == ':':
		if mac, ok := parseMAC(s); ok {
			return append(append(b, headMAC), mac[:]...), true
		}
	case n == 36 && s[8] == '-' && lowerHex(s[:8]):
		var text [36]byte
		u, err := entity.ParseUUID(s)
		if err == nil && string(appendUUID(text[:0], u)) == s {
			return append(append(b, headUUID), u[:]...), true
		}
	case n >= 7 && n <= 18 && s[0] >= '0' && s[0] <= '9':
		if c, ok := appendIPv4(b, s); ok {
			return c, true
		}
	}
	if len(s) >= minHex && len(s)%2 == 0 && lowerHex(s) {
		b = binary.AppendUvarint(append(b, headHex), uint64(len(s)/2))
		for i := 0; i < len(s); i += 2 {
			b = append(b, nibble(s[i])<<4|nibble(s[i+1]))
		}
		return b, true
	}
	return b, false
}

func isLowerHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

func lowerHex(s string) bool {
	for i := range len(s) {
		if !isLowerHex(s[i]) {
			return false
		}
	}
	return true
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func parseMAC(s string) (mac [6]byte, ok bool) {
	for i := range mac {
		hi, lo := s[3*i], s[3*i+1]
		if !isLowerHex(hi) || !isLowerHex(lo) || i < 5 && s[3*i+2] != ':' {
			return mac, false
		}
		mac[i] = nibble(hi)<<4 | nibble(lo)
	}
	return mac, true
}

// appendIPv4 packs four decimal numbers, with or without the length of a
// prefix, none with leading zeros.
func appendIPv4(b []byte, s string) ([]byte, bool) {
	var part [5]byte
	i, n := 0, 0
	for ; n < 5; n++ {
		v, start := 0, i
		for i < len(s) && i < start+3 && s[i] >= '0' && s[i] <= '9' {
			v = v*10 + int(s[i]-'0')
			i++
		}
		if i == start || v > 255 || i > start+1 && s[start] == '0' {
			return b, false
		}
		part[n] = byte(v)
		if i == len(s) {
			break
		}
		if n < 3 && s[i] != '.' || n == 3 && s[i] != '/' {
			return b, false
		}
		i++
	}
	switch {
	case i != len(s):
		return b, false
	case n == 3:
		return append(append(b, headIPv4), part[:4]...), true
	case n == 4:
		return append(append(b, headIPv4Len), part[:]...), true
	default:
		return b, false
	}
}

func appendUUID(b []byte, u entity.UUID) []byte {
	b = append(hex.AppendEncode(b, u[:4]), '-')
	b = append(hex.AppendEncode(b, u[4:6]), '-')
	b = append(hex.AppendEncode(b, u[6:8]), '-')
	b = append(hex.AppendEncode(b, u[8:10]), '-')
	return hex.AppendEncode(b, u[10:])
}

const hexDigits = "0123456789abcdef"

// textLen returns the length of the text of the packed string at p, or a little
// more.
func textLen(data string, p int) int {
	switch data[p] {
	case headUUID:
		return 36
	case headMAC:
		return 17
	case headHex:
		n, _ := readUvarint(data, p+1)
		return 2 * int(n)
	default:
		return 18
	}
}

// appendText appends the text of the packed string at p, whose head is one of
// headHex to headIPv4Len.
func appendText(b []byte, data string, p int) []byte {
	switch data[p] {
	case headUUID:
		var u entity.UUID
		copy(u[:], data[p+1:])
		return appendUUID(b, u)
	case headMAC:
		var t [17]byte
		for i := range 6 {
			c := data[p+1+i]
			t[3*i], t[3*i+1] = hexDigits[c>>4], hexDigits[c&15]
			if i < 5 {
				t[3*i+2] = ':'
			}
		}
		return append(b, t[:]...)
	case headIPv4, headIPv4Len:
		for i := range 4 {
			if i > 0 {
				b = append(b, '.')
			}
			b = strconv.AppendUint(b, uint64(data[p+1+i]), 10)
		}
		if data[p] == headIPv4Len {
			b = strconv.AppendUint(append(b, '/'), uint64(data[p+5]), 10)
		}
		return b
	default:
		n, q := readUvarint(data, p+1)
		for _, c := range []byte(data[q : q+int(n)]) {
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		}
		return b
	}
}

// packedText reports whether a head is that of a packed string.
func packedText(h byte) bool { return h >= headHex && h <= headIPv4Len }
