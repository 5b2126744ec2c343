package rtnl

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

// object is a JSON object as ip prints it.
type object = map[string]any

func parseObjects(t *testing.T, b []byte) []object {
	t.Helper()
	if len(strings.TrimSpace(string(b))) == 0 {
		return nil
	}
	var out []object
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("parse what ip printed: %v", err)
	}
	return slices.DeleteFunc(out, func(o object) bool { return len(o) == 0 })
}

// plain turns anything into what encoding/json makes of it.
func plain(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// ifNames maps indexes to names.
type ifNames map[int32]string

func namesOf(links []Link) ifNames {
	n := ifNames{}
	for i := range links {
		n[links[i].Index] = links[i].Name
	}
	return n
}

// same compares a value that ip printed with ours: ip writes some numbers in
// hexadecimal, interfaces by name and flags as null.
func (n ifNames) same(ip, ours any) bool {
	switch o := ours.(type) {
	case float64:
		if s, ok := ip.(string); ok {
			if u, err := strconv.ParseUint(s, 0, 64); err == nil {
				return float64(u) == o
			}
			return n[int32(o)] == s
		}
	case bool:
		if ip == nil {
			return o
		}
	case map[string]any:
		m, ok := ip.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range m {
			if w, ok := o[camel(k)]; !ok || !n.same(v, w) {
				return false
			}
		}
		return true
	case []any:
		l, ok := ip.([]any)
		return ok && len(l) == len(o) && !slices.ContainsFunc(l, func(x any) bool {
			return !slices.ContainsFunc(o, func(y any) bool { return n.same(x, y) })
		})
	}
	return reflect.DeepEqual(ip, ours)
}

// compare checks that every key of ip's object but those of skip has the same
// value in ours, and that ours has no other.
func (n ifNames) compare(t *testing.T, what string, ip, ours object, skip ...string) {
	t.Helper()
	ours = plain(t, ours).(object)
	for k, v := range ip {
		if slices.Contains(skip, k) {
			continue
		}
		o, ok := ours[k]
		switch {
		case !ok:
			t.Errorf("%s: ip has %s = %v, we have none", what, k, v)
		case !n.same(v, o):
			t.Errorf("%s: %s: ip has %v, we have %v", what, k, v, o)
		}
	}
	for k, v := range ours {
		if _, ok := ip[k]; !ok && !slices.Contains(skip, k) {
			t.Errorf("%s: we have %s = %v, ip has none", what, k, v)
		}
	}
}

// camel turns ip's snake_case into our CamelCase.
func camel(s string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(s, "_") {
		if p != "" {
			b.WriteString(strings.ToUpper(p[:1]) + p[1:])
		}
	}
	return b.String()
}

// compareLinks compares links with `ip -d -j link`.
func compareLinks(t *testing.T, links []Link, printed []byte) {
	t.Helper()
	names := namesOf(links)
	seen := 0
	for _, ip := range parseObjects(t, printed) {
		index := int32(ip["ifindex"].(float64))
		i := slices.IndexFunc(links, func(l Link) bool { return l.Index == index })
		if i < 0 {
			t.Errorf("ip has link %d (%v), we have not", index, ip["ifname"])
			continue
		}
		seen++
		l := &links[i]
		what := "link " + l.Name
		if l.Kind != "" {
			what += " (" + l.Kind + ")"
		}
		if flags, ok := ip["flags"].([]any); ok {
			ip["flags"] = slices.DeleteFunc(flags, func(f any) bool { return f == "M-DOWN" })
		}
		info, _ := ip["linkinfo"].(object)
		if s, ok := ip["phys_switch_id"].(string); ok && len(s) == 62 && strings.HasPrefix(l.PhysSwitchID, s) {
			ip["phys_switch_id"] = l.PhysSwitchID // ip's buffer is one byte short for ids of full length
		}
		names.compare(t, what, ip, linkView(l, names), "linkinfo", "gro_max_size", "tso_max_size", "tso_max_segs",
			"gso_max_size", "gso_max_segs", "allmulti", "link_pointtopoint", "xdp", "inet6_token", "vfinfo_list", "permaddr")
		names.compareVFs(t, what, ip["vfinfo_list"], l)
		if kind, _ := info["info_kind"].(string); kind != l.Kind {
			t.Errorf("%s: ip has kind %q", what, kind)
		}
		if kind, _ := info["info_slave_kind"].(string); kind != l.SlaveKind {
			t.Errorf("%s: ip has slave kind %q", what, kind)
		}
		names.compareInfo(t, what, l.Kind, info["info_data"], l.Info)
		names.compareInfo(t, what+" as slave", l.SlaveKind, info["info_slave_data"], l.SlaveInfo)
	}
	if seen != len(links) {
		t.Errorf("ip has %d links, we have %d", seen, len(links))
	}
}

// linkView is what ip prints of a link, but for linkinfo.
func linkView(l *Link, names ifNames) object {
	v := object{
		"ifindex": l.Index, "ifname": l.Name, "mtu": l.MTU, "qdisc": l.Qdisc, "operstate": l.OperState.String(),
		"linkmode": l.LinkMode.String(), "link_type": l.EncapType(), "num_tx_queues": l.NumTxQueues,
		"num_rx_queues": l.NumRxQueues, "promiscuity": l.Promiscuity.Value, "min_mtu": l.MinMTU, "max_mtu": l.MaxMTU,
		"flags": orEmpty(l.FlagNames()),
	}
	v["group"] = strconv.Itoa(int(l.Group.Value))
	if l.Group.Value == 0 {
		v["group"] = "default"
	}
	set := func(key string, present bool, value any) {
		if present {
			v[key] = value
		}
	}
	set("altnames", len(l.AltNames) > 0, l.AltNames)
	set("ifalias", l.Alias != "", l.Alias)
	set("txqlen", l.TxQueueLen.Value != 0, l.TxQueueLen.Value)
	set("address", l.MAC != "", l.MAC.Text(l.Type))
	set("broadcast", l.Broadcast != "", l.Broadcast.Text(l.Type))
	set("master", l.Master != 0, names[l.Master])
	if parent, ok := l.Parent.Get(); ok {
		_, elsewhere := l.LinkNSID.Get()
		switch {
		case parent == 0:
			v["link"] = nil
		case elsewhere:
			v["link_index"] = parent
		default:
			v["link"] = names[parent]
		}
	}
	set("link_netnsid", l.LinkNSID.Set, l.LinkNSID.Value)
	set("inet6_addr_gen_mode", l.AddrGenMode != "", l.AddrGenMode)
	set("phys_port_name", l.PhysPortName != "", l.PhysPortName)
	set("phys_port_id", l.PhysPortID != "", l.PhysPortID)
	set("phys_switch_id", l.PhysSwitchID != "", l.PhysSwitchID)
	set("parentbus", l.ParentBus != "", l.ParentBus)
	set("parentdev", l.ParentDev != "", l.ParentDev)
	set("proto_down", l.ProtoDown, true)
	return v
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// aliases are the names of attributes that are Skydive's or plainer than ip's.
var aliases = map[string]string{
	"vlan.id": "ID", "vxlan.id": "VNI", "geneve.id": "VNI", "vxlan.group6": "Group", "vxlan.remote6": "Remote",
	"vxlan.local6": "Local", "geneve.remote6": "Remote", "geneve.local6": "Local",
	"bond.perm_hwaddr": "PermMAC", "bond.ad_aggregator_id": "AggregatorId",
	"bond.peer_notify_delay": "PeerNotifyDelay", "bridge.ipv4_addr": "Ipv4Addr",
}

// unlisted are the keys of ip that Info leaves out: what runs, and what only
// says another key again.
func unlisted(key string) bool {
	return strings.HasSuffix(key, "_timer") || strings.HasSuffix(key, "_str") || key == "seq_nr" || key == "fdb_n_learned" ||
		key == "mcast_querier_state"
}

// compareInfo compares info_data or info_slave_data.
func (n ifNames) compareInfo(t *testing.T, what, kind string, ip any, info entity.Attrs) {
	t.Helper()
	printed, _ := ip.(object)
	ours, _ := plain(t, info).(object)
	flags, _ := ours["Flags"].([]any)
	for k, v := range printed {
		name := camel(k)
		if a, ok := aliases[kind+"."+k]; ok {
			name = a
		}
		o, ok := ours[name]
		switch {
		case unlisted(k), v == "any" && !ok, v == false && !ok:
		case v == true && slices.Contains(flags, any(strings.TrimPrefix(k, "ip6_tnl_f_"))):
		case v == nil && o == "none":
		case !ok:
			t.Errorf("%s: ip has %s = %v, we have none", what, k, v)
		case !n.same(v, o):
			t.Errorf("%s: %s: ip has %v, we have %v", what, k, v, o)
		}
	}
}

// compareVFs compares vfinfo_list.
func (n ifNames) compareVFs(t *testing.T, what string, ip any, l *Link) {
	t.Helper()
	list, _ := ip.([]any)
	if len(list) != len(l.VFs) {
		t.Errorf("%s: ip has %d functions, we have %d", what, len(list), len(l.VFs))
		return
	}
	for i, x := range list {
		v := l.VFs[i]
		ours := object{"vf": v.ID, "address": v.MAC.String(), "link_state": map[string]string{"auto": "auto",
			"enable": "enable", "disable": "disable"}[v.LinkState]}
		for key, o := range map[string]Opt[bool]{"spoofchk": v.SpoofChk, "trust": v.Trust, "query_rss_en": v.RssQuery} {
			if o.Set {
				ours[key] = o.Value
			}
		}
		rate := object{}
		if v.MaxTxRate != 0 {
			rate["max_tx"] = v.MaxTxRate
		}
		if v.MinTxRate != 0 {
			rate["min_tx"] = v.MinTxRate
		}
		if v.Vlan != 0 {
			vlan := object{"vlan": v.Vlan}
			if v.VlanProto != "802.1Q" {
				vlan["protocol"] = v.VlanProto
			}
			if v.Qos != 0 {
				vlan["qos"] = v.Qos
			}
			ours["vlan_list"] = []object{vlan}
		}
		n.compareExact(t, fmt.Sprintf("%s vf %d", what, i), x.(object), ours, "rate", "tx_rate", "link_type", "broadcast", "vf_index")
		if len(rate) > 0 {
			if r, _ := x.(object)["rate"].(object); !reflect.DeepEqual(plain(t, rate), any(r)) {
				t.Errorf("%s vf %d: rate: ip has %v, we have %v", what, i, r, rate)
			}
		}
	}
}

// compareExact is compare for objects whose lists hold objects.
func (n ifNames) compareExact(t *testing.T, what string, ip, ours object, skip ...string) {
	t.Helper()
	ours = plain(t, ours).(object)
	for k, v := range ip {
		if o, ok := ours[k]; !slices.Contains(skip, k) && (!ok || !reflect.DeepEqual(v, o) && !n.same(v, o)) {
			t.Errorf("%s: %s: ip has %v, we have %v", what, k, v, o)
		}
	}
}
