package rtnl

import "encoding/binary"

// sizeofIfInfomsg is the size of struct ifinfomsg (linux/rtnetlink.h).
const sizeofIfInfomsg = 16

// DecodeLink decodes the payload of an RTM_NEWLINK or RTM_DELLINK message. An
// error names the first attribute that is malformed; all others are decoded.
func DecodeLink(payload []byte) (Link, error) {
	var l Link
	_, err := l.decode(payload)
	return l, err
}

// decode fills l. partial tells that the message is one of those that carry
// nothing of the link but its index (IFLA_WIRELESS).
func (l *Link) decode(b []byte) (partial bool, first error) {
	if len(b) < sizeofIfInfomsg {
		return false, shortHeader("ifinfomsg", b, sizeofIfInfomsg)
	}
	l.Type = binary.NativeEndian.Uint16(b[2:])
	l.Index = int32(binary.NativeEndian.Uint32(b[4:]))
	l.Flags = binary.NativeEndian.Uint32(b[8:])
	l.Change = binary.NativeEndian.Uint32(b[12:])
	var d linkDecoder
	it := newAttrs("RTM_NEWLINK", b[sizeofIfInfomsg:])
	for it.next() {
		keep(&first, d.attr(l, it.a))
	}
	keep(&first, it.err)
	// These need what may come later in the message.
	keep(&first, l.decodeInfo(d.info))
	keep(&first, l.decodeVFs(d.vfs))
	return d.wireless && l.Name == "", first
}

// linkDecoder holds what waits for the end of the message.
type linkDecoder struct {
	info, vfs []byte
	wireless  bool
}

// attr decodes one IFLA_* attribute (linux/if_link.h).
func (d *linkDecoder) attr(l *Link, a attr) error {
	switch a.typ {
	case 1:
		return a.hardwareAddr("IFLA_ADDRESS", &l.MAC)
	case 2:
		return a.hardwareAddr("IFLA_BROADCAST", &l.Broadcast)
	case 3:
		return a.text("IFLA_IFNAME", &l.Name)
	case 4:
		return a.u32("IFLA_MTU", &l.MTU)
	case 5:
		return a.optIndex("IFLA_LINK", &l.Parent)
	case 6:
		return a.text("IFLA_QDISC", &l.Qdisc)
	case 10:
		return a.index("IFLA_MASTER", &l.Master)
	case 11:
		d.wireless = true
	case 13:
		return a.optU32("IFLA_TXQLEN", &l.TxQueueLen)
	case 16:
		return a.u8("IFLA_OPERSTATE", (*uint8)(&l.OperState))
	case 17:
		return a.u8("IFLA_LINKMODE", (*uint8)(&l.LinkMode))
	case 18:
		d.info = a.data
	case 20:
		return a.text("IFLA_IFALIAS", &l.Alias)
	case 21:
		return a.optU32("IFLA_NUM_VF", &l.NumVF)
	case 22:
		d.vfs = a.data
	case 23:
		l.Stats = new(Stats)
		return l.Stats.decode(a.data)
	case 26:
		return l.decodeAfSpec(a.data)
	case 27:
		return a.optU32("IFLA_GROUP", &l.Group)
	case 30:
		return a.optU32("IFLA_PROMISCUITY", &l.Promiscuity)
	case 31:
		return a.u32("IFLA_NUM_TX_QUEUES", &l.NumTxQueues)
	case 32:
		return a.u32("IFLA_NUM_RX_QUEUES", &l.NumRxQueues)
	case 33:
		return a.optBool("IFLA_CARRIER", &l.Carrier)
	default:
		return d.attr2(l, a)
	}
	return nil
}

// attr2 is attr for the numbers above those of Linux 3.x.
func (d *linkDecoder) attr2(l *Link, a attr) error {
	switch a.typ {
	case 34: // IFLA_PHYS_PORT_ID
		return a.id("IFLA_PHYS_PORT_ID", &l.PhysPortID)
	case 35:
		return a.optU32("IFLA_CARRIER_CHANGES", &l.CarrierChanges)
	case 36:
		return a.id("IFLA_PHYS_SWITCH_ID", &l.PhysSwitchID)
	case 37:
		return a.optIndex("IFLA_LINK_NETNSID", &l.LinkNSID)
	case 38:
		return a.text("IFLA_PHYS_PORT_NAME", &l.PhysPortName)
	case 39:
		return a.boolean("IFLA_PROTO_DOWN", &l.ProtoDown)
	case 40:
		return a.u32("IFLA_GSO_MAX_SEGS", &l.GSOMaxSegs)
	case 41:
		return a.u32("IFLA_GSO_MAX_SIZE", &l.GSOMaxSize)
	case 43:
		return l.XDP.decode(a.data)
	case 45:
		return a.optIndex("IFLA_NEW_NETNSID", &l.NewNSID)
	case 47:
		return a.optU32("IFLA_CARRIER_UP_COUNT", &l.CarrierUps)
	case 48:
		return a.optU32("IFLA_CARRIER_DOWN_COUNT", &l.CarrierDowns)
	case 49:
		return a.optIndex("IFLA_NEW_IFINDEX", &l.NewIndex)
	case 50:
		return a.u32("IFLA_MIN_MTU", &l.MinMTU)
	case 51:
		return a.u32("IFLA_MAX_MTU", &l.MaxMTU)
	case 52:
		return l.decodePropList(a.data)
	case 54:
		return a.hardwareAddr("IFLA_PERM_ADDRESS", &l.PermMAC)
	case 55:
		return l.decodeProtoDown(a.data)
	case 56:
		return a.text("IFLA_PARENT_DEV_NAME", &l.ParentDev)
	case 57:
		return a.text("IFLA_PARENT_DEV_BUS_NAME", &l.ParentBus)
	case 58:
		return a.u32("IFLA_GRO_MAX_SIZE", &l.GROMaxSize)
	case 59:
		return a.u32("IFLA_TSO_MAX_SIZE", &l.TSOMaxSize)
	case 60:
		return a.u32("IFLA_TSO_MAX_SEGS", &l.TSOMaxSegs)
	case 61:
		return a.optU32("IFLA_ALLMULTI", &l.AllMulti)
	}
	return nil
}

