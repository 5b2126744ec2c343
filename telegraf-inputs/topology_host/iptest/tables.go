package iptest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// addresses compares IPV4 and IPV6 of one link with `ip address`.
func (c *comparison) addresses(index int64, attrs map[string]any) {
	want := map[string][]string{}
	for _, l := range c.ns.addrs {
		if l.num("ifindex") != index {
			continue
		}
		for _, a := range objects(l.get("addr_info")) {
			text := fmt.Sprintf("%s/%d", a.str("local"), a.num("prefixlen"))
			want[a.str("family")] = append(want[a.str("family")], text)
		}
	}
	for family, key := range map[string]string{"inet": "IPV4", "inet6": "IPV6"} {
		got, _ := attrs[key].([]any)
		texts := slices.Compact(slices.Sorted(slices.Values(want[family])))
		c.sets(key, toList(texts), got)
	}
}

// neighbours compares Neighbors of one link with `ip neighbour`.
func (c *comparison) neighbours(name string, attrs map[string]any) {
	var want []any
	for _, o := range c.ns.neighbours {
		if o.str("dev") != name || !shown(o) {
			continue
		}
		state := texts(o.get("state"))
		e := map[string]any{"IP": o.str("dst"), "IfIndex": c.ns.byName[name]}
		if mac := o.str("lladdr"); mac != "" {
			e["MAC"] = mac
		}
		e["State"] = prefixed("NUD_", state)
		var flags []string
		for key, flag := range map[string]string{
			"router": "NTF_ROUTER", "extern_learn": "NTF_EXT_LEARNED", "offload": "NTF_OFFLOADED", "managed": "NTF_EXT_MANAGED",
		} {
			if o.has(key) {
				flags = append(flags, flag)
			}
		}
		if len(flags) > 0 {
			e["Flags"] = set(flags)
		}
		want = append(want, e)
	}
	c.sets("Neighbors", want, entries(attrs["Neighbors"], func(e map[string]any) {
		e["State"] = sorted(e["State"])
	}))
}

// shown reports whether `ip neighbour` shows an entry without being asked for
// all: not those of multicast addresses and of links without ARP.
func shown(o object) bool {
	state := texts(o.get("state"))
	return !o.has("proxy") && len(state) > 0 && !slices.Contains(state, "NONE") && !slices.Contains(state, "NOARP")
}

func prefixed(prefix string, names []string) []any {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + strings.ToUpper(n)
	}
	return set(out)
}

// fdb compares FDB of one link with `bridge fdb`.
func (c *comparison) fdb(name string, attrs map[string]any) {
	var want []any
	for _, o := range c.ns.fdb {
		if o.str("ifname") == name && !filterEntry(o) {
			want = append(want, c.fdbEntry(o))
		}
	}
	c.sets("FDB", want, entries(attrs["FDB"], func(e map[string]any) {
		e["State"] = fdbState(e["State"])
	}))
}

// entries returns a list of neighbours or FDB entries with flags in order,
// each changed by f.
func entries(v any, f func(map[string]any)) []any {
	l, _ := v.([]any)
	out := make([]any, len(l))
	for i, e := range l {
		m, _ := e.(map[string]any)
		m = maps.Clone(m)
		if flags, ok := m["Flags"]; ok {
			m["Flags"] = sorted(flags)
		}
		f(m)
		out[i] = m
	}
	return out
}

// fdbState is the one word that `bridge` has for the state of an FDB entry.
func fdbState(v any) any {
	l, _ := v.([]any)
	for _, x := range []struct{ nud, word string }{
		{"NUD_PERMANENT", "permanent"}, {"NUD_NOARP", "static"}, {"NUD_STALE", "stale"}, {"NUD_REACHABLE", ""},
	} {
		if slices.Contains(l, any(x.nud)) {
			return x.word
		}
	}
	return v
}

// filterEntry reports whether an entry is one of a device's own list of
// addresses to receive. `bridge fdb` shows them for every device; they forward
// nothing, and the kernel sends no event when they change.
func filterEntry(o object) bool {
	return slices.Contains(texts(o.get("flags")), "self") &&
		!o.has("dst") && !o.has("nhid") && !o.has("vni") && !o.has("vlan")
}

func (c *comparison) fdbEntry(o object) map[string]any {
	e := map[string]any{"IfIndex": c.ns.byName[o.str("ifname")], "MAC": o.str("mac")}
	flags := texts(o.get("flags"))
	if len(flags) > 0 {
		names := prefixed("NTF_", flags)
		for i, f := range names {
			if f == "NTF_EXTERN_LEARN" {
				names[i] = "NTF_EXT_LEARNED"
			}
		}
		e["Flags"] = names
	}
	e["State"] = o.str("state")
	for _, f := range []struct {
		ip, attr string
		conv     converter
	}{
		{"dst", "IP", same}, {"vlan", "Vlan", same}, {"vni", "VNI", same}, {"src_vni", "SrcVNI", same},
		{"port", "Port", same}, {"viaIf", "Via", ifindex},
		{"viaIfIndex", "Via", same}, // of a device in another namespace
		{"master", "MasterIndex", ifindex}, {"nhid", "NHID", same},
	} {
		if o.has(f.ip) {
			e[f.attr] = f.conv(c.ns, o.get(f.ip))
		}
	}
	return e
}

