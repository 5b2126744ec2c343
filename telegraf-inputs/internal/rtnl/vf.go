package rtnl

import "encoding/binary"

// maxVFs bounds the list; PCI knows at most 256 functions a bus, devices
// announce up to a few thousand.
const maxVFs = 4096

// decodeVFs decodes IFLA_VFINFO_LIST.
func (l *Link) decodeVFs(b []byte) (first error) {
	it := newAttrs("IFLA_VFINFO_LIST", b)
	for it.next() {
		if it.a.typ != 1 { // IFLA_VF_INFO
			continue
		}
		if len(l.VFs) == maxVFs {
			return tooLong("IFLA_VFINFO_LIST", maxVFs+1, maxVFs)
		}
		var v VF
		keep(&first, v.decode(it.a.data, len(l.MAC)))
		l.VFs = append(l.VFs, v)
	}
	keep(&first, it.err)
	return first
}

// vfAttr says what one IFLA_VF_* structure looks like: its name and size. All
// but the broadcast address begin with the number of the function.
var vfAttr = [...]struct {
	name string
	size int
}{
	1:  {"IFLA_VF_MAC", 36},
	2:  {"IFLA_VF_VLAN", 12},
	3:  {"IFLA_VF_TX_RATE", 8},
	4:  {"IFLA_VF_SPOOFCHK", 8},
	5:  {"IFLA_VF_LINK_STATE", 8},
	6:  {"IFLA_VF_RATE", 12},
	7:  {"IFLA_VF_RSS_QUERY_EN", 8},
	9:  {"IFLA_VF_TRUST", 8},
	10: {"IFLA_VF_IB_NODE_GUID", 16},
	11: {"IFLA_VF_IB_PORT_GUID", 16},
	13: {"IFLA_VF_BROADCAST", 32},
}

// decode decodes one IFLA_VF_INFO; addrLen is the length of the addresses of
// the physical function.
func (v *VF) decode(b []byte, addrLen int) (first error) {
	if addrLen == 0 || addrLen > maxHardwareAddr {
		addrLen = 6
	}
	ne := binary.NativeEndian
	it := newAttrs("IFLA_VF_INFO", b)
	for it.next() {
		d := it.a.data
		if it.a.typ == 12 {
			keep(&first, v.decodeVlans(d))
			continue
		}
		if int(it.a.typ) >= len(vfAttr) || vfAttr[it.a.typ].size == 0 {
			continue
		}
		if s := vfAttr[it.a.typ]; len(d) < s.size {
			keep(&first, tooShort(s.name, len(d), s.size))
			continue
		}
		if it.a.typ == 13 {
			v.Broadcast = HardwareAddr(d[:addrLen])
			continue
		}
		v.ID = ne.Uint32(d)
		switch it.a.typ {
		case 1:
			v.MAC = HardwareAddr(d[4 : 4+addrLen])
		case 2:
			v.Vlan, v.Qos = ne.Uint32(d[4:]), ne.Uint32(d[8:])
		case 3:
			v.TxRate = ne.Uint32(d[4:])
		case 4:
			v.SpoofChk = setting(ne.Uint32(d[4:]))
		case 5:
			v.LinkState = enumName([]string{"auto", "enable", "disable"}, uint64(ne.Uint32(d[4:])))
		case 6:
			v.MinTxRate, v.MaxTxRate = ne.Uint32(d[4:]), ne.Uint32(d[8:])
		case 7:
			v.RssQuery = setting(ne.Uint32(d[4:]))
		case 9:
			v.Trust = setting(ne.Uint32(d[4:]))
		case 10:
			v.NodeGUID = guid(ne.Uint64(d[8:]))
		case 11:
			v.PortGUID = guid(ne.Uint64(d[8:]))
		}
	}
	keep(&first, it.err)
	return first
}

// decodeVlans reads the VLAN protocol from IFLA_VF_VLAN_LIST, of which only the
// first element is in use.
func (v *VF) decodeVlans(b []byte) error {
	it := newAttrs("IFLA_VF_VLAN_LIST", b)
	for it.next() {
		if it.a.typ != 1 {
			continue
		}
		if len(it.a.data) < 14 {
			return tooShort("IFLA_VF_VLAN_INFO", len(it.a.data), 14)
		}
		if v.VlanProto == "" && binary.NativeEndian.Uint32(it.a.data[4:]) != 0 {
			v.VlanProto = etherType(binary.BigEndian.Uint16(it.a.data[12:]))
		}
	}
	return it.err
}

// setting is a switch that drivers without it answer with -1.
func setting(u uint32) Opt[bool] {
	if u == 0xffffffff {
		return Opt[bool]{}
	}
	return Some(u != 0)
}

func guid(u uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], u)
	return HardwareAddr(b[:]).String()
}
