package openflow

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// appendField appends a field to a match, exact when mask is nil.
func appendField(b []byte, class uint16, number uint8, v, mask []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, class)
	masked := uint8(0)
	if mask != nil {
		masked = 1
	}
	vendor := []byte(nil)
	if class == classVendor {
		vendor = binary.BigEndian.AppendUint32(nil, vendorNSH)
	}
	b = append(b, number<<1|masked, uint8(len(vendor)+len(v)+len(mask)))
	return append(append(append(b, vendor...), v...), mask...)
}

// Only where ovs-ofctl prints several matches alike more is said.
func TestIdentityIsTheTextOfTheMatch(t *testing.T) {
	metadata := func(v, mask string) []byte { return appendField(nil, classNXM1, 40, []byte(v), []byte(mask)) }
	for _, c := range []struct {
		fields      []byte
		match, more string
	}{
		{nil, "", ""},
		{appendField(nil, classBasic, 5, []byte{8, 0}, nil), "ip", ""},
		{appendField(nil, classNXM1, 40, []byte("\x00\x00\x00\xbe"), nil), "tun_metadata0=0xbe", ""},
		{metadata("\x00\x00\x00\xbe", "\x00\x00\xff\xff"), "tun_metadata0=0xbe", ";tun_metadata0=0x000000be/0x0000ffff"},
		{metadata("\x00\x00\x00\xbe", "\x00\x00\x00\xff"), "tun_metadata0=0xbe", ";tun_metadata0=0x000000be/0x000000ff"},
		{metadata("\x00\x00\x00\xbe", "\x00\x00\x00\xfe"), "tun_metadata0=0xbe/0xfe", ""},
		{metadata("\x00\x00\x00\x00", "\x00\x00\x00\x00"), "tun_metadata0", ""},
	} {
		r := &Rule{}
		newDecoder(V13).matchFields(r, c.fields)
		if r.Match() != c.match || r.MatchIdentity() != c.match+c.more {
			t.Errorf("%x: match %q, identity %q, want %q and %q", c.fields, r.Match(), r.MatchIdentity(), c.match, c.match+c.more)
		}
	}
}

// Matches that differ have identities that differ, also where their texts do not.
func TestIdentitiesAreUnambiguous(t *testing.T) {
	type matches map[string]string // canonical, by identity
	be := func(n, size int) []byte {
		b := binary.BigEndian.AppendUint64(make([]byte, 16), uint64(n))
		return b[len(b)-size:]
	}
	check := func(seen matches, prefix, fields []byte, canonical string) {
		r := &Rule{}
		newDecoder(V13).matchFields(r, append(append([]byte(nil), prefix...), fields...))
		if old, ok := seen[r.MatchIdentity()]; ok && old != canonical {
			t.Errorf("%s and %s are both %q", old, canonical, r.MatchIdentity())
		}
		seen[r.MatchIdentity()] = canonical
	}
	ethType := func(n int) []byte { return appendField(nil, classBasic, 5, be(n, 2), nil) }
	proto := func(eth, n int) []byte { return appendField(ethType(eth), classBasic, 10, be(n, 1), nil) }
	prefixes := [][]byte{
		nil, ethType(etherIP), ethType(etherIPv6), ethType(etherARP), ethType(etherMPLS), ethType(etherNSH),
		proto(etherIP, protoTCP), proto(etherIPv6, protoICMPv6), proto(etherIP, protoUDP),
	}
	n := 0
	for _, class := range []uint16{classNXM0, classNXM1, classBasic, classRegs, classEricsson, classVendor} {
		for number := range uint8(128) {
			id := (oxmHeader{class: class, vendor: vendorNSH, number: number}).field()
			if id == noField {
				continue
			}
			size, bits := id.info().bytes, id.info().bits
			if size == 0 {
				size = 4 // a switch has one size for each tun_metadata
			}
			for _, prefix := range prefixes {
				seen := matches{}
				all := 1<<min(8*size, 62) - 1
				for _, mask := range []int{all, 1, 2, 3, 6, 7, 0xf, 0x1f, 0xf0, 0xfe, 0xff, 0x100, 0xfff, 0x1000, 0x1fff, 0xf000, 0xffff, 0xfffff, 0xffffff} {
					for _, value := range []int{0, 1, 2, 3, 5, 6, 7, 0x12, 0x80, 0xbe, 0x123, 0x1005, 0x2000, 0x12345} {
						if mask&all != mask || value&mask != value || bits < 62 && (value>>bits != 0 || mask != all && mask>>bits != 0) {
							continue // a switch refuses it
						}
						if id == fNwTOS && value&3 != 0 {
							continue // likewise
						}
						m := be(mask, size)
						if mask == all {
							m = nil
							for range size {
								m = append(m, 0xff)
							}
						}
						if id == fIPFrag && mask == 3 {
							m = []byte{0xff} // means the same
						}
						canonical := fmt.Sprintf("%s=%x/%x", id.info().name, be(value, size), m)
						wire := be(mask, size)
						if mask == all {
							wire = nil
						}
						check(seen, prefix, appendField(nil, class, number, be(value, size), wire), canonical)
						n++
					}
				}
			}
		}
	}
	if n < 10_000 {
		t.Errorf("only %d matches", n)
	}
}
