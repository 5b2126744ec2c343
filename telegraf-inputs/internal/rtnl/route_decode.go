package rtnl

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

const (
	sizeofRtmsg     = 12 // struct rtmsg
	sizeofRtnexthop = 8  // struct rtnexthop
	maxNextHops     = 4096
)

// Flags of routes (linux/rtnetlink.h).
const (
	RouteDead     uint32 = 0x1   // RTNH_F_DEAD
	RouteOnLink   uint32 = 0x4   // RTNH_F_ONLINK
	RouteLinkDown uint32 = 0x10  // RTNH_F_LINKDOWN
	RouteCloned   uint32 = 0x200 // RTM_F_CLONED
)

var routeFlags = []bit{
	{0x1, "dead"}, {0x4, "onlink"}, {0x2, "pervasive"}, {0x8, "offload"}, {0x40, "trap"}, {0x100, "notify"},
	{0x10, "linkdown"}, {0x20, "unresolved"}, {0x4000, "rt_offload"}, {0x8000, "rt_trap"},
	{0x20000000, "rt_offload_failed"}, {0x200, "cloned"}, {0x400, "equalize"}, {0x800, "prefix"},
}

// FlagNames returns the names of the flags as `ip route` prints them.
func (r *Route) FlagNames() []string { return bitNames(r.Flags, routeFlags) }

// FlagNames returns the names of the flags as `ip route` prints them.
func (h *NextHop) FlagNames() []string { return bitNames(h.Flags, routeFlags) }

// FlagNames returns the names of the flags as `ip nexthop` prints them.
func (n *Nexthop) FlagNames() []string { return bitNames(n.Flags, routeFlags) }

// DecodeRoute decodes the payload of an RTM_NEWROUTE or RTM_DELROUTE message.
func DecodeRoute(payload []byte) (Route, error) {
	var r Route
	err := r.decode(payload)
	return r, err
}

func (r *Route) decode(b []byte) (first error) {
	if len(b) < sizeofRtmsg {
		return shortHeader("rtmsg", b, sizeofRtmsg)
	}
	r.Family, r.TOS, r.Table = Family(b[0]), b[3], uint32(b[4])
	r.Protocol, r.Scope, r.Type = RouteProto(b[5]), Scope(b[6]), RouteType(b[7])
	r.Flags = binary.NativeEndian.Uint32(b[8:])
	dstLen, srcLen := b[1], b[2]
	var encap encapDecoder
	it := newAttrs("RTM_NEWROUTE", b[sizeofRtmsg:])
	for it.next() {
		switch a := it.a; a.typ {
		case 1:
			keep(&first, r.decodeDst(a, dstLen))
		case 2:
			keep(&first, a.prefix("RTA_SRC", srcLen, &r.Src))
		case 21:
			keep(&first, encap.setType("RTA_ENCAP_TYPE", a))
		case 22:
			encap.data = a.data
		default:
			keep(&first, r.attr(a))
		}
	}
	keep(&first, it.err)
	keep(&first, encap.decode(&r.Encap))
	if !r.Dst.IsValid() && first == nil {
		first = r.defaultDst(dstLen)
	}
	return first
}

// defaultDst fills in the destination that a message of a default route lacks.
func (r *Route) defaultDst(dstLen uint8) error {
	switch r.Family {
	case FamilyIPv4, familyIPMR:
		r.Dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	case FamilyIPv6, familyIP6MR:
		r.Dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	default:
		return nil
	}
	if dstLen != 0 {
		return &DecodeError{"RTA_DST", "missing"}
	}
	return nil
}

func (r *Route) decodeDst(a attr, bits uint8) error {
	if r.Family != FamilyMPLS {
		return a.prefix("RTA_DST", bits, &r.Dst)
	}
	labels, err := mplsLabels("RTA_DST", a.data)
	if err == nil && len(labels) > 0 {
		r.Label = Some(labels[0])
	}
	return err
}

