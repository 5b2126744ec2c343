package iptest

import (
	"maps"
	"slices"
	"strings"
)

// infoField says what becomes of one key of linkinfo.info_data or
// info_slave_data. Keys that have no such entry have the same name in the
// entity but for the case and underscores, and the same value.
type infoField struct {
	attr string
	conv converter
	why  string
}

// infoFields are the exceptions, by "kind:key"; the kind is * where it does
// not matter, and begins with a slash for info_slave_data.
var infoFields = map[string]infoField{
	"*:link":   {attr: "Link", conv: ifindex},
	"*:local":  {attr: "Local", conv: address},
	"*:remote": {attr: "Remote", conv: address},
	"*:fwmark": {attr: "Fwmark", conv: hexadecimal},
	"*:tos":    {attr: "Tos", conv: hexadecimal},

	"vxlan:id":               {attr: "VNI", conv: same},
	"vxlan:group6":           {attr: "Group", conv: address},
	"vxlan:remote6":          {attr: "Remote", conv: address},
	"vxlan:local6":           {attr: "Local", conv: address},
	"vxlan:label":            {attr: "Label", conv: hexadecimal},
	"vxlan:ttl":              {attr: "Ttl", conv: inheritable},
	"geneve:id":              {attr: "VNI", conv: same},
	"geneve:remote6":         {attr: "Remote", conv: address},
	"geneve:label":           {attr: "Label", conv: hexadecimal},
	"geneve:ttl":             {attr: "Ttl", conv: inheritable},
	"xfrm:if_id":             {attr: "IfId", conv: hexadecimal},
	"erspan:local":           {attr: "Local", conv: address},
	"gtp:local":              {attr: "Local", conv: address},
	"bond:arp_validate":      {attr: "ArpValidate", conv: noneIfNull},
	"bond:primary":           {attr: "Primary", conv: ifindex},
	"bond:mode":              {attr: "Mode", conv: same},
	"hsr:slave1":             {attr: "Slave1", conv: ifindex},
	"hsr:slave2":             {attr: "Slave2", conv: ifindex},
	"bridge:group_fwd_mask":  {attr: "GroupFwdMask", conv: hexadecimal},
	"/bridge:group_fwd_mask": {attr: "GroupFwdMask", conv: hexadecimal},
	"bridge:gc_timer":        {why: "runs all the time"},
	"vlan:flags":             {attr: "Flags", conv: same},
	"vlan:egress_qos":        {attr: "EgressQos", conv: same},
	"vlan:ingress_qos":       {attr: "IngressQos", conv: same},

	"bond:active_slave":            {attr: "ActiveSlave", conv: ifindex},
	"bond:ad_actor_sys_prio":       {attr: "AdActorSysPrio", conv: same},
	"erspan:erspan_hwid":           {attr: "ErspanHwid", conv: hexadecimal},
	"ip6erspan:erspan_hwid":        {attr: "ErspanHwid", conv: hexadecimal},
	"bridge:hello_timer":           {why: "runs all the time"},
	"bridge:tcn_timer":             {why: "runs all the time"},
	"bridge:topology_change_timer": {why: "runs all the time"},

	"/bond:perm_hwaddr":                    {attr: "PermMAC", conv: same},
	"/bond:ad_aggregator_id":               {attr: "AggregatorId", conv: same},
	"/bond:ad_actor_oper_port_state_str":   {why: "the number says the same"},
	"/bond:ad_partner_oper_port_state_str": {why: "the number says the same"},
	"/bridge:id":                           {attr: "Id", conv: hexadecimal},
	"/bridge:no":                           {attr: "No", conv: hexadecimal},
	"/bridge:group_fwd_mask_str":           {why: "the number says the same"},
	"/bridge:backup_port":                  {attr: "BackupPort", conv: ifindex},
	"/bridge:message_age_timer":            {why: "runs all the time"},
	"/bridge:forward_delay_timer":          {why: "runs all the time"},
	"/bridge:hold_timer":                   {why: "runs all the time"},
}

// flagMembers are fields that `ip` prints as true or leaves out, where the
// entity has a list Flags of their names.
var flagMembers = map[string]string{
	"ipvlan:bridge": "bridge", "ipvlan:private": "private", "ipvlan:vepa": "vepa",
	"ipvtap:bridge": "bridge", "ipvtap:private": "private", "ipvtap:vepa": "vepa",
	"macvlan:nopromisc": "nopromisc", "macvtap:nopromisc": "nopromisc",
	"macvlan:nodst": "nodst", "macvtap:nodst": "nodst",
	"*:ip6_tnl_f_ign_encap_limit":    "ign_encap_limit",
	"*:ip6_tnl_f_use_orig_tclass":    "use_orig_tclass",
	"*:ip6_tnl_f_use_orig_flowlabel": "use_orig_flowlabel",
	"*:ip6_tnl_f_mip6_dev":           "mip6_dev",
	"*:ip6_tnl_f_rcv_dscp_copy":      "rcv_dscp_copy",
	"*:ip6_tnl_f_use_orig_fwmark":    "use_orig_fwmark",
	"*:ip6_tnl_f_allow_local_remote": "allow_local_remote",
	"sit:isatap":                     "isatap",
}

