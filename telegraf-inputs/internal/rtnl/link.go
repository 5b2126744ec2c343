package rtnl

import (
	"github.com/skein-net/skein/internal/entity"
)

// Link is one RTM_NEWLINK or RTM_DELLINK message (struct ifinfomsg and the
// IFLA_* attributes of linux/if_link.h).
//
// Messages differ in what they carry: a listing has everything, an event has
// neither VFs nor NumVF (the kernel only adds them on request, see
// [Conn.Link]), and RTM_DELLINK of a link that moved to another namespace
// carries NewNSID and NewIndex.
type Link struct {
	Index int32
	// Type is the ARPHRD_* number (linux/if_arp.h); [Link.EncapType] names it.
	Type uint16
	// Flags are IFF_* (linux/if.h); [Link.FlagNames] names them.
	Flags uint32
	// Change is the mask of flags that changed; all ones in listings.
	Change uint32

	Name     string
	AltNames []string `json:",omitempty"`
	Alias    string   `json:",omitempty"`

	MTU    uint32
	MinMTU uint32 `json:",omitempty"`
	// MaxMTU is 0 when the driver sets no limit.
	MaxMTU uint32 `json:",omitempty"`

	// MAC is the link-layer address: for Ethernet six bytes, for tunnels over IP
	// the local endpoint (4 or 16 bytes), empty for none.
	MAC       HardwareAddr `json:",omitempty"`
	Broadcast HardwareAddr `json:",omitempty"`
	PermMAC   HardwareAddr `json:",omitempty"`

	OperState OperState
	LinkMode  LinkMode
	// Carrier is not set on links that are down.
	Carrier        Opt[bool]   `json:",omitzero"`
	CarrierChanges Opt[uint32] `json:",omitzero"`
	CarrierUps     Opt[uint32] `json:",omitzero"`
	CarrierDowns   Opt[uint32] `json:",omitzero"`

	Qdisc       string      `json:",omitempty"`
	TxQueueLen  Opt[uint32] `json:",omitzero"`
	Group       Opt[uint32] `json:",omitzero"`
	NumTxQueues uint32      `json:",omitempty"`
	NumRxQueues uint32      `json:",omitempty"`
	Promiscuity Opt[uint32] `json:",omitzero"`
	AllMulti    Opt[uint32] `json:",omitzero"`

	GSOMaxSize uint32 `json:",omitempty"`
	GSOMaxSegs uint32 `json:",omitempty"`
	GROMaxSize uint32 `json:",omitempty"`
	TSOMaxSize uint32 `json:",omitempty"`
	TSOMaxSegs uint32 `json:",omitempty"`

	// Master is the index of the bridge, bond, VRF … that the link belongs to;
	// 0 for none.
	Master int32 `json:",omitempty"`
	// Parent is IFLA_LINK: the lower device of a vlan, macvlan …, the peer of a
	// veth. It is an index in the namespace LinkNSID when that is set, else in
	// the link's own. Not set: no such relation. 0: bound to no device.
	Parent   Opt[int32] `json:",omitzero"`
	LinkNSID Opt[int32] `json:",omitzero"`
	// NewNSID (-1: the namespace has no id here) and NewIndex tell where a link
	// went that left the namespace.
	NewNSID  Opt[int32] `json:",omitzero"`
	NewIndex Opt[int32] `json:",omitzero"`

	PhysPortName string `json:",omitempty"`
	PhysPortID   string `json:",omitempty"` // hexadecimal
	PhysSwitchID string `json:",omitempty"` // hexadecimal
	ParentDev    string `json:",omitempty"` // such as 0000:01:00.0
	ParentBus    string `json:",omitempty"` // such as pci
	ProtoDown    bool   `json:",omitempty"`
	ProtoDownWhy uint32 `json:",omitempty"` // bit mask of reasons
	InetFlags    uint32 `json:",omitempty"`
	AddrGenMode  string `json:",omitempty"` // eui64, none, stable_secret, random
	XDP          XDP    `json:",omitzero"`
	Kind         string `json:",omitempty"` // IFLA_INFO_KIND, empty for hardware
	SlaveKind    string `json:",omitempty"` // kind of the master
	// Info holds the attributes of Kind (IFLA_INFO_DATA) and SlaveInfo those
	// that the master's kind keeps about this link (IFLA_INFO_SLAVE_DATA).
	// Names are those of `ip -d -j link` in CamelCase, or Skydive's where it has
	// one. Interfaces inside Info are named by index.
	Info      entity.Attrs `json:",omitempty"`
	SlaveInfo entity.Attrs `json:",omitempty"`

	// Stats is nil when the message has none.
	Stats *Stats `json:",omitempty"`
	// NumVF is set only in answers to listings; VFs are the SR-IOV functions.
	NumVF Opt[uint32] `json:",omitzero"`
	VFs   []VF        `json:",omitempty"`
}

// XDP tells which XDP programs are attached (IFLA_XDP). The zero XDP: none.
type XDP struct {
	// Mode is "driver", "generic", "offload" or "multi"; empty for none.
	Mode string
	// ProgID is the program's id, for Mode "multi" the three others tell more.
	ProgID        uint32
	DriverProgID  uint32 `json:",omitempty"`
	GenericProgID uint32 `json:",omitempty"`
	OffloadProgID uint32 `json:",omitempty"`
}

// Stats is struct rtnl_link_stats64 (linux/if_link.h).
type Stats struct {
	RxPackets, TxPackets, RxBytes, TxBytes         uint64
	RxErrors, TxErrors, RxDropped, TxDropped       uint64
	Multicast, Collisions                          uint64
	RxLengthErrors, RxOverErrors, RxCrcErrors      uint64
	RxFrameErrors, RxFifoErrors, RxMissedErrors    uint64
	TxAbortedErrors, TxCarrierErrors, TxFifoErrors uint64
	TxHeartbeatErrors, TxWindowErrors              uint64
	RxCompressed, TxCompressed                     uint64
	RxNohandler, RxOtherhostDropped                uint64
}

// VF is one SR-IOV virtual function as its physical function describes it
// (IFLA_VF_INFO).
type VF struct {
	ID        uint32
	MAC       HardwareAddr `json:",omitempty"`
	Broadcast HardwareAddr `json:",omitempty"`
	// Vlan 0: none. VlanProto is "802.1Q" or "802.1ad".
	Vlan, Qos uint32
	VlanProto string `json:",omitempty"`
	// TxRate is the limit, MinTxRate and MaxTxRate the newer pair; Mbit/s, 0: none.
	TxRate, MinTxRate, MaxTxRate uint32
	SpoofChk                     Opt[bool] `json:",omitzero"`
	LinkState                    string    `json:",omitempty"` // auto, enable, disable
	Trust                        Opt[bool] `json:",omitzero"`
	RssQuery                     Opt[bool] `json:",omitzero"`
	NodeGUID                     string    `json:",omitempty"`
	PortGUID                     string    `json:",omitempty"`
}

// BridgePort is an RTM_NEWLINK or RTM_DELLINK message of family AF_BRIDGE: it
// is about a link as a port of a bridge, not about the link. A delete means
// that the link left the bridge.
type BridgePort struct {
	Index  int32
	Name   string
	Master int32
	// State is disabled, listening, learning, forwarding or blocking; empty when
	// the message does not say.
	State string `json:",omitempty"`
	// Info holds the port's attributes (IFLA_PROTINFO), named as SlaveInfo.
	Info entity.Attrs `json:",omitempty"`
}
