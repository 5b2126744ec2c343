package rtnl

import "github.com/skein-net/skein/internal/entity"

// Attributes of kind bond (IFLA_BOND_*, linux/if_link.h).
var bondData = []field{
	1: {name: "Mode", typ: tEnum8, names: []string{"balance-rr", "active-backup", "balance-xor", "broadcast",
		"802.3ad", "balance-tlb", "balance-alb"}},
	2:  {name: "ActiveSlave", typ: tU32NZ},
	3:  {name: "Miimon", typ: tU32},
	4:  {name: "Updelay", typ: tU32},
	5:  {name: "Downdelay", typ: tU32},
	6:  {name: "UseCarrier", typ: tU8},
	7:  {name: "ArpInterval", typ: tU32},
	8:  {name: "ArpIpTarget", typ: tCustom, custom: addrList},
	9:  {name: "ArpValidate", typ: tCustom, custom: arpValidate},
	10: {name: "ArpAllTargets", typ: tEnum32, names: []string{"any", "all"}},
	11: {name: "Primary", typ: tU32NZ},
	12: {name: "PrimaryReselect", typ: tEnum8, names: []string{"always", "better", "failure"}},
	13: {name: "FailOverMac", typ: tEnum8, names: []string{"none", "active", "follow"}},
	14: {name: "XmitHashPolicy", typ: tEnum8, names: []string{"layer2", "layer3+4", "layer2+3", "encap2+3",
		"encap3+4", "vlan+srcmac"}},
	15: {name: "ResendIgmp", typ: tU32},
	16: {name: "NumPeerNotif", typ: tU8},
	17: {name: "AllSlavesActive", typ: tU8},
	18: {name: "MinLinks", typ: tU32},
	19: {name: "LpInterval", typ: tU32},
	20: {name: "PacketsPerSlave", typ: tU32},
	21: {name: "AdLacpRate", typ: tEnum8, names: []string{"slow", "fast"}},
	22: {name: "AdSelect", typ: tEnum8, names: []string{"stable", "bandwidth", "count", "actor_port_prio"}},
	23: {name: "AdInfo", typ: tNested, sub: []field{
		1: {name: "Aggregator", typ: tU16},
		2: {name: "NumPorts", typ: tU16},
		3: {name: "ActorKey", typ: tU16},
		4: {name: "PartnerKey", typ: tU16},
		5: {name: "PartnerMac", typ: tMAC},
	}},
	24: {name: "AdActorSysPrio", typ: tU16},
	25: {name: "AdUserPortKey", typ: tU16},
	26: {name: "AdActorSystem", typ: tMAC},
	27: {name: "TlbDynamicLb", typ: tU8},
	28: {name: "PeerNotifyDelay", typ: tU32},
	29: {name: "AdLacpActive", typ: tEnum8, names: []string{"off", "on"}},
	30: {name: "ArpMissedMax", typ: tU8},
	31: {name: "NsIp6Target", typ: tCustom, custom: addrList},
	32: {name: "CoupledControl", typ: tBool},
}

// Attributes that a bond keeps about a slave (IFLA_BOND_SLAVE_*). The names are
// Skydive's, so AggregatorId and PermMAC differ from ip's.
var bondSlave = []field{
	1:  {name: "State", typ: tEnum8, names: []string{"ACTIVE", "BACKUP"}},
	2:  {name: "MiiStatus", typ: tEnum8, names: []string{"UP", "GOING_DOWN", "DOWN", "GOING_BACK"}},
	3:  {name: "LinkFailureCount", typ: tU32},
	4:  {name: "PermMAC", typ: tMAC},
	5:  {name: "QueueId", typ: tU16},
	6:  {name: "AggregatorId", typ: tU16},
	7:  {name: "AdActorOperPortState", typ: tU8},
	8:  {name: "AdPartnerOperPortState", typ: tU16},
	9:  {name: "Prio", typ: tS32},
	10: {name: "ActorPortPrio", typ: tU16},
	11: {name: "ChurnActorState", typ: tEnum8, names: churnStates},
	12: {name: "ChurnPartnerState", typ: tEnum8, names: churnStates},
}

var churnStates = []string{"monitor", "churned", "none"}

// arpValidate names the value, which ip prints only where ARP monitoring is on.
func arpValidate(f *field, a attr, out entity.Attrs) (entity.Attrs, error) {
	var v uint32
	if err := a.u32(f.name, &v); err != nil {
		return out, err
	}
	names := []string{"none", "active", "backup", "all", "filter", "filter_active", "filter_backup"}
	return append(out, entity.A(f.name, entity.String(enumName(names, uint64(v))))), nil
}