// attr decodes one RTA_* attribute (linux/rtnetlink.h).
func (r *Route) attr(a attr) error {
	switch a.typ {
	case 3:
		return a.index("RTA_IIF", &r.InIf)
	case 4:
		return a.index("RTA_OIF", &r.OutIf)
	case 5:
		return a.ip("RTA_GATEWAY", &r.Gateway)
	case 6:
		return a.u32("RTA_PRIORITY", &r.Priority)
	case 7:
		return a.ip("RTA_PREFSRC", &r.PrefSrc)
	case 8:
		return r.decodeMetrics(a.data)
	case 9:
		return r.decodeMultipath(a.data)
	case 11:
		return a.u32("RTA_FLOW", &r.Realm)
	case 12:
		return r.decodeCacheinfo(a.data)
	case 15:
		return a.u32("RTA_TABLE", &r.Table)
	case 16:
		return a.optU32("RTA_MARK", &r.Mark)
	case 18:
		return a.via("RTA_VIA", &r.Gateway)
	case 19:
		return newDst("RTA_NEWDST", a.data, &r.NewLabels)
	case 20:
		return r.decodePref(a)
	case 25:
		return a.optU32("RTA_UID", &r.UID)
	case 26:
		return a.optBool("RTA_TTL_PROPAGATE", &r.TTLProp)
	case 30:
		return a.u32("RTA_NH_ID", &r.NexthopID)
	}
	return nil
}

func (r *Route) decodePref(a attr) error {
	var p uint8
	if err := a.u8("RTA_PREF", &p); err != nil {
		return err
	}
	r.Pref = enumName([]string{"medium", "high", "", "low"}, uint64(p))
	return nil
}

// decodeCacheinfo takes the lifetime from struct rta_cacheinfo, which the
// kernel gives in clock ticks (1/100 s); 0: none.
func (r *Route) decodeCacheinfo(b []byte) error {
	if len(b) < 12 {
		return tooShort("RTA_CACHEINFO", len(b), 12)
	}
	if e := int32(binary.NativeEndian.Uint32(b[8:])); e != 0 {
		r.Expires = Some(e / 100)
	}
	return nil
}

// via is struct rtvia: a family and an address of it. Only addresses of IPv4
// and IPv6 are taken.
func (a attr) via(name string, p *netip.Addr) error {
	if len(a.data) < 2 {
		return tooShort(name, len(a.data), 2)
	}
	n := 0
	switch Family(binary.NativeEndian.Uint16(a.data)) {
	case FamilyIPv4:
		n = 4
	case FamilyIPv6:
		n = 16
	default:
		return nil
	}
	if len(a.data) < 2+n {
		return tooShort(name, len(a.data), 2+n)
	}
	*p, _ = netip.AddrFromSlice(a.data[2 : 2+n])
	return nil
}

func newDst(name string, b []byte, p *[]uint32) (err error) {
	*p, err = mplsLabels(name, b)
	return err
}

// maxLabels bounds a stack of MPLS labels (MAX_NEW_LABELS is 30).
const maxLabels = 64

// mplsLabels reads a stack of labels (RFC 3032) up to its bottom.
func mplsLabels(name string, b []byte) ([]uint32, error) {
	if len(b)%4 != 0 || len(b) > 4*maxLabels {
		return nil, &DecodeError{name, utoa(uint64(len(b))) + " bytes is no stack of labels"}
	}
	var out []uint32
	for ; len(b) > 0; b = b[4:] {
		v := binary.BigEndian.Uint32(b)
		out = append(out, v>>12)
		if v&0x100 != 0 {
			break
		}
	}
	return out, nil
}

// metricNames are the names of RTAX_* as `ip route` prints them.
var metricNames = [...]string{2: "mtu", 3: "window", 4: "rtt", 5: "rttvar", 6: "ssthresh", 7: "cwnd",
	8: "advmss", 9: "reordering", 10: "hoplimit", 11: "initcwnd", 12: "features", 13: "rto_min",
	14: "initrwnd", 15: "quickack", 16: "congctl", 17: "fastopen_no_cookie"}

