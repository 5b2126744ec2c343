package rtnl

// linkKinds is what the package knows about link kinds. Kinds without
// attributes of their own (veth, dummy, ifb, wireguard, nlmon, vcan, vsockmon,
// team, netdevsim, openvswitch …) need no entry. It is never changed.
var linkKinds = map[string]kindTable{
	"bond":      {data: bondData, slave: bondSlave},
	"bridge":    {data: bridgeData, slave: bridgeSlave},
	"vlan":      {data: vlanData},
	"vxlan":     {data: vxlanData},
	"geneve":    {data: geneveData},
	"bareudp":   {data: bareudpData},
	"gtp":       {data: gtpData},
	"amt":       {data: amtData},
	"macvlan":   {data: macvlanData},
	"macvtap":   {data: macvlanData},
	"ipvlan":    {data: ipvlanData},
	"ipvtap":    {data: ipvlanData},
	"vrf":       {data: vrfData, slave: vrfData},
	"gre":       {data: greData, finish: finishTunnel},
	"gretap":    {data: greData, finish: finishTunnel},
	"erspan":    {data: greData, finish: finishTunnel},
	"ip6gre":    {data: gre6Data, finish: finishTunnel},
	"ip6gretap": {data: gre6Data, finish: finishTunnel},
	"ip6erspan": {data: gre6Data, finish: finishTunnel},
	"ipip":      {data: iptunData, finish: finishTunnel},
	"sit":       {data: iptunData, finish: finishTunnel},
	"ip6tnl":    {data: ip6tnlData, finish: finishTunnel},
	"vti":       {data: vtiData},
	"vti6":      {data: vtiData},
	"xfrm":      {data: xfrmData},
	"macsec":    {data: macsecData},
	"tun":       {data: tunData},
	"hsr":       {data: hsrData},
	"ipoib":     {data: ipoibData},
	"netkit":    {data: netkitData},
	"batadv":    {data: []field{1: {name: "AlgoName", typ: tString}}},
	"rmnet":     {data: rmnetData},
	"wwan":      {data: []field{1: {name: "Linkid", typ: tU32}}},
	"dsa":       {data: []field{1: {name: "Conduit", typ: tU32NZ}}},
	"ovpn":      {data: []field{1: {name: "Mode", typ: tEnum8, names: []string{"p2p", "mp"}}}},
	"can":       {data: canData},
	"vxcan":     {},
}

// Attributes of macvlan and macvtap (IFLA_MACVLAN_*, linux/if_link.h).
var macvlanData = []field{
	1: {name: "Mode", typ: tCustom, custom: macvlanMode},
	2: {name: "Flags", typ: tCustom, custom: bits16, names: []string{"nopromisc", "nodst"}},
	5: {name: "MacaddrData", typ: tCustom, custom: macList},
	6: {name: "MacaddrCount", typ: tU32NZ},
	7: {name: "Bcqueuelen", typ: tU32},
	8: {name: "Usedbcqueuelen", typ: tU32},
	9: {name: "Bclim", typ: tS32},
}

// Attributes of ipvlan and ipvtap (IFLA_IPVLAN_*). No flag at all means bridge.
var ipvlanData = []field{
	1: {name: "Mode", typ: tEnum16, names: []string{"l2", "l3", "l3s"}},
	2: {name: "Flags", typ: tCustom, custom: bits16, names: []string{0: "private", 1: "vepa", 16: "bridge"}},
}

// Attributes of vrf and of its ports (IFLA_VRF_TABLE, IFLA_VRF_PORT_TABLE).
var vrfData = []field{1: {name: "Table", typ: tU32}}

// Attributes of xfrm (IFLA_XFRM_*).
var xfrmData = []field{
	1: {name: "Link", typ: tU32NZ},
	2: {name: "IfId", typ: tU32},
	3: {name: "External", typ: tFlag},
}

