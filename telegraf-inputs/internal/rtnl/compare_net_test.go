package rtnl

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pair finds for each object that ip printed the record of which view makes
// the same; what is left over on either side is an error. Records need not come
// in ip's order.
func pair[T any](t *testing.T, names ifNames, what string, printed []object, records []T, view func(*T) object, skip ...string) {
	t.Helper()
	used := make([]bool, len(records))
	var nearest func(ip object) (int, int)
	views := make([]object, len(records))
	for i := range records {
		views[i] = plain(t, view(&records[i])).(object)
	}
	nearest = func(ip object) (best, differences int) {
		best, differences = -1, 1<<30
		for i, v := range views {
			if d := names.differences(ip, v, skip); !used[i] && d < differences {
				best, differences = i, d
			}
		}
		return best, differences
	}
	for _, ip := range printed {
		i, d := nearest(ip)
		if i < 0 {
			t.Errorf("%s: ip has %v, we have none", what, ip)
			continue
		}
		used[i] = true
		if d > 0 {
			t.Errorf("%s: ip has %v\n          we have %v", what, ip, views[i])
		}
	}
	for i, u := range used {
		if !u {
			t.Errorf("%s: we have %v, ip has none", what, views[i])
		}
	}
}

// differences counts the keys that differ.
func (n ifNames) differences(ip, ours object, skip []string) (d int) {
	for k, v := range ip {
		if o, ok := ours[k]; !slices.Contains(skip, k) && (!ok || !n.same(v, o)) {
			d++
		}
	}
	for k := range ours {
		if _, ok := ip[k]; !ok && !slices.Contains(skip, k) {
			d++
		}
	}
	return d
}

// compareAddrs compares addresses with `ip -d -j addr`.
func compareAddrs(t *testing.T, names ifNames, addrs []Addr, printed []byte) {
	t.Helper()
	var ip []object
	for _, l := range parseObjects(t, printed) {
		infos, _ := l["addr_info"].([]any)
		for _, x := range infos {
			a := x.(object)
			a["dev"] = l["ifname"]
			ip = append(ip, a)
		}
	}
	pair(t, names, "address", ip, addrs, func(a *Addr) object {
		v := object{"family": a.Family.String(), "local": a.Prefix.Addr().String(), "prefixlen": a.Prefix.Bits(),
			"scope": a.Scope.String(), "dev": names[a.Index]}
		if a.Peer.IsValid() {
			v["address"] = a.Peer.String()
		}
		if a.Broadcast.IsValid() {
			v["broadcast"] = a.Broadcast.String()
		}
		if a.Label != "" {
			v["label"] = a.Label
		}
		for _, f := range a.FlagNames() {
			v[f] = true
		}
		if a.Flags&AddrPermanent == 0 {
			v["dynamic"] = true
		}
		delete(v, "permanent")
		return v
	}, "valid_life_time", "preferred_life_time", "protocol", "metric")
}

// compareRoutes compares routes with `ip -d -j route show table all`.
func compareRoutes(t *testing.T, names ifNames, routes []Route, family Family, printed []byte) {
	t.Helper()
	routes = slices.DeleteFunc(slices.Clone(routes), func(r Route) bool { return r.Family != family })
	ip := parseObjects(t, printed)
	for _, o := range ip {
		// Keys of ip encapsulation hide those of the route: the object has both.
		if e := o["encap"]; e == "ip" || e == "ip6" {
			delete(o, "dst")
		}
	}
	pair(t, names, "route", ip, routes, func(r *Route) object { return routeView(r, names) },
		"nh_info", "expires", "error", "cache", "features")
}

