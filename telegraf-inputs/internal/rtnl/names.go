package rtnl

// Family is an address family (linux/socket.h).
type Family uint8

// The families of rtnetlink messages.
const (
	FamilyUnspec Family = 0   // AF_UNSPEC
	FamilyIPv4   Family = 2   // AF_INET
	FamilyBridge Family = 7   // AF_BRIDGE
	FamilyIPv6   Family = 10  // AF_INET6
	FamilyMPLS   Family = 28  // AF_MPLS
	familyIPMR   Family = 128 // RTNL_FAMILY_IPMR
	familyIP6MR  Family = 129 // RTNL_FAMILY_IP6MR
)

// String returns the name that `ip` uses.
func (f Family) String() string {
	switch f {
	case FamilyUnspec:
		return "unspec"
	case FamilyIPv4:
		return "inet"
	case FamilyIPv6:
		return "inet6"
	case FamilyBridge:
		return "bridge"
	case FamilyMPLS:
		return "mpls"
	case familyIPMR:
		return "ipmr"
	case familyIP6MR:
		return "ip6mr"
	default:
		return utoa(uint64(f))
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (f Family) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Scope is the scope of an address or a route (enum rt_scope_t).
type Scope uint8

// String returns the name that `ip` uses, the number where it has none.
func (s Scope) String() string {
	switch s {
	case 0:
		return "global"
	case 200:
		return "site"
	case 253:
		return "link"
	case 254:
		return "host"
	case 255:
		return "nowhere"
	default:
		return utoa(uint64(s))
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// RouteType is the type of a route (RTN_*).
type RouteType uint8

// Types of routes.
const (
	RouteUnicast   RouteType = 1
	RouteLocal     RouteType = 2
	RouteBroadcast RouteType = 3
	RouteAnycast   RouteType = 4
	RouteMulticast RouteType = 5
)

// String returns the name that `ip` uses, the number where it has none.
func (t RouteType) String() string {
	names := [...]string{"none", "unicast", "local", "broadcast", "anycast", "multicast",
		"blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve"}
	if int(t) < len(names) {
		return names[t]
	}
	return utoa(uint64(t))
}

// MarshalText implements [encoding.TextMarshaler].
func (t RouteType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// RouteProto tells who made a route, a rule, a neighbour or a nexthop (RTPROT_*).
type RouteProto uint8

// String returns the name that `ip` uses, the number where it has none.
func (p RouteProto) String() string {
	switch p {
	case 0:
		return "unspec"
	case 1:
		return "redirect"
	case 2:
		return "kernel"
	case 3:
		return "boot"
	case 4:
		return "static"
	case 8:
		return "gated"
	case 9:
		return "ra"
	case 10:
		return "mrt"
	case 11:
		return "zebra"
	case 12:
		return "bird"
	case 13:
		return "dnrouted"
	case 14:
		return "xorp"
	case 15:
		return "ntk"
	case 16:
		return "dhcp"
	case 18:
		return "keepalived"
	case 42:
		return "babel"
	case 84:
		return "ovn"
	case 99:
		return "openr"
	case 186:
		return "bgp"
	case 187:
		return "isis"
	case 188:
		return "ospf"
	case 189:
		return "rip"
	case 192:
		return "eigrp"
	default:
		return utoa(uint64(p))
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (p RouteProto) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Routing tables that the kernel itself has (enum rt_class_t).
const (
	TableDefault uint32 = 253
	TableMain    uint32 = 254
	TableLocal   uint32 = 255
)

// TableName returns the name of a routing table that the kernel itself has,
// the number for all others; what /etc/iproute2/rt_tables says does not matter.
func TableName(t uint32) string {
	switch t {
	case TableDefault:
		return "default"
	case TableMain:
		return "main"
	case TableLocal:
		return "local"
	default:
		return utoa(uint64(t))
	}
}

// AddrProto tells who made an address (IFAPROT_*).
type AddrProto uint8

// String returns the name that `ip` uses, the number where it has none.
func (p AddrProto) String() string {
	switch p {
	case 0:
		return "unspec"
	case 1:
		return "kernel_lo"
	case 2:
		return "kernel_ra"
	case 3:
		return "kernel_ll"
	default:
		return utoa(uint64(p))
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (p AddrProto) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// OperState is the operational state of a link (IF_OPER_*, RFC 2863).
type OperState uint8

// String returns the name that `ip` uses.
func (s OperState) String() string {
	names := [...]string{"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"}
	if int(s) < len(names) {
		return names[s]
	}
	return utoa(uint64(s))
}

// MarshalText implements [encoding.TextMarshaler].
func (s OperState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LinkMode is the policy of the operational state (IF_LINK_MODE_*).
type LinkMode uint8

// String returns the name that `ip` uses.
func (m LinkMode) String() string {
	switch m {
	case 0:
		return "DEFAULT"
	case 1:
		return "DORMANT"
	case 2:
		return "TESTING"
	default:
		return utoa(uint64(m))
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (m LinkMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// bit is one named bit of a set of flags.
type bit struct {
	mask uint32
	name string
}

// bitNames returns the names of the bits that are set in v, in the order of
// table; what the table does not know is appended as one hexadecimal number.
func bitNames(v uint32, table []bit) []string {
	if v == 0 {
		return nil
	}
	out := make([]string, 0, 8)
	for _, b := range table {
		if v&b.mask != 0 {
			out = append(out, b.name)
			v &^= b.mask
		}
	}
	if v != 0 {
		out = append(out, "0x"+hexUint(uint64(v)))
	}
	return out
}