// unprinted are attributes of Info that `ip` does not print although the
// kernel says them, by "kind:key" with folded keys, with the reason.
var unprinted = map[string]string{
	"vxlan:ttlinherit":           "printed as text, not as JSON",
	"geneve:ttlinherit":          "printed as text, not as JSON",
	"vxlan:localbypass":          "newer than iproute2 6.1",
	"vxlan:labelpolicy":          "newer than iproute2 6.1",
	"vxlan:reservedbits":         "newer than iproute2 6.1",
	"bond:coupledcontrol":        "newer than iproute2 6.1",
	"/bond:actorportprio":        "newer than iproute2 6.1",
	"/bond:churnactorstate":      "newer than iproute2 6.1",
	"/bond:churnpartnerstate":    "newer than iproute2 6.1",
	"/bridge:mcastehthostslimit": "not printed by ip link",
	"xfrm:link":                  "the same as the link's own, which is compared as ParentIndex",
}

// inheritable is a time to live, for which "inherit" is 0.
func inheritable(_ *Namespace, v any) any {
	if v == "inherit" || v == "auto" {
		return int64(0)
	}
	return plainJSON(v)
}

// noneIfNull is for what `ip` prints as null when it is off.
func noneIfNull(_ *Namespace, v any) any {
	if v == nil {
		return "none"
	}
	return plainJSON(v)
}

// info compares the link kind, what the kernel says of links of this kind, and
// what the master says of the link.
func (c *comparison) info(l object, attrs map[string]any) {
	li, _ := l.get("linkinfo").(object)
	kind := kindOf(l)
	typ := kind
	if typ == "" {
		typ = "device"
	}
	c.values("Type", typ, attrs["Type"])
	data, _ := li.get("info_data").(object)
	got, _ := attrs["Info"].(map[string]any)
	c.data("Info", kind, data, got)
	switch kind {
	case "vlan":
		c.values("Vlan", data.get("id"), attrs["Vlan"])
	case "bond":
		c.values("BondMode", data.get("mode"), attrs["BondMode"])
	default:
		c.values("Vlan", nil, attrs["Vlan"])
		c.values("BondMode", nil, attrs["BondMode"])
	}
	slave := slaveKindOf(l)
	data, _ = li.get("info_slave_data").(object)
	where := map[string]string{"bond": "BondSlave", "bridge": "BridgePort"}[slave]
	if where == "" {
		where = "SlaveInfo"
	}
	for _, key := range []string{"BondSlave", "BridgePort", "SlaveInfo"} {
		if key != where {
			c.values(key, nil, attrs[key])
			continue
		}
		got, _ := attrs[key].(map[string]any)
		c.data(key, "/"+slave, data, got)
	}
}

// data compares one set of attributes of a kind.
func (c *comparison) data(where, kind string, data object, got map[string]any) {
	have := make(map[string]any, len(got))
	for k, v := range got {
		have[fold(k)] = v
	}
	used := map[string]bool{}
	var flags []string
	seen := map[string]bool{}
	for _, m := range data {
		if seen[m.key] {
			continue // what is printed twice, such as the fields of a GRE key
		}
		seen[m.key] = true
		if name, ok := byKind(flagMembers, kind, m.key); ok && m.value != false {
			flags = append(flags, name)
			continue
		}
		f, ok := byKind(infoFields, kind, m.key)
		if !ok {
			f = infoField{attr: m.key, conv: truth}
		}
		if f.attr == "" {
			continue
		}
		used[fold(f.attr)] = true
		want := f.conv(c.ns, m.value)
		have := have[fold(f.attr)]
		if want == false && have == nil {
			continue // a flag that is off may be left out
		}
		if !equal(folded(want), folded(have)) {
			c.add(where+"."+m.key, show(want), show(have))
		}
	}
	if _, isList := have["flags"].([]any); isList && !used["flags"] || len(flags) > 0 {
		used["flags"] = true
		c.values(where+".Flags", set(flags), sorted(have["flags"]))
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		k := fold(key)
		if _, ok := byKind(unprinted, kind, k); ok || used[k] || isDefault(got[key]) {
			continue
		}
		c.add(where+"."+key, "nothing", show(got[key]))
	}
}

// byKind looks up "kind:key", then "*:key".
func byKind[T any](table map[string]T, kind, key string) (T, bool) {
	if v, ok := table[kind+":"+key]; ok {
		return v, true
	}
	if strings.HasPrefix(kind, "/") {
		var none T
		return none, false
	}
	v, ok := table["*:"+key]
	return v, ok
}
