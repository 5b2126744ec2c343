package iptest

import (
	"slices"
)

// field says what becomes of one field of `ip -d -j link`.
type field struct {
	// ip is the key in ip's output.
	ip string
	// attr is the attribute of the entity; empty for fields that are not
	// compared here, for the reason why.
	attr string
	conv converter
	why  string
}

// linkFields are the fields of a link outside linkinfo.
var linkFields = []field{
	{ip: "ifindex", attr: "IfIndex", conv: same},
	{ip: "ifname", attr: "Name", conv: same},
	{ip: "flags", attr: "LinkFlags", conv: linkFlags},
	{ip: "mtu", attr: "MTU", conv: same},
	{ip: "qdisc", attr: "Qdisc", conv: same},
	{ip: "operstate", attr: "OperState", conv: same},
	{ip: "group", attr: "Group", conv: group},
	{ip: "txqlen", attr: "TxQLen", conv: same},
	{ip: "link_type", attr: "EncapType", conv: same},
	{ip: "address", attr: "MAC", conv: same},
	{ip: "permaddr", attr: "PermMAC", conv: same},
	{ip: "master", attr: "MasterIndex", conv: ifindex},
	{ip: "link_netnsid", attr: "LinkNetNsID", conv: same},
	{ip: "ifalias", attr: "Alias", conv: same},
	{ip: "altnames", attr: "AltNames", conv: unordered},
	{ip: "num_tx_queues", attr: "NumTxQueues", conv: same},
	{ip: "num_rx_queues", attr: "NumRxQueues", conv: same},
	{ip: "phys_port_name", attr: "PhysPortName", conv: same},
	{ip: "phys_port_id", attr: "PhysPortID", conv: same},
	{ip: "phys_switch_id", attr: "PhysSwitchID", conv: same},
	{ip: "parentbus", attr: "ParentBus", conv: same},
	{ip: "parentdev", attr: "ParentDev", conv: same},
	{ip: "inet6_addr_gen_mode", attr: "AddrGenMode", conv: same},
	{ip: "protodown", attr: "ProtoDown", conv: truth},

	{ip: "link", why: "compared as ParentIndex or PeerIfIndex, see parent"},
	{ip: "link_index", why: "compared as ParentIndex or PeerIfIndex, see parent"},
	{ip: "linkinfo", why: "compared as Type, Info and what the master says, see info"},
	{ip: "vfinfo_list", why: "compared as Vfs, see vfs"},
	{ip: "xdp", why: "compared as XDP, see xdp"},
	{ip: "broadcast", why: "follows from the link type, or is the remote address of a tunnel, which Info has"},
	{ip: "link_pointtopoint", why: "is the flag POINTOPOINT"},
	{ip: "linkmode", why: "a detail of how the operational state is set; the state is compared"},
	{ip: "promiscuity", why: "counts who listens, changes with every capture; the flag PROMISC is compared"},
	{ip: "allmulti", why: "counts who listens; the flag ALLMULTI is compared"},
	{ip: "min_mtu", why: "a limit of the driver, not of the topology"},
	{ip: "max_mtu", why: "a limit of the driver, not of the topology"},
	{ip: "gso_max_size", why: "tuning of the driver, not topology"},
	{ip: "gso_max_segs", why: "tuning of the driver, not topology"},
	{ip: "gso_ipv4_max_size", why: "tuning of the driver, not topology"},
	{ip: "gro_max_size", why: "tuning of the driver, not topology"},
	{ip: "gro_ipv4_max_size", why: "tuning of the driver, not topology"},
	{ip: "tso_max_size", why: "tuning of the driver, not topology"},
	{ip: "tso_max_segs", why: "tuning of the driver, not topology"},
}

// linkFlags leaves out M-DOWN, which `ip` makes up from another link's flags.
func linkFlags(_ *Namespace, v any) any {
	flags := texts(v)
	flags = slices.DeleteFunc(flags, func(s string) bool { return s == "M-DOWN" })
	if len(flags) == 0 {
		return nil
	}
	return set(flags)
}

// beyond are the attributes of an interface that `ip -d link` cannot tell, and
// where they are checked instead.
var beyond = map[string]string{
	"Name": "", "Type": "", "State": "", "Info": "", "BondSlave": "", "BridgePort": "", "SlaveInfo": "", "Vfs": "", "XDP": "",
	"Vlan": "", "BondMode": "", "ParentIndex": "", "PeerIfIndex": "", // compared by functions of this package
	"IPV4": "", "IPV6": "", "Neighbors": "", "FDB": "", "RoutingTables": "", // other commands of `ip`
	"LinkNetNsName": "", "VfID": "", // compared with the relationships
	"Driver":        "ethtool",
	"DriverVersion": "ethtool",
	"Firmware":      "ethtool",
	"BusInfo":       "ethtool",
	"Speed":         "ethtool",
	"Duplex":        "ethtool",
	"Features":      "ethtool",
	"TID":           "made from names",
	"Truncated":     "the probe's own limit",
}

