package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/skein-net/skein/internal/entity"
)

// A field says how one attribute of a table becomes a value. Tables are slices
// of fields indexed by the attribute's number; a field without a name is
// skipped. They are data and never change.
type field struct {
	// name is the key of the value.
	name string
	typ  fieldType
	// names are the names of an enumeration, or those of the bits of a mask.
	names []string
	// sub is the table of a nested attribute.
	sub []field
	// custom decodes what no type covers. It appends to out.
	custom func(f *field, a attr, out entity.Attrs) (entity.Attrs, error)
}

// fieldType is the type of an attribute's content.
type fieldType uint8

const (
	tNone fieldType = iota
	tU8
	tU16
	tU32
	tU64
	tS32
	tBE16
	tBE32
	tBE64
	// tNZ variants leave out zero, which means "none" there.
	tU8NZ
	tU32NZ
	tBE32NZ
	// tBool is a u8 that is true or false; tFlag is true by being there.
	tBool
	tFlag
	// tIP is an address of either family; the unspecified address is left out.
	tIP
	tMAC
	tString
	// tEnum8, 16 and 32 are numbers with names.
	tEnum8
	tEnum16
	tEnum32
	// tBits32 is a mask; the value is the list of the names of its bits.
	tBits32
	// tProto is an EtherType in network order.
	tProto
	// tNested is a map of what sub says.
	tNested
	// tCustom calls custom.
	tCustom
)

// decodeTable decodes the attributes b by the table and appends them to out.
// prefix names the whole in errors. One malformed attribute does not hide the
// others.
func decodeTable(prefix string, table []field, b []byte, out entity.Attrs) (_ entity.Attrs, first error) {
	it := newAttrs(prefix, b)
	for it.next() {
		if int(it.a.typ) >= len(table) || table[it.a.typ].typ == tNone {
			continue
		}
		f := &table[it.a.typ]
		if f.typ == tCustom {
			var err error
			if out, err = f.custom(f, it.a, out); err != nil {
				keep(&first, fieldError(prefix, f, err))
			}
			continue
		}
		v, err := f.value(it.a)
		if err != nil {
			keep(&first, fieldError(prefix, f, err))
			continue
		}
		if !v.IsZero() {
			out = append(out, entity.Attr{Key: f.name, Value: v})
		}
	}
	keep(&first, it.err)
	return out, first
}

func fieldError(prefix string, f *field, err error) error {
	var d *DecodeError
	if errors.As(err, &d) {
		return &DecodeError{prefix + "." + f.name, d.Reason}
	}
	return fmt.Errorf("decode %s.%s: %w", prefix, f.name, err)
}

// size is the least length of the types of fixed size.
func (t fieldType) size() int {
	switch t {
	case tU8, tU8NZ, tBool, tEnum8:
		return 1
	case tU16, tBE16, tEnum16, tProto:
		return 2
	case tU32, tS32, tBE32, tU32NZ, tBE32NZ, tEnum32, tBits32:
		return 4
	case tU64, tBE64:
		return 8
	default:
		return 0
	}
}

// value decodes one attribute; the zero Value means that it says nothing.
func (f *field) value(a attr) (entity.Value, error) {
	b := a.data
	if n := f.typ.size(); len(b) < n {
		return entity.Value{}, &DecodeError{Reason: fmt.Sprintf("%d bytes, want %d", len(b), n)}
	}
	ne, be := binary.NativeEndian, binary.BigEndian
	switch f.typ {
	case tU8:
		return entity.Int(int64(b[0])), nil
	case tU16:
		return entity.Int(int64(ne.Uint16(b))), nil
	case tU32:
		return entity.Int(int64(ne.Uint32(b))), nil
	case tU64:
		return entity.Uint(ne.Uint64(b)), nil
	case tS32:
		return entity.Int(int64(int32(ne.Uint32(b)))), nil
	case tBE16:
		return entity.Int(int64(be.Uint16(b))), nil
	case tBE32:
		return entity.Int(int64(be.Uint32(b))), nil
	case tBE64:
		return entity.Uint(be.Uint64(b)), nil
	case tU8NZ:
		return nonZero(uint64(b[0])), nil
	case tU32NZ:
		return nonZero(uint64(ne.Uint32(b))), nil
	case tBE32NZ:
		return nonZero(uint64(be.Uint32(b))), nil
	case tBool:
		return entity.Bool(b[0] != 0), nil
	case tFlag:
		return entity.Bool(true), nil
	case tEnum8:
		return entity.String(enumName(f.names, uint64(b[0]))), nil
	case tEnum16:
		return entity.String(enumName(f.names, uint64(ne.Uint16(b)))), nil
	case tEnum32:
		return entity.String(enumName(f.names, uint64(ne.Uint32(b)))), nil
	case tBits32:
		return bitValue(ne.Uint32(b), f.names), nil
	case tProto:
		return entity.String(etherType(be.Uint16(b))), nil
	default:
		return f.compound(a)
	}
}

// compound decodes the types of no fixed size.
func (f *field) compound(a attr) (entity.Value, error) {
	var none entity.Value
	switch f.typ {
	case tIP:
		ip, ok := netip.AddrFromSlice(a.data)
		if !ok {
			return none, &DecodeError{Reason: fmt.Sprintf("%d bytes is no address", len(a.data))}
		}
		if ip.IsUnspecified() {
			return none, nil
		}
		return entity.String(ip.String()), nil
	case tMAC:
		var h HardwareAddr
		if err := a.hardwareAddr("", &h); err != nil {
			return none, err
		}
		return entity.String(h.String()), nil
	case tString:
		var s string
		if err := a.text("", &s); err != nil {
			return none, err
		}
		return entity.String(s), nil
	case tNested:
		in, err := decodeTable(f.name, f.sub, a.data, nil)
		if err != nil || len(in) == 0 {
			return none, err
		}
		return entity.Map(in.Normalize()), nil
	}
	return none, nil
}

func nonZero(u uint64) entity.Value {
	if u == 0 {
		return entity.Value{}
	}
	return entity.Uint(u)
}

// bitValue returns the list of the names of the bits that are set, none when
// no bit is.
func bitValue(v uint32, names []string) entity.Value {
	var list []entity.Value
	for i, name := range names {
		if v&(1<<i) != 0 && name != "" {
			list = append(list, entity.String(name))
			v &^= 1 << i
		}
	}
	if v != 0 {
		list = append(list, entity.String("0x"+hexUint(uint64(v))))
	}
	if list == nil {
		return entity.Value{}
	}
	return entity.List(list...)
}

// etherType returns the name of an EtherType as `ip` prints it.
func etherType(p uint16) string {
	switch p {
	case 0x0800:
		return "ip"
	case 0x0806:
		return "arp"
	case 0x8100:
		return "802.1Q"
	case 0x88a8:
		return "802.1ad"
	case 0x86dd:
		return "ipv6"
	case 0x8847:
		return "mpls_uc"
	case 0x8848:
		return "mpls_mc"
	default:
		return "0x" + hexUint(uint64(p))
	}
}