// route is one route as both sides are brought to: where it is listed and what
// it says.
type route struct {
	dev  int64 // 0: on the namespace itself
	text map[string]any
}

// routes returns what `ip route` says, but for what the kernel keeps for its
// own addresses.
func (n *Namespace) routeList() []route {
	var out []route
	for family, list := range n.routes {
		for _, o := range list {
			if o.get("table") == "local" {
				continue
			}
			switch o.str("type") {
			case "local", "broadcast", "anycast", "multicast":
				if o.str("protocol") == "kernel" {
					continue
				}
			}
			text, devs := n.route(family, o)
			for _, d := range devs {
				out = append(out, route{d, text})
			}
		}
	}
	return out
}

func (n *Namespace) route(family string, o object) (text map[string]any, devs []int64) {
	e := map[string]any{"Protocol": o.str("protocol"), "Scope": o.str("scope"), "Type": o.str("type")}
	id := any(int64(254))
	if o.has("table") {
		id = table(o.get("table"))
	}
	e["Table"] = id
	if family == "mpls" {
		if i, ok := number64(o.str("dst")); ok {
			e["Label"] = i
		}
	} else {
		e["Prefix"] = prefix(family, o.get("dst"))
	}
	if s := o.str("prefsrc"); s != "" {
		e["PrefSrc"] = s
	}
	if o.has("from") {
		e["From"] = prefix(family, o.get("from"))
	}
	if o.has("tos") {
		e["TOS"] = hexadecimal(n, o.get("tos"))
	}
	metrics := map[string]any{}
	for _, m := range objects(o.get("metrics")) {
		for _, x := range m {
			metrics[x.key] = plainJSON(x.value)
		}
	}
	if len(metrics) > 0 {
		e["Metrics"] = metrics
	}
	hops := objects(o.get("nexthops"))
	multi := len(hops) > 0
	if !multi {
		hops = []object{o}
	}
	var all []any
	for _, h := range hops {
		x := n.hop(family, o, h, multi)
		dev, _ := x["IfIndex"].(int64)
		if !slices.Contains(devs, dev) {
			devs = append(devs, dev)
		}
		if len(x) > 1 || x["Priority"] != int64(0) {
			all = append(all, x)
		}
	}
	if len(all) > 0 {
		e["NextHops"] = inOrder(all)
	}
	return e, devs
}

