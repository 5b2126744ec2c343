package rtnl

// Attributes of kind vlan (IFLA_VLAN_*, linux/if_link.h).
var vlanData = []field{
	1: {name: "ID", typ: tU16},
	2: {name: "Flags", typ: tBits32, names: []string{"REORDER_HDR", "GVRP", "LOOSE_BINDING", "MVRP", "BRIDGE_BINDING"}},
	3: {name: "EgressQos", typ: tCustom, custom: qosMap},
	4: {name: "IngressQos", typ: tCustom, custom: qosMap},
	5: {name: "Protocol", typ: tProto},
}

var dfNames = []string{"unset", "set", "inherit"}

// Attributes of kind vxlan (IFLA_VXLAN_*). Group (multicast) or Remote
// (unicast), Local: of either family.
var vxlanData = []field{
	1:  {name: "VNI", typ: tU32},
	2:  {name: "Group", typ: tCustom, custom: multicastOr},
	3:  {name: "Link", typ: tU32NZ},
	4:  {name: "Local", typ: tIP},
	5:  {name: "Ttl", typ: tU8},
	6:  {name: "Tos", typ: tU8NZ},
	7:  {name: "Learning", typ: tBool},
	8:  {name: "Ageing", typ: tU32},
	9:  {name: "Limit", typ: tU32NZ},
	10: {name: "PortRange", typ: tCustom, custom: portRange},
	11: {name: "Proxy", typ: tBool},
	12: {name: "Rsc", typ: tBool},
	13: {name: "L2miss", typ: tBool},
	14: {name: "L3miss", typ: tBool},
	15: {name: "Port", typ: tBE16},
	16: {name: "Group", typ: tCustom, custom: multicastOr},
	17: {name: "Local", typ: tIP},
	18: {name: "UdpCsum", typ: tBool},
	19: {name: "UdpZeroCsum6Tx", typ: tBool},
	20: {name: "UdpZeroCsum6Rx", typ: tBool},
	21: {name: "RemcsumTx", typ: tBool},
	22: {name: "RemcsumRx", typ: tBool},
	23: {name: "Gbp", typ: tFlag},
	24: {name: "RemcsumNopartial", typ: tFlag},
	25: {name: "External", typ: tBool},
	26: {name: "Label", typ: tBE32NZ},
	27: {name: "Gpe", typ: tFlag},
	28: {name: "TtlInherit", typ: tBool},
	29: {name: "Df", typ: tEnum8, names: dfNames},
	30: {name: "Vnifilter", typ: tBool},
	31: {name: "Localbypass", typ: tBool},
	32: {name: "LabelPolicy", typ: tEnum32, names: []string{"fixed", "inherit"}},
	33: {name: "ReservedBits", typ: tCustom, custom: hex64},
	34: {name: "Mcroute", typ: tBool},
}

// Attributes of kind geneve (IFLA_GENEVE_*).
var geneveData = []field{
	1:  {name: "VNI", typ: tU32},
	2:  {name: "Remote", typ: tIP},
	3:  {name: "Ttl", typ: tU8},
	4:  {name: "Tos", typ: tU8NZ},
	5:  {name: "Port", typ: tBE16},
	6:  {name: "External", typ: tFlag},
	7:  {name: "Remote", typ: tIP},
	8:  {name: "UdpCsum", typ: tBool},
	9:  {name: "UdpZeroCsum6Tx", typ: tBool},
	10: {name: "UdpZeroCsum6Rx", typ: tBool},
	11: {name: "Label", typ: tBE32NZ},
	12: {name: "TtlInherit", typ: tBool},
	13: {name: "Df", typ: tEnum8, names: dfNames},
	14: {name: "InnerProtoInherit", typ: tFlag},
	15: {name: "PortRange", typ: tCustom, custom: portRange},
	16: {name: "GroHint", typ: tFlag},
	17: {name: "Local", typ: tIP},
	18: {name: "Local", typ: tIP},
}

// Attributes of kind bareudp (IFLA_BAREUDP_*).
var bareudpData = []field{
	1: {name: "Dstport", typ: tBE16},
	2: {name: "Ethertype", typ: tProto},
	3: {name: "Srcportmin", typ: tU16},
	4: {name: "Multiproto", typ: tFlag},
}

// Attributes of kind gtp (IFLA_GTP_*).
var gtpData = []field{
	3: {name: "Hsize", typ: tU32},
	4: {name: "Role", typ: tEnum32, names: []string{"ggsn", "sgsn"}},
	6: {name: "RestartCount", typ: tU8},
	7: {name: "Local", typ: tIP},
	8: {name: "Local", typ: tIP},
}

// Attributes of kind amt (IFLA_AMT_*, linux/amt.h).
var amtData = []field{
	1: {name: "Mode", typ: tEnum32, names: []string{"gateway", "relay"}},
	2: {name: "RelayPort", typ: tBE16},
	3: {name: "GatewayPort", typ: tBE16},
	4: {name: "Link", typ: tU32NZ},
	5: {name: "Local", typ: tIP},
	6: {name: "Remote", typ: tIP},
	7: {name: "Discovery", typ: tIP},
	8: {name: "MaxTunnels", typ: tU32},
}
