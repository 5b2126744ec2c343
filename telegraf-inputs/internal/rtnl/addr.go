package rtnl

import (
	"encoding/binary"
	"net/netip"
)

// Addr is one RTM_NEWADDR or RTM_DELADDR message (struct ifaddrmsg and the
// IFA_* attributes of linux/if_addr.h).
type Addr struct {
	// Family is AF_INET or AF_INET6.
	Family Family
	Index  int32
	// Prefix is the local address with the length of its network. On a
	// point-to-point link the length belongs to Peer.
	Prefix netip.Prefix
	// Peer is the other end's address where it differs from the local one.
	Peer      netip.Addr `json:",omitzero"`
	Broadcast netip.Addr `json:",omitzero"`
	Anycast   netip.Addr `json:",omitzero"`
	Multicast netip.Addr `json:",omitzero"`
	Label     string     `json:",omitempty"`
	Scope     Scope
	// Flags are IFA_F_* (linux/if_addr.h); [Addr.FlagNames] names them.
	Flags uint32
	// Valid and Preferred are the lifetimes in seconds, [Forever] for no end.
	Valid, Preferred Opt[uint32] `json:",omitzero"`
	Protocol         AddrProto   `json:",omitzero"`
	Priority         uint32      `json:",omitempty"`
}

// Forever is the lifetime of addresses that do not expire.
const Forever = 0xffffffff

// Flags of addresses (linux/if_addr.h) that callers ask for.
const (
	AddrSecondary  uint32 = 0x01 // IFA_F_SECONDARY; temporary for IPv6
	AddrDADFailed  uint32 = 0x08 // IFA_F_DADFAILED
	AddrDeprecated uint32 = 0x20 // IFA_F_DEPRECATED
	AddrTentative  uint32 = 0x40 // IFA_F_TENTATIVE
	AddrPermanent  uint32 = 0x80 // IFA_F_PERMANENT
)

var addrFlags = []bit{
	{0x02, "nodad"}, {0x04, "optimistic"}, {0x08, "dadfailed"}, {0x10, "home"}, {0x20, "deprecated"},
	{0x40, "tentative"}, {0x80, "permanent"}, {0x100, "mngtmpaddr"}, {0x200, "noprefixroute"},
	{0x400, "autojoin"}, {0x800, "stable-privacy"},
}

// FlagNames returns the names of the flags as `ip address` calls them.
func (a *Addr) FlagNames() []string {
	names := bitNames(a.Flags&^AddrSecondary, addrFlags)
	if a.Flags&AddrSecondary == 0 {
		return names
	}
	if a.Family == FamilyIPv6 {
		return append([]string{"temporary"}, names...)
	}
	return append([]string{"secondary"}, names...)
}

const sizeofIfAddrmsg = 8 // struct ifaddrmsg

// DecodeAddr decodes the payload of an RTM_NEWADDR or RTM_DELADDR message.
func DecodeAddr(payload []byte) (Addr, error) {
	var a Addr
	err := a.decode(payload)
	return a, err
}

func (a *Addr) decode(b []byte) (first error) {
	if len(b) < sizeofIfAddrmsg {
		return shortHeader("ifaddrmsg", b, sizeofIfAddrmsg)
	}
	a.Family, a.Flags, a.Scope = Family(b[0]), uint32(b[2]), Scope(b[3])
	a.Index = int32(binary.NativeEndian.Uint32(b[4:]))
	bits := b[1]
	var address, local netip.Prefix
	it := newAttrs("RTM_NEWADDR", b[sizeofIfAddrmsg:])
	for it.next() {
		switch x := it.a; x.typ {
		case 1:
			keep(&first, x.prefix("IFA_ADDRESS", bits, &address))
		case 2:
			keep(&first, x.prefix("IFA_LOCAL", bits, &local))
		case 3:
			keep(&first, x.text("IFA_LABEL", &a.Label))
		case 4:
			keep(&first, x.ip("IFA_BROADCAST", &a.Broadcast))
		case 5:
			keep(&first, x.ip("IFA_ANYCAST", &a.Anycast))
		case 6:
			if len(x.data) < 8 {
				keep(&first, tooShort("IFA_CACHEINFO", len(x.data), 8))
				continue
			}
			a.Preferred = Some(binary.NativeEndian.Uint32(x.data))
			a.Valid = Some(binary.NativeEndian.Uint32(x.data[4:]))
		case 7:
			keep(&first, x.ip("IFA_MULTICAST", &a.Multicast))
		case 8:
			keep(&first, x.u32("IFA_FLAGS", &a.Flags))
		case 9:
			keep(&first, x.u32("IFA_RT_PRIORITY", &a.Priority))
		case 11:
			keep(&first, x.u8("IFA_PROTO", (*uint8)(&a.Protocol)))
		}
	}
	keep(&first, it.err)
	a.Prefix = address
	if local.IsValid() {
		a.Prefix = local
		if address.IsValid() && address.Addr() != local.Addr() {
			a.Peer = address.Addr()
		}
	}
	if first == nil && !a.Prefix.IsValid() && !a.Anycast.IsValid() && !a.Multicast.IsValid() {
		first = &DecodeError{"IFA_ADDRESS", "missing"}
	}
	return first
}
