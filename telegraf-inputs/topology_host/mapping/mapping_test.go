package mapping

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/ethtool"
)

var blue = NetNS{HostID: "h", Inode: 7, Device: 4}

func attrs(kv ...any) entity.Attrs {
	var a entity.Attrs
	for i := 0; i < len(kv); i += 2 {
		var v entity.Value
		switch x := kv[i+1].(type) {
		case string:
			v = entity.String(x)
		case int:
			v = entity.Int(int64(x))
		case bool:
			v = entity.Bool(x)
		case entity.Attrs:
			v = entity.Map(x)
		}
		a = append(a, entity.A(kv[i].(string), v))
	}
	return a.Normalize()
}

// show returns what dotted paths lead to, as JSON.
func show(t *testing.T, a entity.Attrs, path string) string {
	t.Helper()
	var out []string
	a.Lookup(path, func(v entity.Value) bool {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
		return true
	})
	return strings.Join(out, " ")
}

func TestLinkAttrs(t *testing.T) {
	tests := []struct {
		name string
		link rtnl.Link
		want map[string]string // "" stands for no such attribute
	}{
		{"hardware", rtnl.Link{Index: 2, Type: 1, Name: "eth0", MTU: 1500, Flags: 0x1043, OperState: 6, MAC: "\x02\x00\x00\x00\x00\x01", ParentDev: "0000:01:00.0", ParentBus: "pci"},
			map[string]string{"Type": `"device"`, "Name": `"eth0"`, "IfIndex": "2", "MTU": "1500", "State": `"UP"`, "OperState": `"UP"`, "EncapType": `"ether"`,
				"MAC": `"02:00:00:00:00:01"`, "ParentDev": `"0000:01:00.0"`, "LinkFlags": `["BROADCAST","MULTICAST","UP"]`, "MasterIndex": "", "Vlan": "", "Info": "", "XDP": "", "Vfs": ""}},
		{"loopback", rtnl.Link{Index: 1, Type: 772, Name: "lo", Flags: 8, MAC: "\x00\x00\x00\x00\x00\x00"},
			map[string]string{"Type": `"device"`, "EncapType": `"loopback"`, "State": `"DOWN"`, "MAC": `"00:00:00:00:00:00"`}},
		{"vlan", rtnl.Link{Index: 3, Type: 1, Name: "v", Kind: "vlan", Parent: rtnl.Some[int32](2), Info: attrs("Vlan", 5)},
			map[string]string{"Type": `"vlan"`, "Vlan": "5", "Info.Vlan": "5", "ParentIndex": "2", "PeerIfIndex": ""}},
		{"bond", rtnl.Link{Index: 3, Kind: "bond", Info: attrs("Mode", "802.3ad")}, map[string]string{"BondMode": `"802.3ad"`}},
		{"bond slave", rtnl.Link{Index: 3, Master: 9, SlaveKind: "bond", SlaveInfo: attrs("State", "ACTIVE")},
			map[string]string{"BondSlave.State": `"ACTIVE"`, "MasterIndex": "9", "SlaveInfo": ""}},
		{"vrf slave", rtnl.Link{Index: 3, Master: 9, SlaveKind: "vrf", SlaveInfo: attrs("Table", 10)}, map[string]string{"SlaveInfo.Table": "10", "BondSlave": ""}},
		{"veth", rtnl.Link{Index: 3, Kind: "veth", Parent: rtnl.Some[int32](8), LinkNSID: rtnl.Some[int32](0)},
			map[string]string{"PeerIfIndex": "8", "ParentIndex": "", "LinkNetNsID": "0"}},
		{"veth without other end", rtnl.Link{Index: 3, Kind: "veth", Parent: rtnl.Some[int32](0)}, map[string]string{"PeerIfIndex": "", "ParentIndex": ""}},
		{"vxlan says its device by itself", rtnl.Link{Index: 3, Kind: "vxlan", Info: attrs("Link", 4)}, map[string]string{"ParentIndex": "4"}},
		{"XDP", rtnl.Link{Index: 3, XDP: rtnl.XDP{Mode: "driver", ProgID: 12}}, map[string]string{"XDP": `{"Mode":"driver","ProgID":12}`}},
		{"functions", rtnl.Link{Index: 3, VFs: []rtnl.VF{{ID: 1, MAC: "\x02\x00\x00\x00\x00\x05", Vlan: 7, SpoofChk: rtnl.Some(true), LinkState: "auto"}}},
			map[string]string{"Vfs": `[{"ID":1,"LinkState":"auto","MAC":"02:00:00:00:00:05","Qos":0,"Spoofchk":true,"TxRate":0,"Vlan":7}]`}},
		{"names", rtnl.Link{Index: 3, AltNames: []string{"a", "b"}, Alias: "text", TxQueueLen: rtnl.Some[uint32](0), Group: rtnl.Some[uint32](3)},
			map[string]string{"AltNames": `["a","b"]`, "Alias": `"text"`, "TxQLen": "0", "Group": "3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := LinkAttrs(&tt.link).Normalize()
			for path, want := range tt.want {
				if got := show(t, a, path); got != want {
					t.Errorf("%s is %s, want %s", path, got, want)
				}
			}
		})
	}
}

