package rtnl

import (
	"encoding/binary"
	"net/netip"
)

// Nexthop is one RTM_NEWNEXTHOP or RTM_DELNEXTHOP message (struct nhmsg and the
// NHA_* attributes of linux/nexthop.h): a nexthop object.
type Nexthop struct {
	ID       uint32
	Family   Family
	Scope    Scope
	Protocol RouteProto
	// Flags are RTNH_F_*.
	Flags     uint32
	Gateway   netip.Addr    `json:",omitzero"`
	OutIf     int32         `json:",omitempty"`
	Blackhole bool          `json:",omitempty"`
	FDB       bool          `json:",omitempty"`
	Encap     *Encap        `json:",omitempty"`
	Master    int32         `json:",omitempty"`
	Group     []GroupMember `json:",omitempty"`
	// GroupType is mpath or resilient; empty when the object is no group.
	GroupType string `json:",omitempty"`
	// Buckets and the timers (1/100 s) belong to resilient groups.
	Buckets         uint16 `json:",omitempty"`
	IdleTimer       uint32 `json:",omitempty"`
	UnbalancedTimer uint32 `json:",omitempty"`
}

// GroupMember is one member of a nexthop group (struct nexthop_grp).
type GroupMember struct {
	ID uint32
	// Weight counts from 1.
	Weight int
}

const (
	sizeofNhmsg      = 8    // struct nhmsg
	sizeofNexthopGrp = 8    // struct nexthop_grp
	maxGroup         = 4096 // members; the kernel's own bound is a message
)

// DecodeNexthop decodes the payload of an RTM_NEWNEXTHOP or RTM_DELNEXTHOP
// message.
func DecodeNexthop(payload []byte) (Nexthop, error) {
	var n Nexthop
	err := n.decode(payload)
	return n, err
}

func (n *Nexthop) decode(b []byte) (first error) {
	if len(b) < sizeofNhmsg {
		return shortHeader("nhmsg", b, sizeofNhmsg)
	}
	n.Family, n.Scope, n.Protocol = Family(b[0]), Scope(b[1]), RouteProto(b[2])
	n.Flags = binary.NativeEndian.Uint32(b[4:])
	var encap encapDecoder
	it := newAttrs("RTM_NEWNEXTHOP", b[sizeofNhmsg:])
	for it.next() {
		switch a := it.a; a.typ {
		case 1:
			keep(&first, a.u32("NHA_ID", &n.ID))
		case 2:
			keep(&first, n.decodeGroup(a))
		case 3:
			var t uint16
			keep(&first, a.u16("NHA_GROUP_TYPE", &t))
			n.GroupType = enumName([]string{"mpath", "resilient"}, uint64(t))
		case 4:
			n.Blackhole = true
		case 5:
			keep(&first, a.index("NHA_OIF", &n.OutIf))
		case 6:
			keep(&first, a.ip("NHA_GATEWAY", &n.Gateway))
		case 7:
			keep(&first, encap.setType("NHA_ENCAP_TYPE", a))
		case 8:
			encap.data = a.data
		case 10:
			keep(&first, a.index("NHA_MASTER", &n.Master))
		case 11:
			n.FDB = true
		case 12:
			keep(&first, n.decodeResilient(a))
		}
	}
	keep(&first, it.err)
	keep(&first, encap.decode(&n.Encap))
	if len(n.Group) == 0 {
		n.GroupType = ""
	}
	if first == nil && n.ID == 0 {
		first = &DecodeError{"NHA_ID", "missing"}
	}
	return first
}

func (n *Nexthop) decodeGroup(a attr) error {
	if len(a.data)%sizeofNexthopGrp != 0 || len(a.data) > maxGroup*sizeofNexthopGrp {
		return &DecodeError{"NHA_GROUP", utoa(uint64(len(a.data))) + " bytes is no list of nexthop_grp"}
	}
	n.Group = make([]GroupMember, 0, len(a.data)/sizeofNexthopGrp)
	for b := a.data; len(b) > 0; b = b[sizeofNexthopGrp:] {
		n.Group = append(n.Group, GroupMember{
			ID: binary.NativeEndian.Uint32(b),
			// weight_high came with Linux 6.12; it was reserved and zero before.
			Weight: (int(b[4]) | int(b[5])<<8) + 1,
		})
	}
	return nil
}

func (n *Nexthop) decodeResilient(a attr) (first error) {
	it := newAttrs("NHA_RES_GROUP", a.data)
	for it.next() {
		switch it.a.typ {
		case 1:
			keep(&first, it.a.u16("NHA_RES_GROUP_BUCKETS", &n.Buckets))
		case 2:
			keep(&first, it.a.u32("NHA_RES_GROUP_IDLE_TIMER", &n.IdleTimer))
		case 3:
			keep(&first, it.a.u32("NHA_RES_GROUP_UNBALANCED_TIMER", &n.UnbalancedTimer))
		}
	}
	keep(&first, it.err)
	return first
}