// id stores an identifier of up to 32 bytes (MAX_PHYS_ITEM_ID_LEN) as
// hexadecimal.
func (a attr) id(name string, p *string) error {
	if len(a.data) > maxHardwareAddr {
		return tooLong(name, len(a.data), maxHardwareAddr)
	}
	*p = hex(a.data)
	return nil
}

// maxAltNames bounds the list; the kernel itself has no bound but the size of a
// message.
const maxAltNames = 1024

func (l *Link) decodePropList(b []byte) (first error) {
	it := newAttrs("IFLA_PROP_LIST", b)
	for it.next() {
		if it.a.typ != 53 { // IFLA_ALT_IFNAME
			continue
		}
		if len(l.AltNames) == maxAltNames {
			return tooLong("IFLA_PROP_LIST", maxAltNames+1, maxAltNames)
		}
		var s string
		keep(&first, it.a.text("IFLA_ALT_IFNAME", &s))
		l.AltNames = append(l.AltNames, s)
	}
	keep(&first, it.err)
	return first
}

func (l *Link) decodeProtoDown(b []byte) (first error) {
	it := newAttrs("IFLA_PROTO_DOWN_REASON", b)
	for it.next() {
		if it.a.typ == 2 {
			keep(&first, it.a.u32("IFLA_PROTO_DOWN_REASON_VALUE", &l.ProtoDownWhy))
		}
	}
	keep(&first, it.err)
	return first
}

// decodeAfSpec reads IFLA_AF_SPEC, in which families have their own settings.
func (l *Link) decodeAfSpec(b []byte) (first error) {
	it := newAttrs("IFLA_AF_SPEC", b)
	for it.next() {
		if Family(it.a.typ) != FamilyIPv6 {
			continue
		}
		in := newAttrs("IFLA_AF_SPEC.inet6", it.a.data)
		for in.next() {
			switch in.a.typ {
			case 1:
				keep(&first, in.a.u32("IFLA_INET6_FLAGS", &l.InetFlags))
			case 8:
				var mode uint8
				if err := in.a.u8("IFLA_INET6_ADDR_GEN_MODE", &mode); err != nil {
					keep(&first, err)
					continue
				}
				l.AddrGenMode = enumName([]string{"eui64", "none", "stable_secret", "random"}, uint64(mode))
			}
		}
		keep(&first, in.err)
	}
	keep(&first, it.err)
	return first
}

func (x *XDP) decode(b []byte) (first error) {
	it := newAttrs("IFLA_XDP", b)
	for it.next() {
		switch it.a.typ {
		case 2:
			var mode uint8
			keep(&first, it.a.u8("IFLA_XDP_ATTACHED", &mode))
			if mode != 0 {
				x.Mode = enumName([]string{"", "driver", "generic", "offload", "multi"}, uint64(mode))
			}
		case 4:
			keep(&first, it.a.u32("IFLA_XDP_PROG_ID", &x.ProgID))
		case 5:
			keep(&first, it.a.u32("IFLA_XDP_DRV_PROG_ID", &x.DriverProgID))
		case 6:
			keep(&first, it.a.u32("IFLA_XDP_SKB_PROG_ID", &x.GenericProgID))
		case 7:
			keep(&first, it.a.u32("IFLA_XDP_HW_PROG_ID", &x.OffloadProgID))
		}
	}
	keep(&first, it.err)
	return first
}

// minStats is what struct rtnl_link_stats64 had when it came (Linux 2.6.35);
// fields were only ever added at its end.
const minStats = 23 * 8

func (s *Stats) decode(b []byte) error {
	if len(b) < minStats {
		return tooShort("IFLA_STATS64", len(b), minStats)
	}
	for i, p := range [...]*uint64{
		&s.RxPackets, &s.TxPackets, &s.RxBytes, &s.TxBytes, &s.RxErrors, &s.TxErrors, &s.RxDropped, &s.TxDropped,
		&s.Multicast, &s.Collisions, &s.RxLengthErrors, &s.RxOverErrors, &s.RxCrcErrors, &s.RxFrameErrors,
		&s.RxFifoErrors, &s.RxMissedErrors, &s.TxAbortedErrors, &s.TxCarrierErrors, &s.TxFifoErrors,
		&s.TxHeartbeatErrors, &s.TxWindowErrors, &s.RxCompressed, &s.TxCompressed, &s.RxNohandler, &s.RxOtherhostDropped,
	} {
		if len(b) < 8*(i+1) {
			break
		}
		*p = binary.NativeEndian.Uint64(b[8*i:])
	}
	return nil
}