func routeView(r *Route, names ifNames) object {
	v := object{"type": r.Type.String(), "protocol": r.Protocol.String(), "flags": orEmpty(r.FlagNames()), "scope": r.Scope.String()}
	set := func(key string, present bool, value any) {
		if present {
			v[key] = value
		}
	}
	switch {
	case r.Label.Set:
		v["dst"] = strconv.Itoa(int(r.Label.Value))
	case r.Dst.Bits() == 0:
		v["dst"] = "default"
	default:
		v["dst"] = prefixText(r.Dst)
	}
	set("table", r.Family != FamilyMPLS, TableName(r.Table))
	set("from", r.Src.IsValid() && r.Src.Bits() > 0, prefixText(r.Src))
	gateway(v, r.Family, r.Gateway)
	set("dev", r.OutIf != 0, names[r.OutIf])
	set("prefsrc", r.PrefSrc.IsValid(), r.PrefSrc.String())
	set("metric", r.Priority != 0 || r.Family == FamilyIPv6, r.Priority)
	set("tos", r.TOS != 0, r.TOS)
	set("pref", r.Pref != "", r.Pref)
	set("nhid", r.NexthopID != 0, r.NexthopID)
	set("flow", r.Realm != 0, object{"To": strconv.Itoa(int(r.Realm & 0xffff))})
	set("to", len(r.NewLabels) > 0, labelText(r.NewLabels))
	encapView(v, r.Encap)
	var hops []object
	for _, h := range r.Multipath {
		o := object{"Weight": h.Weight, "Dev": names[h.OutIf], "Flags": orEmpty(h.FlagNames())}
		if h.Gateway.IsValid() {
			o["Gateway"] = h.Gateway.String()
		}
		hops = append(hops, o)
	}
	set("nexthops", hops != nil, hops)
	metrics := object{}
	for _, m := range r.Metrics {
		name := m.Name
		if name == "congctl" {
			name = "congestion"
		}
		metrics[camel(name)] = m.Value
	}
	set("metrics", len(metrics) > 0, []object{metrics})
	return v
}

// prefixText is a prefix as ip prints it: without the length of a host route.
func prefixText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func labelText(labels []uint32) string {
	s := make([]string, len(labels))
	for i, l := range labels {
		s[i] = strconv.Itoa(int(l))
	}
	return strings.Join(s, "/")
}

func gateway(v object, f Family, gw netip.Addr) {
	switch {
	case !gw.IsValid():
	case f == FamilyIPv4 && gw.Is4(), f == FamilyIPv6 && gw.Is6():
		v["gateway"] = gw.String()
	case gw.Is4():
		v["via"] = object{"Family": "inet", "Host": gw.String()}
	default:
		v["via"] = object{"Family": "inet6", "Host": gw.String()}
	}
}

// encapView adds what ip prints of an encapsulation to the route's object.
func encapView(v object, e *Encap) {
	if e == nil {
		return
	}
	v["encap"] = e.Type
	for _, a := range e.Attrs {
		key := strings.ToLower(a.Key)
		switch {
		case e.Type == "mpls" && key == "labels":
			var labels []uint32
			for _, l := range a.Value.List() {
				labels = append(labels, uint32(l.Int()))
			}
			v["dst"] = labelText(labels)
		case (e.Type == "ip" || e.Type == "ip6") && key == "dst":
			delete(v, "dst")
		default:
			v[key] = a.Value
		}
	}
	if e.Type == "ip" || e.Type == "ip6" {
		delete(v, "dst")
		if _, ok := v["src"]; !ok {
			v["src"] = map[string]string{"ip": "0.0.0.0", "ip6": "::"}[e.Type]
		}
	}
}

// compareRules compares rules with `ip -d -j rule`.
func compareRules(t *testing.T, names ifNames, rules []Rule, family Family, printed []byte) {
	t.Helper()
	rules = slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.Family != family })
	pair(t, names, "rule", parseObjects(t, printed), rules, func(r *Rule) object {
		v := object{"priority": r.Priority, "protocol": r.Protocol.String(), "src": "all"}
		set := func(key string, present bool, value any) {
			if present {
				v[key] = value
			}
		}
		if r.Src.IsValid() {
			v["src"] = r.Src.Addr().String()
			set("srclen", !r.Src.IsSingleIP(), r.Src.Bits())
		}
		if r.Dst.IsValid() {
			v["dst"] = r.Dst.Addr().String()
			set("dstlen", !r.Dst.IsSingleIP(), r.Dst.Bits())
		}
		set("table", r.Action == "lookup" && r.Table != 0, TableName(r.Table))
		set("action", r.Action != "lookup" && r.Action != "goto", r.Action)
		set("goto", r.Action == "goto", r.Goto)
		set("fwmark", r.Mark.Set, r.Mark.Value)
		set("fwmask", r.MarkMask.Set && r.MarkMask.Value != 0xffffffff, r.MarkMask.Value)
		set("iif", r.InIf != "", r.InIf)
		set("oif", r.OutIf != "", r.OutIf)
		set("not", r.Invert, true)
		set("l3mdev", r.L3MDev, true)
		set("suppress_prefixlen", r.SuppressPrefix.Set, r.SuppressPrefix.Value)
		set("suppress_ifgroup", r.SuppressGroup.Set, r.SuppressGroup.Value)
		set("uid_start", r.UIDs.Set, r.UIDs.Value.From)
		set("uid_end", r.UIDs.Set, r.UIDs.Value.To)
		set("tun_id", r.TunID != 0, r.TunID)
		set("tos", r.TOS != 0, r.TOS)
		set("ipproto", r.IPProto == 6, "tcp")
		port := func(key string, p Opt[Range]) {
			set(key, p.Set && p.Value.From == p.Value.To, p.Value.From)
			set(key+"_start", p.Set && p.Value.From != p.Value.To, p.Value.From)
			set(key+"_end", p.Set && p.Value.From != p.Value.To, p.Value.To)
		}
		port("sport", r.SrcPort)
		port("dport", r.DstPort)
		return v
	})
}

