package rtnl

import (
	"encoding/binary"
	"net/netip"
)

// Neigh is one RTM_NEWNEIGH or RTM_DELNEIGH message (struct ndmsg and the
// NDA_* attributes of linux/neighbour.h): an ARP or ND entry when Family is
// AF_INET or AF_INET6, an FDB entry of a bridge or a VXLAN when it is AF_BRIDGE.
type Neigh struct {
	Family Family
	Index  int32
	// State is NUD_*; [Neigh.StateNames] names it.
	State uint16
	// Flags is NTF_* and ExtFlags NTF_EXT_*; [Neigh.FlagNames] names both.
	Flags    uint8
	ExtFlags uint32 `json:",omitempty"`
	// Type is RTN_*.
	Type RouteType
	// IP is the neighbour's address, or the remote VTEP of an FDB entry.
	IP  netip.Addr   `json:",omitzero"`
	MAC HardwareAddr `json:",omitempty"`
	// Vlan 0: none.
	Vlan   uint16      `json:",omitempty"`
	VNI    Opt[uint32] `json:",omitzero"`
	SrcVNI Opt[uint32] `json:",omitzero"`
	Port   uint16      `json:",omitempty"` // UDP port of a remote VTEP
	// Master is the bridge of an FDB entry, Via the device that NDA_IFINDEX names.
	Master    int32      `json:",omitempty"`
	Via       int32      `json:",omitempty"`
	LinkNSID  Opt[int32] `json:",omitzero"`
	NexthopID uint32     `json:",omitempty"`
	Protocol  RouteProto
	Probes    Opt[uint32] `json:",omitzero"`
	// Used, Confirmed and Updated are ages in clock ticks (1/100 s) at the time
	// of the message. They change all the time: no identity, no revision.
	Used, Confirmed, Updated, RefCount uint32 `json:",omitempty"`
}

var nudStates = []bit{
	{0x01, "NUD_INCOMPLETE"}, {0x02, "NUD_REACHABLE"}, {0x04, "NUD_STALE"}, {0x08, "NUD_DELAY"},
	{0x10, "NUD_PROBE"}, {0x20, "NUD_FAILED"}, {0x40, "NUD_NOARP"}, {0x80, "NUD_PERMANENT"},
}

// Bits of Neigh.State that callers ask for.
const (
	NeighNoARP     uint16 = 0x40 // NUD_NOARP
	NeighPermanent uint16 = 0x80 // NUD_PERMANENT
)

var (
	ntfFlags = []bit{
		{0x01, "NTF_USE"}, {0x02, "NTF_SELF"}, {0x04, "NTF_MASTER"}, {0x08, "NTF_PROXY"},
		{0x10, "NTF_EXT_LEARNED"}, {0x20, "NTF_OFFLOADED"}, {0x40, "NTF_STICKY"}, {0x80, "NTF_ROUTER"},
	}
	ntfExtFlags = []bit{{0x01, "NTF_EXT_MANAGED"}, {0x02, "NTF_EXT_LOCKED"}, {0x04, "NTF_EXT_EXT_VALIDATED"}}
)

// StateNames returns the names of the state's bits, "NUD_NONE" for none.
func (n *Neigh) StateNames() []string {
	if n.State == 0 {
		return []string{"NUD_NONE"}
	}
	return bitNames(uint32(n.State), nudStates)
}

// FlagNames returns the names of the flags and of the extended flags.
func (n *Neigh) FlagNames() []string {
	return append(bitNames(uint32(n.Flags), ntfFlags), bitNames(n.ExtFlags, ntfExtFlags)...)
}

const sizeofNdmsg = 12 // struct ndmsg

// DecodeNeigh decodes the payload of an RTM_NEWNEIGH or RTM_DELNEIGH message.
func DecodeNeigh(payload []byte) (Neigh, error) {
	var n Neigh
	err := n.decode(payload)
	return n, err
}

func (n *Neigh) decode(b []byte) (first error) {
	if len(b) < sizeofNdmsg {
		return shortHeader("ndmsg", b, sizeofNdmsg)
	}
	n.Family, n.Index = Family(b[0]), int32(binary.NativeEndian.Uint32(b[4:]))
	n.State, n.Flags, n.Type = binary.NativeEndian.Uint16(b[8:]), b[10], RouteType(b[11])
	it := newAttrs("RTM_NEWNEIGH", b[sizeofNdmsg:])
	for it.next() {
		keep(&first, n.attr(it.a))
	}
	keep(&first, it.err)
	return first
}

// attr decodes one NDA_* attribute (linux/neighbour.h).
func (n *Neigh) attr(a attr) error {
	switch a.typ {
	case 1:
		return a.ip("NDA_DST", &n.IP)
	case 2:
		return a.hardwareAddr("NDA_LLADDR", &n.MAC)
	case 3:
		if len(a.data) < 16 {
			return tooShort("NDA_CACHEINFO", len(a.data), 16)
		}
		n.Confirmed = binary.NativeEndian.Uint32(a.data)
		n.Used = binary.NativeEndian.Uint32(a.data[4:])
		n.Updated = binary.NativeEndian.Uint32(a.data[8:])
		n.RefCount = binary.NativeEndian.Uint32(a.data[12:])
	case 4:
		return a.optU32("NDA_PROBES", &n.Probes)
	case 5:
		return a.u16("NDA_VLAN", &n.Vlan)
	case 6:
		return a.be16("NDA_PORT", &n.Port)
	case 7:
		return a.optU32("NDA_VNI", &n.VNI)
	case 8:
		return a.index("NDA_IFINDEX", &n.Via)
	case 9:
		return a.index("NDA_MASTER", &n.Master)
	case 10:
		return a.optIndex("NDA_LINK_NETNSID", &n.LinkNSID)
	case 11:
		return a.optU32("NDA_SRC_VNI", &n.SrcVNI)
	case 12:
		return a.u8("NDA_PROTOCOL", (*uint8)(&n.Protocol))
	case 13:
		return a.u32("NDA_NH_ID", &n.NexthopID)
	case 15:
		return a.u32("NDA_FLAGS_EXT", &n.ExtFlags)
	}
	return nil
}

const (
	ntfProxy      = 0x08
	ntfExtLearned = 0x10
)

// IsTopology reports whether the entry is one that `ip neighbour` shows by
// default: not those that the kernel keeps for its own addresses and for
// multicast (NUD_NOARP), nor those of no state, unless they are proxies or
// were learned from outside. It says nothing of FDB entries.
func (n *Neigh) IsTopology() bool {
	return n.State&^NeighNoARP != 0 || n.Flags&(ntfProxy|ntfExtLearned) != 0
}
