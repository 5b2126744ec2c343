package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// DecodeError tells where a message is malformed.
type DecodeError struct {
	// Attr is the kernel's name of the attribute, the path to it for nested ones,
	// or the name of the header.
	Attr string
	// Reason says what is wrong with it.
	Reason string
}

// Error implements error.
func (e *DecodeError) Error() string { return "decode " + e.Attr + ": " + e.Reason }

// errShortHeader marks messages that are too short for their own header.
var errShortHeader = errors.New("short message")

func shortHeader(name string, b []byte, want int) error {
	return fmt.Errorf("decode %s: %w: %d bytes, want %d", name, errShortHeader, len(b), want)
}

func tooShort(name string, got, want int) error {
	return &DecodeError{Attr: name, Reason: fmt.Sprintf("%d bytes, want %d", got, want)}
}

// attr is one attribute (struct nlattr) of a message; data is a part of the
// message.
type attr struct {
	typ  uint16 // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
	data []byte
}

const (
	attrHeaderLen = 4      // NLA_HDRLEN
	attrTypeMask  = 0x3fff // NLA_TYPE_MASK
)

// attrs iterates over a sequence of attributes. Use it as
//
//	for it := newAttrs(name, b); it.next(); { … it.a … }
//
// and look at it.err afterwards.
type attrs struct {
	rest []byte
	name string
	a    attr
	err  error
}

// newAttrs starts an iteration over b; name is what an error calls the whole.
func newAttrs(name string, b []byte) attrs { return attrs{rest: b, name: name} }

// next moves on to the next attribute.
func (it *attrs) next() bool {
	if len(it.rest) == 0 || it.err != nil {
		return false
	}
	if len(it.rest) < attrHeaderLen {
		it.fail("%d bytes left after attribute %d", len(it.rest))
		return false
	}
	n := int(binary.NativeEndian.Uint16(it.rest))
	if n < attrHeaderLen || n > len(it.rest) {
		it.a.typ = binary.NativeEndian.Uint16(it.rest[2:]) & attrTypeMask
		it.err = &DecodeError{it.name, fmt.Sprintf("attribute %d claims %d bytes of %d", it.a.typ, n, len(it.rest))}
		return false
	}
	it.a = attr{binary.NativeEndian.Uint16(it.rest[2:]) & attrTypeMask, it.rest[attrHeaderLen:n:n]}
	it.rest = it.rest[min(align4(n), len(it.rest)):]
	return true
}

func (it *attrs) fail(format string, n int) {
	it.err = &DecodeError{it.name, fmt.Sprintf(format, n, it.a.typ)}
}

// keep records the first error of an iteration; the iteration goes on, so that
// one bad attribute does not hide the others.
func keep(first *error, err error) {
	if *first == nil && err != nil {
		*first = err
	}
}

func align4(n int) int { return (n + 3) &^ 3 }

// The readers below store the value of attribute a (called name in errors)
// to *p, or leave *p alone and return an error.

func (a attr) u8(name string, p *uint8) error {
	if len(a.data) < 1 {
		return tooShort(name, len(a.data), 1)
	}
	*p = a.data[0]
	return nil
}

func (a attr) u16(name string, p *uint16) error {
	if len(a.data) < 2 {
		return tooShort(name, len(a.data), 2)
	}
	*p = binary.NativeEndian.Uint16(a.data)
	return nil
}

func (a attr) be16(name string, p *uint16) error {
	if len(a.data) < 2 {
		return tooShort(name, len(a.data), 2)
	}
	*p = binary.BigEndian.Uint16(a.data)
	return nil
}

func (a attr) u32(name string, p *uint32) error {
	if len(a.data) < 4 {
		return tooShort(name, len(a.data), 4)
	}
	*p = binary.NativeEndian.Uint32(a.data)
	return nil
}

func (a attr) be64(name string, p *uint64) error {
	if len(a.data) < 8 {
		return tooShort(name, len(a.data), 8)
	}
	*p = binary.BigEndian.Uint64(a.data)
	return nil
}

func (a attr) index(name string, p *int32) error {
	var u uint32
	err := a.u32(name, &u)
	if err == nil {
		*p = int32(u)
	}
	return err
}

func (a attr) optU32(name string, p *Opt[uint32]) error {
	var u uint32
	err := a.u32(name, &u)
	if err == nil {
		*p = Some(u)
	}
	return err
}

func (a attr) optIndex(name string, p *Opt[int32]) error {
	var i int32
	err := a.index(name, &i)
	if err == nil {
		*p = Some(i)
	}
	return err
}

func (a attr) boolean(name string, p *bool) error {
	var u uint8
	err := a.u8(name, &u)
	if err == nil {
		*p = u != 0
	}
	return err
}

func (a attr) optBool(name string, p *Opt[bool]) error {
	var b bool
	err := a.boolean(name, &b)
	if err == nil {
		*p = Some(b)
	}
	return err
}

// maxName bounds strings: no name the kernel gives is longer than an alias
// (IFALIASZ, 256).
const maxName = 1024

// text stores a string, which ends at the first NUL or at the end of the
// attribute. Bytes that are not UTF-8 become U+FFFD.
func (a attr) text(name string, p *string) error {
	b := a.data
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	if len(b) > maxName {
		return &DecodeError{name, fmt.Sprintf("string of %d bytes", len(b))}
	}
	s := string(b)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	*p = s
	return nil
}

// maxHardwareAddr is MAX_ADDR_LEN (linux/netdevice.h).
const maxHardwareAddr = 32

func (a attr) hardwareAddr(name string, p *HardwareAddr) error {
	if len(a.data) > maxHardwareAddr {
		return &DecodeError{name, fmt.Sprintf("%d bytes, at most %d", len(a.data), maxHardwareAddr)}
	}
	*p = HardwareAddr(a.data)
	return nil
}

// ip stores an address of either family by its length.
func (a attr) ip(name string, p *netip.Addr) error {
	ip, ok := netip.AddrFromSlice(a.data)
	if !ok {
		return &DecodeError{name, fmt.Sprintf("%d bytes is no address", len(a.data))}
	}
	*p = ip
	return nil
}

// prefix stores an address of the family with the given number of bits.
func (a attr) prefix(name string, bits uint8, p *netip.Prefix) error {
	var ip netip.Addr
	if err := a.ip(name, &ip); err != nil {
		return err
	}
	if int(bits) > ip.BitLen() {
		return &DecodeError{name, fmt.Sprintf("prefix of %d bits", bits)}
	}
	*p = netip.PrefixFrom(ip, int(bits))
	return nil
}

func utoa(u uint64) string { return strconv.FormatUint(u, 10) }

func tooLong(name string, got, most int) error {
	return &DecodeError{name, fmt.Sprintf("%d, at most %d", got, most)}
}

// enumName returns the name of v, its number where the table has none.
func enumName(names []string, v uint64) string {
	if v < uint64(len(names)) && names[v] != "" {
		return names[v]
	}
	return utoa(v)
}