// link compares one link with its entity's attributes.
func (c *comparison) link(l object, attrs map[string]any) {
	compared := map[string]bool{}
	for _, f := range linkFields {
		if f.attr == "" {
			continue
		}
		compared[f.attr] = true
		got := attrs[f.attr]
		if f.attr == "LinkFlags" || f.attr == "AltNames" {
			got = sorted(got)
		}
		if !l.has(f.ip) {
			// `ip` leaves out what the kernel leaves out, and a permanent address
			// that is the current one.
			if !isDefault(got) && (f.attr != "PermMAC" || got != attrs["MAC"]) {
				c.add(f.attr, "nothing", show(got))
			}
			continue
		}
		want := f.conv(c.ns, l.get(f.ip))
		if text, ok := got.(string); ok && f.attr == "PhysSwitchID" && len(text) == 64 {
			got = text[:62] // ip's buffer has no room for more
		}
		c.values(f.attr, want, got)
	}
	for _, m := range l {
		if !slices.ContainsFunc(linkFields, func(f field) bool { return f.ip == m.key }) {
			c.add(m.key, show(plainJSON(m.value)), "nothing that the tables of this test know")
		}
	}
	for key, v := range attrs {
		if _, ok := beyond[key]; !ok && !compared[key] {
			c.add(key, "nothing that the tables of this test know", show(v))
		}
	}
	state := "DOWN"
	if slices.Contains(texts(l.get("flags")), "UP") {
		state = "UP"
	}
	c.values("State", state, attrs["State"])
	c.parent(l, attrs)
	c.info(l, attrs)
	c.vfs(l, attrs)
	c.xdp(l, attrs)
}

// peered reports whether links of a kind come in pairs.
func peered(kind string) bool { return kind == "veth" || kind == "vxcan" || kind == "netkit" }

// parent compares IFLA_LINK: a name in the same namespace, an index in another.
func (c *comparison) parent(l object, attrs map[string]any) {
	var want any
	if v := c.ns.lower(l); v > 0 {
		want = v
	}
	key, other := "ParentIndex", "PeerIfIndex"
	if peered(kindOf(l)) {
		key, other = other, key
	}
	c.values(key, want, attrs[key])
	c.values(other, nil, attrs[other])
}

// lower returns the index of the device that a link stands on or is the peer
// of, 0 for none. Most kinds say it in IFLA_LINK, VXLAN in its own attributes.
func (n *Namespace) lower(l object) int64 {
	if l.has("link_index") {
		return l.num("link_index")
	}
	if i, _ := ifindex(n, l.get("link")).(int64); i > 0 {
		return i
	}
	info, _ := l.get("linkinfo").(object)
	data, _ := info.get("info_data").(object)
	i, _ := ifindex(n, data.get("link")).(int64)
	return i
}

// kindOf returns the link kind, "" for hardware.
func kindOf(l object) string {
	info, _ := l.get("linkinfo").(object)
	return info.str("info_kind")
}

func slaveKindOf(l object) string {
	info, _ := l.get("linkinfo").(object)
	return info.str("info_slave_kind")
}

// xdp compares the attached programs.
func (c *comparison) xdp(l object, attrs map[string]any) {
	x, _ := l.get("xdp").(object)
	got, _ := attrs["XDP"].(map[string]any)
	if x == nil {
		c.values("XDP", nil, attrs["XDP"])
		return
	}
	names := map[int64]string{1: "driver", 2: "generic", 3: "offload", 4: "multi"}
	c.values("XDP.Mode", names[x.num("mode")], got["Mode"])
	if prog, ok := x.get("prog").(object); ok {
		c.values("XDP.ProgID", prog.num("id"), got["ProgID"])
	}
}

// vfs compares SR-IOV functions.
func (c *comparison) vfs(l object, attrs map[string]any) {
	want := objects(l.get("vfinfo_list"))
	got, _ := attrs["Vfs"].([]any)
	if len(want) != len(got) {
		c.add("Vfs", show(len(want)), show(len(got)))
		return
	}
	for i, vf := range want {
		c.vf(vf, got[i])
	}
}

func (c *comparison) vf(vf object, v any) {
	got, _ := v.(map[string]any)
	want := map[string]any{"ID": vf.num("vf"), "Vlan": int64(0), "Qos": int64(0), "TxRate": int64(0)}
	for _, m := range vf {
		switch m.key {
		case "vf":
		case "address", "mac":
			want["MAC"] = m.value
		case "link_type", "broadcast": // as those of the physical function
		case "spoofchk":
			want["Spoofchk"] = m.value
		case "link_state":
			want["LinkState"] = m.value
		case "trust":
			want["Trust"] = m.value
		case "query_rss_en":
			want["RssQuery"] = m.value
		case "tx_rate":
			want["TxRate"] = m.value
		case "rate":
			r, _ := m.value.(object)
			if n := r.num("max_tx"); n != 0 {
				// The older field shows the same limit.
				want["MaxTxRate"], want["TxRate"] = n, n
			}
			if n := r.num("min_tx"); n != 0 {
				want["MinTxRate"] = n
			}
		case "vlan_list":
			for _, vlan := range objects(m.value) {
				want["Vlan"], want["Qos"] = vlan.num("vlan"), vlan.num("qos")
				if p := vlan.str("protocol"); p != "" {
					want["VlanProto"] = p
				} else {
					want["VlanProto"] = "802.1Q"
				}
			}
		default:
			c.add("Vfs."+m.key, show(plainJSON(m.value)), "nothing that the tables of this test know")
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok && !isDefault(v) {
			c.add("Vfs."+k, "nothing", show(v))
		}
	}
	for k, v := range want {
		c.values("Vfs."+k, v, got[k])
	}
}