// inOrder returns next hops in an order of its own: they are a set, of which
// the kernel tells in the order in which they were added.
func inOrder(hops []any) []any {
	hops = slices.Clone(hops)
	slices.SortFunc(hops, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return hops
}

// hop is one next hop of route o; for a route with a single one both are o.
func (n *Namespace) hop(family string, o, h object, multi bool) map[string]any {
	e := map[string]any{"Priority": o.num("metric")}
	if dev := h.str("dev"); dev != "" {
		e["IfIndex"] = ifindex(n, dev)
	}
	gateway := h.str("gateway")
	if via, ok := h.get("via").(object); ok {
		gateway = via.str("host")
	}
	if gateway != "" {
		e["IP"] = gateway
		if mac := n.resolved(h.str("dev"), gateway); mac != "" {
			e["MAC"] = mac
		}
	}
	if id := o.num("nhid"); id != 0 {
		e["NHID"] = id
	}
	if multi {
		e["Weight"] = h.num("weight")
	}
	if slices.Contains(texts(h.get("flags")), "dead") {
		e["Dead"] = true
	}
	if family == "mpls" && h.str("to") != "" {
		e["Labels"] = labels(h.str("to"))
	}
	if x := encap(h); x != nil {
		e["Encap"] = x
	}
	return e
}

func labels(s string) []any {
	var out []any
	for l := range strings.SplitSeq(s, "/") {
		i, _ := number64(l)
		out = append(out, i)
	}
	return out
}

// encap is what a route says of a lightweight tunnel. `ip` writes its fields
// between those of the route.
func encap(o object) map[string]any {
	e := map[string]any{}
	switch o.str("encap") {
	case "":
		return nil
	case "mpls":
		e["Labels"] = labels(fmt.Sprint(o.last("dst")))
	case "seg6":
		e["Mode"], e["Segs"] = o.str("mode"), toList(texts(o.get("segs")))
	}
	e["Type"] = o.str("encap")
	return e
}

// resolved returns the MAC of a neighbour that is known.
func (n *Namespace) resolved(dev, ip string) string {
	for _, o := range n.neighbours {
		state := texts(o.get("state"))
		if o.str("dev") == dev && o.str("dst") == ip && shown(o) && !slices.Contains(state, "FAILED") && !slices.Contains(state, "INCOMPLETE") {
			return o.str("lladdr")
		}
	}
	return ""
}

// routes compares RoutingTables of one link, or of the namespace itself for
// index 0.
func (c *comparison) routes(index int64, attrs map[string]any) {
	var want, got []any
	for _, r := range c.ns.routeList() {
		if r.dev == index {
			want = append(want, r.text)
		}
	}
	tables, _ := attrs["RoutingTables"].([]any)
	for _, t := range tables {
		t, _ := t.(map[string]any)
		routes, _ := t["Routes"].([]any)
		for _, r := range routes {
			r, _ := r.(map[string]any)
			e := map[string]any{"Table": t["ID"]}
			for k, v := range r {
				e[k] = v
			}
			if hops, ok := e["NextHops"].([]any); ok {
				e["NextHops"] = inOrder(hops)
			}
			if src, ok := t["Src"]; ok {
				e["PrefSrc"] = src
			}
			got = append(got, e)
		}
	}
	c.sets("RoutingTables", want, got)
}

// rules compares RoutingRules with `ip rule`.
func (c *comparison) rules(attrs map[string]any) {
	var want []any
	for family, list := range c.ns.rules {
		for _, o := range list {
			want = append(want, c.rule(family, o))
		}
	}
	got, _ := attrs["RoutingRules"].([]any)
	c.sets("RoutingRules", want, got)
}

func (c *comparison) rule(family string, o object) map[string]any {
	e := map[string]any{"Family": family, "Action": "lookup"}
	for _, m := range o {
		switch m.key {
		case "priority":
			e["Priority"] = m.value
		case "src", "dst":
			if m.value == "all" {
				break
			}
			p := m.value
			if bits := o.get(m.key + "len"); bits != nil {
				p = fmt.Sprintf("%v/%v", m.value, bits)
			}
			e[map[string]string{"src": "Src", "dst": "Dst"}[m.key]] = prefix(family, p)
		case "srclen", "dstlen", "fwmask", "uid_end", "sport_end", "dport_end": // with their partners
		case "iif":
			e["InIf"] = m.value
		case "oif":
			e["OutIf"] = m.value
		case "iif_detached", "oif_detached": // no such link now; the rule is the same
		case "table":
			e["Table"] = table(m.value)
		case "protocol":
			e["Protocol"] = m.value
		case "fwmark":
			e["Mark"] = hexadecimal(c.ns, m.value)
			e["MarkMask"] = int64(0xffffffff)
			if o.has("fwmask") {
				e["MarkMask"] = hexadecimal(c.ns, o.get("fwmask"))
			}
		case "tos":
			e["TOS"] = hexadecimal(c.ns, m.value)
		case "not":
			e["Not"] = true
		case "l3mdev":
			e["L3MDev"] = true
		case "suppress_prefixlen":
			e["SuppressPrefixLength"] = m.value
		case "goto":
			e["Action"], e["Goto"] = "goto", m.value
		case "action", "nop":
			e["Action"] = m.value
		case "uid_start":
			e["UIDs"] = span(m.value, o.get("uid_end"))
		case "sport", "sport_start":
			e["SrcPorts"] = span(m.value, o.get("sport_end"))
		case "dport", "dport_start":
			e["DstPorts"] = span(m.value, o.get("dport_end"))
		case "ipproto":
			e["IPProto"] = map[any]any{"icmp": int64(1), "tcp": int64(6), "udp": int64(17), "sctp": int64(132)}[m.value]
		case "tun_id":
			e["TunID"] = m.value
		default:
			e["ip rule's "+m.key] = plainJSON(m.value)
		}
	}
	return e
}

func span(from, to any) string {
	if to == nil || from == to {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%v-%v", from, to)
}

// nexthops compares Nexthops with `ip nexthop`.
func (c *comparison) nexthops(attrs map[string]any) {
	var want []any
	for _, o := range c.ns.nexthops {
		e := map[string]any{"ID": o.num("id"), "Protocol": o.str("protocol"), "Scope": o.str("scope")}
		if g := o.str("gateway"); g != "" {
			e["IP"] = g
		}
		if via, ok := o.get("via").(object); ok {
			e["IP"] = via.str("host")
		}
		if d := o.str("dev"); d != "" {
			e["IfIndex"] = ifindex(c.ns, d)
		}
		if o.has("blackhole") {
			e["Blackhole"] = true
		}
		if o.has("fdb") {
			e["FDB"] = true
		}
		var members []any
		for _, g := range objects(o.get("group")) {
			members = append(members, map[string]any{"ID": g.num("id"), "Weight": cmp.Or(g.num("weight"), 1)})
		}
		if members != nil {
			e["Group"] = members
			e["GroupType"] = cmp.Or(o.str("type"), "mpath")
		}
		if r, ok := o.get("resilient_args").(object); ok {
			e["Buckets"] = r.num("buckets")
		}
		if x := encap(o); x != nil {
			e["Encap"] = x
		}
		want = append(want, e)
	}
	got, _ := attrs["Nexthops"].([]any)
	c.sets("Nexthops", want, got)
}