// compareNeighbors compares neighbours with `ip -d -j neigh show nud all`.
func compareNeighbors(t *testing.T, names ifNames, neighs []Neigh, printed []byte) {
	t.Helper()
	pair(t, names, "neighbour", parseObjects(t, printed), neighs, func(n *Neigh) object {
		states := []string{}
		for _, s := range n.StateNames() {
			if s != "NUD_NONE" {
				states = append(states, strings.TrimPrefix(s, "NUD_"))
			}
		}
		v := object{"dst": n.IP.String(), "dev": names[n.Index], "state": states}
		if n.MAC != "" {
			v["lladdr"] = n.MAC.String()
		}
		for _, f := range n.FlagNames() {
			if k, ok := map[string]string{"NTF_ROUTER": "router", "NTF_PROXY": "proxy", "NTF_EXT_LEARNED": "extern_learn"}[f]; ok {
				v[k] = true
			}
		}
		return v
	}, "protocol")
}

// compareFDB compares forwarding entries with `bridge -d -j fdb`.
func compareFDB(t *testing.T, names ifNames, fdb []Neigh, printed []byte) {
	t.Helper()
	pair(t, names, "forwarding entry", parseObjects(t, printed), fdb, func(n *Neigh) object {
		state := "0x" + hexUint(uint64(n.State))
		switch {
		case n.State&NeighPermanent != 0:
			state = "permanent"
		case n.State&NeighNoARP != 0:
			state = "static"
		case n.State&0x04 != 0:
			state = "stale"
		case n.State&0x02 != 0:
			state = ""
		}
		flags := []string{}
		for _, f := range n.FlagNames() {
			if k, ok := map[string]string{"NTF_SELF": "self", "NTF_ROUTER": "router", "NTF_EXT_LEARNED": "extern_learn",
				"NTF_OFFLOADED": "offload", "NTF_MASTER": "master", "NTF_STICKY": "sticky"}[f]; ok {
				flags = append(flags, k)
			}
		}
		v := object{"mac": n.MAC.String(), "ifname": names[n.Index], "flags": flags, "state": state}
		set := func(key string, present bool, value any) {
			if present {
				v[key] = value
			}
		}
		set("master", n.Master != 0, names[n.Master])
		set("dst", n.IP.IsValid(), n.IP.String())
		set("vlan", n.Vlan != 0, n.Vlan)
		set("port", n.Port != 0, n.Port)
		set("vni", n.VNI.Set, n.VNI.Value)
		set("src_vni", n.SrcVNI.Set, n.SrcVNI.Value)
		set("viaIf", n.Via != 0, names[n.Via])
		set("nhid", n.NexthopID != 0, n.NexthopID)
		return v
	})
}

// compareNexthops compares nexthop objects with `ip -d -j nexthop`.
func compareNexthops(t *testing.T, names ifNames, nexthops []Nexthop, printed []byte) {
	t.Helper()
	pair(t, names, "nexthop", parseObjects(t, printed), nexthops, func(n *Nexthop) object {
		v := object{"id": n.ID, "protocol": n.Protocol.String(), "flags": orEmpty(n.FlagNames()), "scope": n.Scope.String()}
		set := func(key string, present bool, value any) {
			if present {
				v[key] = value
			}
		}
		set("gateway", n.Gateway.IsValid(), n.Gateway.String())
		set("dev", n.OutIf != 0, names[n.OutIf])
		set("blackhole", n.Blackhole, true)
		set("fdb", n.FDB, true)
		encapView(v, n.Encap)
		var group []object
		for _, m := range n.Group {
			o := object{"Id": m.ID}
			if m.Weight != 1 {
				o["Weight"] = m.Weight
			}
			group = append(group, o)
		}
		set("group", group != nil, group)
		set("type", n.GroupType == "resilient", "resilient")
		set("resilient_args", n.GroupType == "resilient", object{"Buckets": n.Buckets, "IdleTimer": n.IdleTimer / 100,
			"UnbalancedTimer": n.UnbalancedTimer / 100, "UnbalancedTime": 0})
		return v
	})
}
