package rtnl

import "github.com/skein-net/skein/internal/entity"

var encapTypes = []string{"none", "fou", "gue", "mpls"}

// Attributes of gre, gretap and erspan (IFLA_GRE_*, linux/if_tunnel.h) and of
// their IPv6 forms.
var (
	greData  = gre(nil)
	gre6Data = gre(ip6TunnelFlags)
)

var ip6TunnelFlags = []string{"ign_encap_limit", "use_orig_tclass", "use_orig_flowlabel", "mip6_dev",
	"rcv_dscp_copy", "use_orig_fwmark", "allow_local_remote"}

func gre(flags []string) []field {
	t := []field{
		1:  {name: "Link", typ: tU32NZ},
		2:  {name: "Iflags", typ: tBE16},
		3:  {name: "Oflags", typ: tBE16},
		4:  {name: "Ikey", typ: tCustom, custom: tunnelKey},
		5:  {name: "Okey", typ: tCustom, custom: tunnelKey},
		6:  {name: "Local", typ: tIP},
		7:  {name: "Remote", typ: tIP},
		8:  {name: "Ttl", typ: tU8},
		9:  {name: "Tos", typ: tU8NZ},
		10: {name: "Pmtudisc", typ: tBool},
		11: {name: "EncapLimit", typ: tU8},
		12: {name: "Flowinfo", typ: tCustom, custom: flowInfo},
		13: {},
		14: {name: "EncapType", typ: tEnum16, names: encapTypes},
		15: {name: "EncapFlags", typ: tU16},
		16: {name: "EncapSport", typ: tBE16},
		17: {name: "EncapDport", typ: tBE16},
		18: {name: "External", typ: tFlag},
		19: {name: "IgnoreDf", typ: tBool},
		20: {name: "Fwmark", typ: tU32NZ},
		21: {name: "ErspanIndex", typ: tU32},
		22: {name: "ErspanVer", typ: tU8},
		23: {name: "ErspanDir", typ: tEnum8, names: []string{"ingress", "egress"}},
		24: {name: "ErspanHwid", typ: tU16},
	}
	if flags != nil {
		t[13] = field{name: "Flags", typ: tCustom, custom: ip6Flags, names: flags}
	}
	return t
}

// Attributes of ipip and sit (IFLA_IPTUN_*, linux/if_tunnel.h).
var iptunData = []field{
	1:  {name: "Link", typ: tU32NZ},
	2:  {name: "Local", typ: tIP},
	3:  {name: "Remote", typ: tIP},
	4:  {name: "Ttl", typ: tU8},
	5:  {name: "Tos", typ: tU8NZ},
	8:  {name: "Flags", typ: tCustom, custom: bits16, names: []string{"isatap"}},
	9:  {name: "Proto", typ: tEnum8, names: []string{0: "any", 4: "ipip", 41: "ip6ip", 137: "mplsip"}},
	10: {name: "Pmtudisc", typ: tBool},
	11: {name: "Prefix", typ: tIP},
	12: {name: "RelayPrefix", typ: tIP},
	13: {name: "Prefixlen", typ: tU16},
	14: {name: "RelayPrefixlen", typ: tU16},
	15: {name: "EncapType", typ: tEnum16, names: encapTypes},
	16: {name: "EncapFlags", typ: tU16},
	17: {name: "EncapSport", typ: tBE16},
	18: {name: "EncapDport", typ: tBE16},
	19: {name: "External", typ: tFlag},
	20: {name: "Fwmark", typ: tU32NZ},
}

