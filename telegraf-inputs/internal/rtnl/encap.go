package rtnl

import (
	"encoding/binary"
	"net/netip"

	"github.com/skein-net/skein/internal/entity"
)

// encapDecoder gathers the two attributes of a lightweight tunnel, which may
// come in either order.
type encapDecoder struct {
	typ  uint16
	data []byte
}

var encapNames = []string{1: "mpls", 2: "ip", 3: "ila", 4: "ip6", 5: "seg6", 6: "bpf", 7: "seg6local", 8: "rpl",
	9: "ioam6", 10: "xfrm"}

func (d *encapDecoder) setType(name string, a attr) error { return a.u16(name, &d.typ) }

// decode stores what was gathered; nothing when there was no type.
func (d *encapDecoder) decode(p **Encap) error {
	if d.typ == 0 {
		return nil
	}
	e := &Encap{Type: enumName(encapNames, uint64(d.typ))}
	*p = e
	table, ok := encapTables[e.Type]
	if !ok {
		return nil
	}
	attrs, err := decodeTable("encap "+e.Type, table, d.data, nil)
	e.Attrs = attrs.Normalize()
	return err
}

// Attributes of lightweight tunnels: linux/mpls_iptunnel.h, lwtunnel.h,
// seg6_iptunnel.h, seg6_local.h. Never changed.
var encapTables = map[string][]field{
	"mpls": {
		1: {name: "Labels", typ: tCustom, custom: labelStack},
		2: {name: "Ttl", typ: tU8},
	},
	"ip": {
		1: {name: "Id", typ: tBE64},
		2: {name: "Dst", typ: tIP},
		3: {name: "Src", typ: tIP},
		4: {name: "Ttl", typ: tU8},
		5: {name: "Tos", typ: tU8},
	},
	"ip6": {
		1: {name: "Id", typ: tBE64},
		2: {name: "Dst", typ: tIP},
		3: {name: "Src", typ: tIP},
		4: {name: "Hoplimit", typ: tU8},
		5: {name: "Tc", typ: tU8},
	},
	"seg6": {
		1: {name: "Segs", typ: tCustom, custom: seg6Encap},
		2: {name: "Tunsrc", typ: tIP},
	},
	"seg6local": {
		1: {name: "Action", typ: tEnum32, names: []string{1: "End", 2: "End.X", 3: "End.T", 4: "End.DX2", 5: "End.DX6",
			6: "End.DX4", 7: "End.DT6", 8: "End.DT4", 9: "End.B6", 10: "End.B6.Encaps", 11: "End.BM", 12: "End.S",
			13: "End.AS", 14: "End.AM", 15: "End.BPF", 16: "End.DT46"}},
		2: {name: "Segs", typ: tCustom, custom: seg6Header},
		3: {name: "Table", typ: tU32},
		4: {name: "Nh4", typ: tIP},
		5: {name: "Nh6", typ: tIP},
		6: {name: "Iif", typ: tU32},
		7: {name: "Oif", typ: tU32},
		9: {name: "Vrftable", typ: tU32},
	},
	"xfrm": {
		1: {name: "IfId", typ: tU32},
		2: {name: "LinkDev", typ: tU32NZ},
	},
}

// labelStack is a stack of MPLS labels.
func labelStack(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	labels, err := mplsLabels(f.name, a.data)
	if err != nil || labels == nil {
		return out, err
	}
	list := make([]entity.Value, len(labels))
	for i, l := range labels {
		list[i] = entity.Int(int64(l))
	}
	return append(out, entity.A(f.name, entity.List(list...))), nil
}

// seg6Encap is struct seg6_iptunnel_encap: a mode and a segment routing header.
func seg6Encap(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	if len(a.data) < 4 {
		return out, tooShort(f.name, len(a.data), 4)
	}
	modes := []string{"inline", "encap", "l2encap", "encap.red", "l2encap.red"}
	mode := enumName(modes, uint64(binary.NativeEndian.Uint32(a.data)))
	out = append(out, entity.A("Mode", entity.String(mode)))
	return seg6Header(f, attr{data: a.data[4:]}, out)
}

// seg6Header is a segment routing header (RFC 8754, section 2). It holds the
// segments last first; the list has them in the order of travel.
func seg6Header(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	const header = 8
	if len(a.data) < header {
		return out, tooShort(f.name, len(a.data), header)
	}
	n := int(a.data[4]) + 1
	if len(a.data) < header+16*n {
		return out, tooShort(f.name, len(a.data), header+16*n)
	}
	list := make([]entity.Value, n)
	for i := range n {
		at := header + 16*i
		list[n-1-i] = entity.String(netip.AddrFrom16([16]byte(a.data[at : at+16])).String())
	}
	return append(out, entity.A(f.name, entity.List(list...))), nil
}