// Attributes of macsec (IFLA_MACSEC_*, linux/if_link.h).
var macsecData = []field{
	1:  {name: "Sci", typ: tCustom, custom: hex64},
	2:  {name: "Port", typ: tBE16},
	3:  {name: "IcvLen", typ: tU8},
	4:  {name: "CipherSuite", typ: tCustom, custom: cipherSuite},
	5:  {name: "Window", typ: tU32},
	6:  {name: "EncodingSa", typ: tU8},
	7:  {name: "Encrypt", typ: tBool},
	8:  {name: "Protect", typ: tBool},
	9:  {name: "IncSci", typ: tBool},
	10: {name: "Es", typ: tBool},
	11: {name: "Scb", typ: tBool},
	12: {name: "ReplayProtect", typ: tBool},
	13: {name: "Validation", typ: tEnum8, names: []string{"disabled", "check", "strict"}},
	15: {name: "Offload", typ: tEnum8, names: []string{"off", "phy", "mac"}},
}

// Attributes of tun, which is the kind of tap devices too (IFLA_TUN_*). User
// and Group are numbers.
var tunData = []field{
	1: {name: "User", typ: tU32},
	2: {name: "Group", typ: tU32},
	3: {name: "Type", typ: tEnum8, names: []string{1: "tun", 2: "tap"}},
	4: {name: "Pi", typ: tBool},
	5: {name: "VnetHdr", typ: tBool},
	6: {name: "Persist", typ: tBool},
	7: {name: "MultiQueue", typ: tBool},
	8: {name: "Numqueues", typ: tU32},
	9: {name: "Numdisabled", typ: tU32},
}

// Attributes of hsr (IFLA_HSR_*), without the running sequence number.
var hsrData = []field{
	1: {name: "Slave1", typ: tU32NZ},
	2: {name: "Slave2", typ: tU32NZ},
	3: {name: "MulticastSpec", typ: tU8},
	4: {name: "SupervisionAddr", typ: tMAC},
	6: {name: "Version", typ: tU8},
	7: {name: "Proto", typ: tU8},
	8: {name: "Interlink", typ: tU32NZ},
}

// Attributes of ipoib (IFLA_IPOIB_*).
var ipoibData = []field{
	1: {name: "Key", typ: tU16},
	2: {name: "Mode", typ: tEnum16, names: []string{"datagram", "connected"}},
	3: {name: "Umcast", typ: tU16},
}

var (
	netkitPolicies = []string{0: "forward", 2: "blackhole"}
	netkitScrubs   = []string{"none", "default"}
)

// Attributes of netkit (IFLA_NETKIT_*).
var netkitData = []field{
	2:  {name: "Type", typ: tEnum8, names: []string{"peer", "primary"}},
	3:  {name: "Policy", typ: tEnum32, names: netkitPolicies},
	4:  {name: "PeerPolicy", typ: tEnum32, names: netkitPolicies},
	5:  {name: "Mode", typ: tEnum32, names: []string{"l2", "l3"}},
	6:  {name: "Scrub", typ: tEnum32, names: netkitScrubs},
	7:  {name: "PeerScrub", typ: tEnum32, names: netkitScrubs},
	8:  {name: "Headroom", typ: tU16},
	9:  {name: "Tailroom", typ: tU16},
	10: {name: "Pairing", typ: tEnum32, names: []string{"pair", "single"}},
}

// Attributes of rmnet (IFLA_RMNET_*).
var rmnetData = []field{
	1: {name: "MuxId", typ: tU16},
	2: {name: "Flags", typ: tBits32, names: []string{"INGRESS_DEAGGREGATION", "INGRESS_MAP_COMMANDS",
		"INGRESS_MAP_CKSUMV4", "EGRESS_MAP_CKSUMV4", "INGRESS_MAP_CKSUMV5", "EGRESS_MAP_CKSUMV5"}},
}

// Attributes of can (IFLA_CAN_*, linux/can/netlink.h), the few that name the
// bus: struct can_bittiming and can_clock begin with the figure.
var canData = []field{
	1: {name: "Bitrate", typ: tU32},
	3: {name: "Clock", typ: tU32},
	4: {name: "State", typ: tEnum32, names: []string{"ERROR-ACTIVE", "ERROR-WARNING", "ERROR-PASSIVE", "BUS-OFF",
		"STOPPED", "SLEEPING"}},
	6: {name: "RestartMs", typ: tU32},
	9: {name: "DataBitrate", typ: tU32},
}
