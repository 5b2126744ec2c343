package rtnl

import (
	"encoding/binary"
	"fmt"

	"github.com/skein-net/skein/internal/entity"
)

// maxListed bounds lists inside attributes.
const maxListed = 4096

// addrList is a nested list of addresses.
func addrList(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	var list []entity.Value
	it := newAttrs(f.name, a.data)
	for it.next() && len(list) < maxListed {
		v, err := (&field{typ: tIP}).value(it.a)
		if err != nil {
			return out, err
		}
		if !v.IsZero() {
			list = append(list, v)
		}
	}
	if it.err != nil || list == nil {
		return out, it.err
	}
	return append(out, entity.A(f.name, entity.List(list...))), nil
}

// macList is a nested list of link-layer addresses.
func macList(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	var list []entity.Value
	it := newAttrs(f.name, a.data)
	for it.next() && len(list) < maxListed {
		v, err := (&field{typ: tMAC}).value(it.a)
		if err != nil {
			return out, err
		}
		list = append(list, v)
	}
	if it.err != nil || list == nil {
		return out, it.err
	}
	return append(out, entity.A(f.name, entity.List(list...))), nil
}

// fixed returns the first n bytes of an attribute of fixed layout.
func fixed(a attr, n int) ([]byte, error) {
	if len(a.data) < n {
		return nil, &DecodeError{Reason: fmt.Sprintf("%d bytes, want %d", len(a.data), n)}
	}
	return a.data[:n], nil
}

// bridgeID is struct ifla_bridge_id: "8000.aa:bb:cc:dd:ee:ff" as ip prints it.
func bridgeID(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	b, err := fixed(a, 8)
	if err != nil {
		return out, err
	}
	var mac []byte
	for i, c := range b[2:] {
		if i > 0 {
			mac = append(mac, ':')
		}
		mac = append(mac, hexUint(uint64(c))...)
	}
	return append(out, entity.A(f.name, entity.String(hex(b[:2])+"."+string(mac)))), nil
}

// multicastOr is an address whose name depends on what it is: Group for a
// multicast address, Remote for any other; left out when unspecified.
func multicastOr(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	v, err := (&field{typ: tIP}).value(a)
	if err != nil || v.IsZero() {
		return out, err
	}
	name := "Remote"
	if len(a.data) == 4 && a.data[0]>>4 == 0xe || len(a.data) == 16 && a.data[0] == 0xff {
		name = "Group"
	}
	return append(out, entity.A(name, v)), nil
}

// portRange is a pair of ports in network order.
func portRange(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	b, err := fixed(a, 4)
	if err != nil {
		return out, err
	}
	return append(out, entity.A(f.name, entity.Map(entity.Attrs{
		entity.A("High", entity.Int(int64(binary.BigEndian.Uint16(b[2:])))),
		entity.A("Low", entity.Int(int64(binary.BigEndian.Uint16(b)))),
	}))), nil
}

// qosMap is a nested list of struct ifla_vlan_qos_mapping.
func qosMap(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	var list []entity.Value
	it := newAttrs(f.name, a.data)
	for it.next() && len(list) < maxListed {
		b, err := fixed(it.a, 8)
		if err != nil {
			return out, err
		}
		list = append(list, entity.Map(entity.Attrs{
			entity.A("From", entity.Int(int64(binary.NativeEndian.Uint32(b)))),
			entity.A("To", entity.Int(int64(binary.NativeEndian.Uint32(b[4:])))),
		}))
	}
	if it.err != nil || list == nil {
		return out, it.err
	}
	return append(out, entity.A(f.name, entity.List(list...))), nil
}

// macvlanMode is one of the bits of enum macvlan_mode.
func macvlanMode(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	var v uint32
	if err := a.u32(f.name, &v); err != nil {
		return out, err
	}
	names := []string{1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}
	return append(out, entity.A(f.name, entity.String(enumName(names, uint64(v))))), nil
}

// bits16 is a mask of 16 bits; zero bits give the name of names[16], if there
// is one, else nothing.
func bits16(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	var v uint16
	if err := a.u16(f.name, &v); err != nil {
		return out, err
	}
	list := bitValue(uint32(v), f.names[:min(len(f.names), 16)])
	if v == 0 && len(f.names) > 16 {
		list = entity.Strings(f.names[16])
	}
	if list.IsZero() {
		return out, nil
	}
	return append(out, entity.A(f.name, list)), nil
}

// boolOpts is struct br_boolopt_multi: the options that the kernel knows, each
// under its own name, as numbers like ip prints them.
func boolOpts(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	b, err := fixed(a, 8)
	if err != nil {
		return out, err
	}
	value, mask := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])
	for i, name := range f.names {
		if mask&(1<<i) != 0 {
			out = append(out, entity.A(name, entity.Int(int64(value>>i&1))))
		}
	}
	return out, nil
}

// hex64 is a number of 64 bits in network order as 16 hexadecimal digits.
func hex64(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	b, err := fixed(a, 8)
	if err != nil {
		return out, err
	}
	return append(out, entity.A(f.name, entity.String(hex(b)))), nil
}

// tunnelKey is a key of a tunnel in the dotted form that ip prints.
func tunnelKey(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	b, err := fixed(a, 4)
	if err != nil {
		return out, err
	}
	return append(out, entity.A(f.name, entity.String(fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3])))), nil
}

// flowInfo is the first word of an IPv6 header: traffic class and flow label,
// in the hexadecimal form that ip prints.
func flowInfo(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	b, err := fixed(a, 4)
	if err != nil {
		return out, err
	}
	v := binary.BigEndian.Uint32(b)
	return append(out,
		entity.A("Tclass", entity.String(fmt.Sprintf("0x%02x", v>>20&0xff))),
		entity.A("Flowlabel", entity.String(fmt.Sprintf("0x%05x", v&0xfffff)))), nil
}

// cipherSuite names MACSEC_CIPHER_ID_* (linux/if_macsec.h).
func cipherSuite(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	b, err := fixed(a, 8)
	if err != nil {
		return out, err
	}
	var name string
	switch id := binary.NativeEndian.Uint64(b); id {
	case 0x0080020001000001, 0x0080c20001000001:
		name = "GCM-AES-128"
	case 0x0080c20001000002:
		name = "GCM-AES-256"
	case 0x0080c20001000003:
		name = "GCM-AES-XPN-128"
	case 0x0080c20001000004:
		name = "GCM-AES-XPN-256"
	default:
		name = fmt.Sprintf("%016x", id)
	}
	return append(out, entity.A(f.name, entity.String(name))), nil
}

// ip6Flags is IP6_TNL_F_* (linux/ip6_tunnel.h) without its upper half, in which
// the kernel notes what the tunnel can do at the moment (IP6_TNL_F_CAP_*).
func ip6Flags(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	b, err := fixed(a, 4)
	if err != nil {
		return out, err
	}
	if v := bitValue(binary.NativeEndian.Uint32(b)&0xffff, f.names); !v.IsZero() {
		out = append(out, entity.A(f.name, v))
	}
	return out, nil
}