func TestBridgePortAttrs(t *testing.T) {
	member := rtnl.Link{Index: 3, Master: 9, SlaveKind: "bridge", SlaveInfo: attrs("State", "learning", "Cost", 2, "HoldTimer", 3)}
	tests := []struct {
		name string
		link rtnl.Link
		port *rtnl.BridgePort
		want string
	}{
		{"no master", rtnl.Link{Index: 3}, nil, ""},
		{"by the link", member, nil, `{"Cost":2,"State":"learning"}`},
		{"newer by the port", member, &rtnl.BridgePort{Master: 9, State: "forwarding"}, `{"Cost":2,"State":"forwarding"}`},
		{"of another bridge", member, &rtnl.BridgePort{Master: 8, State: "forwarding"}, `{"Cost":2,"State":"learning"}`},
		{"bond slave", rtnl.Link{Index: 3, Master: 9, SlaveKind: "bond", SlaveInfo: attrs("State", "ACTIVE")}, nil, ""},
		{"left the bridge", rtnl.Link{Index: 3}, &rtnl.BridgePort{Master: 9, State: "forwarding"}, ""},
	}
	for _, tt := range tests {
		if got := show(t, BridgePortAttrs(&tt.link, tt.port).Normalize(), "BridgePort"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if show(t, member.SlaveInfo, "HoldTimer") != "3" {
		t.Error("the record was changed")
	}
}

func TestRelationships(t *testing.T) {
	red := NetNS{HostID: "h", Inode: 8, Device: 4}
	root := NetNS{HostID: "h", Inode: 1, Device: 4, Root: true}
	pf := entity.InterfaceRef("h", "1", "2")
	rel := func(typ string, target entity.Ref, kind string) entity.Relationship {
		r := entity.Relationship{Type: typ, Target: target}
		if kind != "" {
			r.Attributes = attrs("Type", kind)
		}
		return r
	}
	part := rel(entity.RelPartOf, entity.NetNSRef("h", "7", "4"), "")
	tests := []struct {
		name string
		in   Interface
		want []entity.Relationship
	}{
		{"alone", Interface{Link: &rtnl.Link{Index: 3}}, []entity.Relationship{part}},
		{"in the root", Interface{NetNS: root, Link: &rtnl.Link{Index: 3}}, []entity.Relationship{rel(entity.RelPartOf, entity.HostRef("h"), "")}},
		{"master", Interface{Link: &rtnl.Link{Index: 3, Master: 9}}, []entity.Relationship{part, rel(entity.RelMemberOf, blue.Interface(9), "")}},
		{"ovs-system", Interface{Link: &rtnl.Link{Index: 3, Master: 9, SlaveKind: "openvswitch"}}, []entity.Relationship{part}},
		{"vlan", Interface{Link: &rtnl.Link{Index: 3, Kind: "vlan", Parent: rtnl.Some[int32](2)}}, []entity.Relationship{part, rel(entity.RelMemberOf, blue.Interface(2), "vlan")}},
		{"below itself", Interface{Link: &rtnl.Link{Index: 3, Kind: "ipvlan", Parent: rtnl.Some[int32](3)}}, []entity.Relationship{part}},
		{"veth here", Interface{Link: &rtnl.Link{Index: 3, Kind: "veth", Parent: rtnl.Some[int32](4)}}, []entity.Relationship{part, rel(entity.RelPeerOf, blue.Interface(4), "veth")}},
		{"netkit there", Interface{Link: &rtnl.Link{Index: 3, Kind: "netkit", Parent: rtnl.Some[int32](4), LinkNSID: rtnl.Some[int32](0)}, LinkNetNS: &red},
			[]entity.Relationship{part, rel(entity.RelPeerOf, red.Interface(4), "netkit")}},
		{"same index there", Interface{Link: &rtnl.Link{Index: 3, Kind: "veth", Parent: rtnl.Some[int32](3), LinkNSID: rtnl.Some[int32](0)}, LinkNetNS: &red},
			[]entity.Relationship{part, rel(entity.RelPeerOf, red.Interface(3), "veth")}},
		{"veth who knows where", Interface{Link: &rtnl.Link{Index: 3, Kind: "veth", Parent: rtnl.Some[int32](4), LinkNSID: rtnl.Some[int32](0)}}, []entity.Relationship{part}},
		{"macvlan over there", Interface{Link: &rtnl.Link{Index: 3, Kind: "macvlan", Parent: rtnl.Some[int32](4), LinkNSID: rtnl.Some[int32](0)}, LinkNetNS: &root},
			[]entity.Relationship{part, rel(entity.RelMemberOf, root.Interface(4), "macvlan")}},
		{"function", Interface{Link: &rtnl.Link{Index: 3}, PF: &pf, VfID: 1}, []entity.Relationship{part, rel(entity.RelFunctionOf, pf, "")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.in.NetNS == (NetNS{}) {
				tt.in.NetNS = blue
			}
			ev := tt.in.Event()
			if err := ev.Validate(); err != nil {
				t.Fatal(err)
			}
			want := entity.Event{Relationships: tt.want}
			got := entity.Event{Relationships: ev.Relationships}
			if !got.SameState(&want) {
				t.Errorf("got  %+v\nwant %+v", got.Relationships, want.Relationships)
			}
		})
	}
}

func TestInterfaceEvent(t *testing.T) {
	in := Interface{
		NetNS: blue,
		Link:  &rtnl.Link{Index: 3, Name: "x", Kind: "veth"},
		Addrs: []rtnl.Addr{
			{Prefix: netip.MustParsePrefix("10.0.0.2/24")}, {Prefix: netip.MustParsePrefix("fe80::1/64")},
			{Prefix: netip.MustParsePrefix("10.0.0.1/24")}, {Prefix: netip.MustParsePrefix("10.0.0.2/24"), Peer: netip.MustParseAddr("10.9.9.9")},
		},
		Ethtool:       &ethtool.Facts{Driver: "veth", Speed: 10000},
		LinkNetNSName: "red",
		Truncated:     []string{"FDB"},
	}
	ev := in.Event()
	if err := ev.Validate(); err != nil {
		t.Fatal(err)
	}
	if !ev.Ref.Equal(entity.InterfaceRef("h", "7", "3")) || ev.Source != "netlink" {
		t.Errorf("event is %v from %s", ev.Ref, ev.Source)
	}
	for path, want := range map[string]string{
		"IPV4": `["10.0.0.1/24","10.0.0.2/24"]`, "IPV6": `["fe80::1/64"]`, "Driver": `"veth"`, "Speed": "10000",
		"LinkNetNsName": `"red"`, "Truncated": `["FDB"]`, "Neighbors": "", "RoutingTables": "", "VfID": "",
	} {
		if got := show(t, ev.Attributes, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

func TestNeighbors(t *testing.T) {
	ip := netip.MustParseAddr
	tests := []struct {
		name  string
		neigh rtnl.Neigh
		shown bool
		want  string
	}{
		{"reachable", rtnl.Neigh{Family: 2, Index: 3, State: 2, IP: ip("10.0.0.1"), MAC: "\x02\x00\x00\x00\x00\x01"}, true,
			`{"IP":"10.0.0.1","IfIndex":3,"MAC":"02:00:00:00:00:01","State":["NUD_REACHABLE"]}`},
		{"router", rtnl.Neigh{Family: 10, Index: 3, State: 4, Flags: 0x80, IP: ip("fe80::1")}, true,
			`{"Flags":["NTF_ROUTER"],"IP":"fe80::1","IfIndex":3,"State":["NUD_STALE"]}`},
		{"multicast", rtnl.Neigh{Family: 2, Index: 3, State: 0x40, IP: ip("224.0.0.1")}, false, ""},
		{"nothing", rtnl.Neigh{Family: 2, Index: 3, IP: ip("10.0.0.1")}, false, ""},
		{"bridge entry", rtnl.Neigh{Family: 7, Index: 3, State: 2, MAC: "\x02\x00\x00\x00\x00\x01", Vlan: 5, Master: 9}, true,
			`{"IfIndex":3,"MAC":"02:00:00:00:00:01","MasterIndex":9,"State":["NUD_REACHABLE"],"Vlan":5}`},
		{"VXLAN entry", rtnl.Neigh{Family: 7, Index: 3, State: 0x80, Flags: 2, MAC: "\x00\x00\x00\x00\x00\x00", IP: ip("192.0.2.1"), VNI: rtnl.Some[uint32](42)}, true,
			`{"Flags":["NTF_SELF"],"IP":"192.0.2.1","IfIndex":3,"MAC":"00:00:00:00:00:00","State":["NUD_PERMANENT"],"VNI":42}`},
	}
	for _, tt := range tests {
		if got := IsShown(&tt.neigh); got != tt.shown {
			t.Errorf("%s: shown %v, want %v", tt.name, got, tt.shown)
		}
		if !tt.shown {
			continue
		}
		v, cut := Neighbors([]*rtnl.Neigh{&tt.neigh}, 10)
		if got := show(t, entity.Attrs{entity.A("N", v)}, "N"); got != "["+tt.want+"]" || cut {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if v, cut := Neighbors(nil, 1); !v.IsZero() || cut {
		t.Error("no neighbours give a value")
	}
}

func TestIsForwarding(t *testing.T) {
	tests := []struct {
		kind  string
		neigh rtnl.Neigh
		want  bool
	}{
		{"veth", rtnl.Neigh{Master: 9}, true},
		{"veth", rtnl.Neigh{Flags: 2}, false},
		{"vxlan", rtnl.Neigh{Flags: 2}, true},
		{"", rtnl.Neigh{}, true},
	}
	for _, tt := range tests {
		if got := IsForwarding(&rtnl.Link{Kind: tt.kind}, &tt.neigh); got != tt.want {
			t.Errorf("%q %+v: %v", tt.kind, tt.neigh, got)
		}
	}
}

func TestRoutes(t *testing.T) {
	p, ip := netip.MustParsePrefix, netip.MustParseAddr
	rs := []*rtnl.Route{
		{Family: 2, Table: 254, Dst: p("10.0.0.0/24"), PrefSrc: ip("10.0.0.1"), OutIf: 3, Protocol: 2, Scope: 253, Type: 1},
		{Family: 2, Table: 254, Dst: p("0.0.0.0/0"), Gateway: ip("10.0.0.9"), OutIf: 3, Protocol: 3, Type: 1, Priority: 100},
		{Family: 2, Table: 100, Dst: p("10.9.0.0/16"), Protocol: 4, Type: 1, NexthopID: 7, Multipath: []rtnl.NextHop{
			{OutIf: 3, Gateway: ip("10.0.0.9"), Weight: 2}, {OutIf: 4, Weight: 1, Flags: 1}, {OutIf: 3, Gateway: ip("10.0.0.8"), Weight: 1}}},
		{Family: 2, Table: 254, Dst: p("10.7.0.0/16"), Protocol: 4, Type: 6},
	}
	mac := func(ifindex int32, a netip.Addr) string {
		if ifindex == 3 && a == ip("10.0.0.9") {
			return "02:00:00:00:00:09"
		}
		return ""
	}
	want := `[{"ID":100,"Routes":[{"NextHops":[{"IP":"10.0.0.8","IfIndex":3,"NHID":7,"Priority":0,"Weight":1},{"IP":"10.0.0.9","IfIndex":3,"MAC":"02:00:00:00:00:09","NHID":7,"Priority":0,"Weight":2},` +
		`{"Dead":true,"IfIndex":4,"NHID":7,"Priority":0,"Weight":1}],"Prefix":"10.9.0.0/16","Protocol":"static","Scope":"global","Type":"unicast"}]},` +
		`{"ID":254,"Routes":[{"NextHops":[{"IP":"10.0.0.9","IfIndex":3,"MAC":"02:00:00:00:00:09","Priority":100}],"Prefix":"0.0.0.0/0","Protocol":"boot","Scope":"global","Type":"unicast"},` +
		`{"Prefix":"10.7.0.0/16","Protocol":"static","Scope":"global","Type":"blackhole"}]},` +
		`{"ID":254,"Routes":[{"NextHops":[{"IfIndex":3,"Priority":0}],"Prefix":"10.0.0.0/24","Protocol":"kernel","Scope":"link","Type":"unicast"}],"Src":"10.0.0.1"}]`
	for range 5 { // the order of the records does not matter
		rand.Shuffle(len(rs), func(i, j int) { rs[i], rs[j] = rs[j], rs[i] })
		v, cut := Routes(rs, mac, 10)
		if got := show(t, entity.Attrs{entity.A("R", v)}, "R"); got != want || cut {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
	v, cut := Routes(rs, mac, 1)
	if n := strings.Count(show(t, entity.Attrs{entity.A("R", v)}, "R"), "Prefix"); n != 1 || !cut {
		t.Errorf("limit 1 gives %d routes, cut %v", n, cut)
	}

	links := func(r *rtnl.Route) (out []int32) {
		RouteLinks(r, func(i int32) { out = append(out, i) })
		return out
	}
	for _, r := range rs {
		got := links(r)
		switch {
		case len(r.Multipath) > 0 && (len(got) != 2 || got[0] != 3 || got[1] != 4),
			len(r.Multipath) == 0 && (len(got) != 1 || got[0] != r.OutIf):
			t.Errorf("%v is listed on %v", r.Dst, got)
		}
	}
}

func TestIsRoute(t *testing.T) {
	tests := []struct {
		route rtnl.Route
		want  bool
	}{
		{rtnl.Route{Table: 254, Type: 1}, true},
		{rtnl.Route{Table: 255, Type: 2}, false},
		{rtnl.Route{Table: 10, Type: 2, Protocol: 2}, false},
		{rtnl.Route{Table: 10, Type: 2, Protocol: 3}, true}, // a transparent proxy's
		{rtnl.Route{Table: 10, Type: 3, Protocol: 2}, false},
		{rtnl.Route{Table: 254, Type: 1, Flags: rtnl.RouteCloned}, false},
		{rtnl.Route{Table: 254, Type: 6}, true},
	}
	for _, tt := range tests {
		if got := IsRoute(&tt.route); got != tt.want {
			t.Errorf("%+v: %v", tt.route, got)
		}
	}
}

func TestNamespaceEvent(t *testing.T) {
	p := netip.MustParsePrefix
	n := Namespace{
		NetNS: blue, Name: "blue", Path: "/run/netns/blue", Paths: []string{"/run/netns/blue", "/x/blue"},
		Tables: Tables{
			Rules: []*rtnl.Rule{
				{Family: 2, Priority: 100, Src: p("10.0.0.0/8"), Table: 7, Action: "lookup", UIDs: rtnl.Some(rtnl.Range{From: 1, To: 5})},
				{Family: 2, Priority: 1, Table: 255, Action: "lookup", Invert: true},
			},
			Nexthops: []*rtnl.Nexthop{
				{ID: 9, Group: []rtnl.GroupMember{{ID: 2, Weight: 1}}, GroupType: "mpath"},
				{ID: 2, Gateway: netip.MustParseAddr("10.0.0.1"), OutIf: 3},
			},
		},
		Limitations: []string{"none of your business"},
	}
	ev := n.Event()
	if err := ev.Validate(); err != nil {
		t.Fatal(err)
	}
	if !ev.Ref.Equal(entity.NetNSRef("h", "7", "4")) || len(ev.Relationships) != 1 || !ev.Relationships[0].Target.Equal(entity.HostRef("h")) {
		t.Errorf("event is %+v", ev)
	}
	for path, want := range map[string]string{
		"Name": `"blue"`, "Inode": "7", "Device": "4", "Paths": `["/run/netns/blue","/x/blue"]`,
		"RoutingRules.Priority": "1 100", "RoutingRules.Not": "true", "RoutingRules.Src": `"10.0.0.0/8"`, "RoutingRules.UIDs": `"1-5"`,
		"Nexthops.ID": "2 9", "Nexthops.Group.ID": "2", "Nexthops.IP": `"10.0.0.1"`,
	} {
		if got := show(t, ev.Attributes, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

func TestHostEvent(t *testing.T) {
	h := Host{
		ID: "h", Name: "web", Facts: attrs("OS", "linux"),
		Metadata: map[string]string{"rack": "b12", "OS": "mine", "Name": "mine", "": "x", "bad\x01key": "v", strings.Repeat("k", 300): "v", "Config": "mine"},
		Config:   attrs("Rack", "b12", "Row", 7),
	}
	ev := h.Event()
	if err := ev.Validate(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"rack": `"b12"`, "OS": `"linux"`, "Name": `"web"`, "Hostname": `"web"`, "Type": `"host"`, "Config": `{"Rack":"b12","Row":7}`, "Config.Rack": `"b12"`} {
		if got := show(t, ev.Attributes, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

func benchInterface(routes int) *Interface {
	info := attrs("Bcqueuelen", 1000, "Mode", "private")
	in := &Interface{
		NetNS: blue,
		Link: &rtnl.Link{Index: 3, Type: 1, Name: "eth0", Kind: "veth", MTU: 1500, Flags: 0x11043, MAC: "\x02\x00\x00\x00\x00\x01",
			Parent: rtnl.Some[int32](9), Info: info, Qdisc: "noqueue", TxQueueLen: rtnl.Some[uint32](1000)},
		Addrs:   []rtnl.Addr{{Prefix: netip.MustParsePrefix("10.0.0.2/24")}, {Prefix: netip.MustParsePrefix("fe80::1/64")}},
		Ethtool: &ethtool.Facts{Driver: "veth", Speed: 10000, Duplex: "Full"},
	}
	rs := make([]*rtnl.Route, routes)
	for i := range rs {
		dst := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		rs[i] = &rtnl.Route{Family: 2, Table: 254, Dst: dst, OutIf: 3, Protocol: 3, Type: 1}
	}
	in.Routes, _ = Routes(rs, nil, 1000)
	return in
}

func BenchmarkInterfaceEvent(b *testing.B) {
	in := benchInterface(3)
	b.ReportAllocs()
	for b.Loop() {
		_ = in.Event()
	}
}

func BenchmarkRoutes1000(b *testing.B) {
	rs := make([]*rtnl.Route, 1000)
	for i := range rs {
		dst := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		rs[i] = &rtnl.Route{Family: 2, Table: 254, Dst: dst, Gateway: netip.AddrFrom4([4]byte{10, 0, 0, 1}), OutIf: 3, Protocol: 3, Type: 1}
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Routes(rs, nil, 1000)
	}
}