// Attributes of ip6tnl (IFLA_IPTUN_*).
var ip6tnlData = []field{
	1:  {name: "Link", typ: tU32NZ},
	2:  {name: "Local", typ: tIP},
	3:  {name: "Remote", typ: tIP},
	4:  {name: "Ttl", typ: tU8},
	6:  {name: "EncapLimit", typ: tU8},
	7:  {name: "Flowinfo", typ: tCustom, custom: flowInfo},
	8:  {name: "Flags", typ: tCustom, custom: ip6Flags, names: ip6TunnelFlags},
	9:  {name: "Proto", typ: tEnum8, names: []string{0: "any", 4: "ipip6", 41: "ip6ip6"}},
	15: {name: "EncapType", typ: tEnum16, names: encapTypes},
	16: {name: "EncapFlags", typ: tU16},
	17: {name: "EncapSport", typ: tBE16},
	18: {name: "EncapDport", typ: tBE16},
	19: {name: "External", typ: tFlag},
	20: {name: "Fwmark", typ: tU32NZ},
}

// Attributes of vti and vti6 (IFLA_VTI_*, linux/if_tunnel.h). Key 0: none.
var vtiData = []field{
	1: {name: "Link", typ: tU32NZ},
	2: {name: "Ikey", typ: tIP},
	3: {name: "Okey", typ: tIP},
	4: {name: "Local", typ: tIP},
	5: {name: "Remote", typ: tIP},
	6: {name: "Fwmark", typ: tU32NZ},
}

// Bits of IFLA_GRE_IFLAGS and IFLA_GRE_OFLAGS in host order.
const (
	greCsum = 0x8000 // GRE_CSUM
	greKey  = 0x2000 // GRE_KEY
	greSeq  = 0x1000 // GRE_SEQ
)

// finishTunnel says what the flags of the tunnel mean: keys only where they are
// used, Iseq, Oseq, Icsum, Ocsum; the attributes of foo-over-UDP as one map;
// of IPv6 tunnels only those fields that are not inherited.
func finishTunnel(in entity.Attrs) entity.Attrs {
	out := make(entity.Attrs, 0, len(in)+2)
	iflags, oflags := in.Get("Iflags").Int(), in.Get("Oflags").Int()
	encap := in.Get("EncapType").Str() != "none" && in.Has("EncapType")
	flags := in.Get("Flags").List()
	for _, a := range in {
		switch a.Key {
		case "Iflags", "Oflags", "EncapType", "EncapFlags", "EncapSport", "EncapDport":
			continue
		case "Ikey":
			if iflags&greKey == 0 {
				continue
			}
		case "Okey":
			if oflags&greKey == 0 {
				continue
			}
		case "EncapLimit":
			if hasString(flags, "ign_encap_limit") {
				continue
			}
		case "Tclass":
			if hasString(flags, "use_orig_tclass") {
				continue
			}
		case "Flowlabel":
			if hasString(flags, "use_orig_flowlabel") {
				continue
			}
		case "Prefix", "Prefixlen", "RelayPrefix", "RelayPrefixlen":
			if in.Get("Prefixlen").Int() == 0 {
				continue
			}
		}
		out = append(out, a)
	}
	for _, x := range []struct {
		name string
		set  bool
	}{{"Iseq", iflags&greSeq != 0}, {"Oseq", oflags&greSeq != 0}, {"Icsum", iflags&greCsum != 0}, {"Ocsum", oflags&greCsum != 0}} {
		if x.set {
			out = append(out, entity.A(x.name, entity.Bool(true)))
		}
	}
	if encap {
		f := in.Get("EncapFlags").Int()
		out = append(out, entity.A("Encap", entity.Map(entity.Attrs{
			entity.A("Type", in.Get("EncapType")),
			entity.A("Sport", in.Get("EncapSport")),
			entity.A("Dport", in.Get("EncapDport")),
			entity.A("Csum", entity.Bool(f&1 != 0)),
			entity.A("Csum6", entity.Bool(f&2 != 0)),
			entity.A("Remcsum", entity.Bool(f&4 != 0)),
		}.Normalize())))
	}
	return out.Normalize()
}

func hasString(list []entity.Value, s string) bool {
	for _, v := range list {
		if v.Str() == s {
			return true
		}
	}
	return false
}