func (r *Route) decodeMetrics(b []byte) (first error) {
	var lock uint32
	it := newAttrs("RTA_METRICS", b)
	for it.next() {
		t := int(it.a.typ)
		if t == 1 {
			keep(&first, it.a.u32("RTAX_LOCK", &lock))
			continue
		}
		if t >= len(metricNames) || metricNames[t] == "" || r.hasMetric(metricNames[t]) {
			continue
		}
		name := metricNames[t]
		var v entity.Value
		if name == "congctl" {
			var s string
			keep(&first, it.a.text("RTAX_CC_ALGO", &s))
			v = entity.String(s)
		} else {
			var u uint32
			if err := it.a.u32("RTA_METRICS."+name, &u); err != nil {
				keep(&first, err)
				continue
			}
			if name == "hoplimit" && u == ruleUnset {
				continue
			}
			// The kernel keeps these two scaled (linux/tcp.h).
			switch name {
			case "rtt":
				u /= 8
			case "rttvar":
				u /= 4
			}
			v = entity.Int(int64(u))
		}
		r.Metrics = append(r.Metrics, Metric{Name: name, Value: v})
	}
	keep(&first, it.err)
	for t, name := range metricNames {
		if name == "" || lock&(1<<t) == 0 {
			continue
		}
		if i := slices.IndexFunc(r.Metrics, func(m Metric) bool { return m.Name == name }); i >= 0 {
			r.Metrics[i].Lock = true
		}
	}
	slices.SortFunc(r.Metrics, func(a, b Metric) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return first
}

func (r *Route) hasMetric(name string) bool {
	return slices.ContainsFunc(r.Metrics, func(m Metric) bool { return m.Name == name })
}

// decodeMultipath reads a sequence of struct rtnexthop, each with attributes.
func (r *Route) decodeMultipath(b []byte) (first error) {
	for len(b) >= sizeofRtnexthop {
		n := int(binary.NativeEndian.Uint16(b))
		if n < sizeofRtnexthop || n > len(b) {
			return &DecodeError{"RTA_MULTIPATH", "nexthop claims " + utoa(uint64(n)) + " bytes of " + utoa(uint64(len(b)))}
		}
		if len(r.Multipath) == maxNextHops {
			return tooLong("RTA_MULTIPATH", maxNextHops+1, maxNextHops)
		}
		h := NextHop{Flags: uint32(b[2]), Weight: int(b[3]) + 1, OutIf: int32(binary.NativeEndian.Uint32(b[4:]))}
		keep(&first, h.decode(b[sizeofRtnexthop:n]))
		r.Multipath = append(r.Multipath, h)
		b = b[min(align4(n), len(b)):]
	}
	if len(b) != 0 {
		keep(&first, tooShort("RTA_MULTIPATH", len(b), sizeofRtnexthop))
	}
	return first
}

func (h *NextHop) decode(b []byte) (first error) {
	var encap encapDecoder
	it := newAttrs("RTA_MULTIPATH", b)
	for it.next() {
		switch a := it.a; a.typ {
		case 5:
			keep(&first, a.ip("RTA_GATEWAY", &h.Gateway))
		case 11:
			keep(&first, a.u32("RTA_FLOW", &h.Realm))
		case 18:
			keep(&first, a.via("RTA_VIA", &h.Gateway))
		case 19:
			keep(&first, newDst("RTA_NEWDST", a.data, &h.NewLabels))
		case 21:
			keep(&first, encap.setType("RTA_ENCAP_TYPE", a))
		case 22:
			encap.data = a.data
		}
	}
	keep(&first, it.err)
	keep(&first, encap.decode(&h.Encap))
	return first
}
