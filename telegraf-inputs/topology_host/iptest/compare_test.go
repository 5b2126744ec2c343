package iptest

import (
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

// mustParse reads the objects of one document.
func mustParse(t *testing.T, text string) []object {
	t.Helper()
	docs, err := parse([]byte(text))
	if err != nil || len(docs) != 1 {
		t.Fatalf("parse: %d documents, %v", len(docs), err)
	}
	return objects(docs[0])
}

// sample is a namespace with a bridge, its port and a VXLAN, and the entities
// that say the same.
func sample(t *testing.T) (*World, []entity.Event) {
	t.Helper()
	n := &Namespace{Name: "blue", Inode: 77, Device: 4,
		links: mustParse(t, `[
{"ifindex":2,"ifname":"br0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"operstate":"UP","group":"default",
 "link_type":"ether","address":"02:00:00:00:00:01","broadcast":"ff:ff:ff:ff:ff:ff","linkinfo":{"info_kind":"bridge","info_data":{"stp_state":1,"gc_timer":3.5}}},
{"ifindex":3,"link":"br0","ifname":"p0","flags":["M-DOWN"],"mtu":1400,"master":"br0","operstate":"DOWN","group":"7","link_type":"ether",
 "address":"02:00:00:00:00:02","linkinfo":{"info_kind":"vlan","info_data":{"protocol":"802.1Q","id":9},"info_slave_kind":"bridge","info_slave_data":{"cost":5,"id":"0x8001","isolated":true}},
 "vfinfo_list":[{"vf":0,"address":"02:00:00:00:00:0a","vlan_list":[{"vlan":5,"qos":1}],"rate":{"max_tx":10,"min_tx":0},"trust":true}]},
{"ifindex":4,"link_index":9,"link_netnsid":0,"ifname":"v0","flags":["UP"],"mtu":1500,"operstate":"UP","group":"default","link_type":"ether",
 "address":"02:00:00:00:00:03","linkinfo":{"info_kind":"veth"}}]`),
		addrs:      mustParse(t, `[{"ifindex":4,"addr_info":[{"family":"inet","local":"10.0.0.1","prefixlen":24},{"family":"inet6","local":"fd00::1","prefixlen":64}]}]`),
		neighbours: mustParse(t, `[{"dst":"10.0.0.9","dev":"v0","lladdr":"02:00:00:00:00:99","state":["REACHABLE"]},{"dst":"10.0.0.8","dev":"v0","state":["NOARP"]}]`),
		fdb:        mustParse(t, `[{"mac":"02:00:00:00:00:98","ifname":"p0","vlan":5,"flags":[],"master":"br0","state":"static"},{"mac":"33:33:00:00:00:01","ifname":"p0","flags":["self"],"state":"permanent"}]`),
		nexthops:   mustParse(t, `[{"id":1,"gateway":"10.0.0.9","dev":"v0","scope":"link","protocol":"unspec","flags":[]},{"id":2,"group":[{"id":1}],"scope":"global","protocol":"bird","flags":[]}]`),
		routes: map[string][]object{"inet": mustParse(t, `[
{"type":"unicast","dst":"default","gateway":"10.0.0.9","dev":"v0","protocol":"boot","scope":"global","flags":[]},
{"type":"blackhole","dst":"10.6.0.1","table":"200","protocol":"boot","scope":"global","metric":3,"flags":[]},
{"type":"local","dst":"10.0.0.1","dev":"v0","table":"local","protocol":"kernel","scope":"host","flags":[]}]`)},
		rules: map[string][]object{"inet": mustParse(t, `[{"priority":5,"src":"10.0.0.0","srclen":8,"fwmark":"0x1","fwmask":"0xff","table":"main","protocol":"kernel"}]`)},
		nsids: map[int64]string{0: "red"},
	}
	n.index()
	red := &Namespace{Name: "red", Inode: 78, Device: 4, links: mustParse(t, `[{"ifindex":9,"link_index":4,"link_netnsid":1,"ifname":"v1","linkinfo":{"info_kind":"veth"}}]`),
		nsids: map[int64]string{1: "blue"}}
	red.index()
	w := &World{HostID: "h", Namespaces: map[string]*Namespace{"blue": n}}
	events := sampleEvents(n)
	w.Namespaces["red"] = red
	return w, append(events, redEvents(red, n)...)
}

func text(pairs ...string) entity.Attrs {
	var a entity.Attrs
	for i := 0; i < len(pairs); i += 2 {
		a = append(a, entity.A(pairs[i], entity.String(pairs[i+1])))
	}
	return a
}

func sampleEvents(n *Namespace) []entity.Event {
	m := func(a ...entity.Attr) entity.Value { return entity.Map(entity.Attrs(a).Normalize()) }
	i, s, l := entity.Int, entity.String, entity.List
	A := entity.A
	link := func(index int64, attrs entity.Attrs, rel ...entity.Relationship) entity.Event {
		attrs = append(attrs, A("IfIndex", i(index)))
		rel = append(rel, entity.Relationship{Type: entity.RelPartOf, Target: n.ref("h")})
		return entity.Event{Ref: n.interfaceRef("h", index), Source: SourceNetlink, Attributes: attrs.Normalize(), Relationships: rel}
	}
	toBridge := n.interfaceRef("h", 2)
	return []entity.Event{
		{Ref: n.ref("h"), Source: SourceNetlink, Attributes: append(text("Name", "blue", "Type", "netns"),
			A("Inode", i(77)), A("Device", i(4)),
			A("Nexthops", l(
				m(A("ID", i(1)), A("IP", s("10.0.0.9")), A("IfIndex", i(4)), A("Scope", s("link")), A("Protocol", s("unspec"))),
				m(A("ID", i(2)), A("Scope", s("global")), A("Protocol", s("bird")), A("GroupType", s("mpath")),
					A("Group", l(m(A("ID", i(1)), A("Weight", i(1)))))))),
			A("RoutingRules", l(m(A("Family", s("inet")), A("Priority", i(5)), A("Action", s("lookup")), A("Src", s("10.0.0.0/8")),
				A("Mark", i(1)), A("MarkMask", i(255)), A("Table", i(254)), A("Protocol", s("kernel"))))),
			A("RoutingTables", l(m(A("ID", i(200)), A("Routes", l(m(A("Prefix", s("10.6.0.1/32")), A("Type", s("blackhole")), A("Scope", s("global")),
				A("Protocol", s("boot")), A("NextHops", l(m(A("Priority", i(3)))))))))))).Normalize(),
			Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef("h")}}},
		link(2, append(text("Name", "br0", "Type", "bridge", "MAC", "02:00:00:00:00:01", "OperState", "UP", "EncapType", "ether", "State", "UP"),
			A("LinkFlags", entity.Strings("BROADCAST", "MULTICAST", "UP", "LOWER_UP")), A("MTU", i(1500)), A("Group", i(0)),
			A("Info", m(A("StpState", i(1)))))),
		link(3, append(text("Name", "p0", "Type", "vlan", "MAC", "02:00:00:00:00:02", "OperState", "DOWN", "EncapType", "ether", "State", "DOWN"),
			A("MTU", i(1400)), A("Group", i(7)), A("MasterIndex", i(2)), A("ParentIndex", i(2)), A("Vlan", i(9)),
			A("Info", m(A("ID", i(9)), A("Protocol", s("802.1Q")))),
			A("BridgePort", m(A("Cost", i(5)), A("Id", i(0x8001)), A("Isolated", entity.Bool(true)), A("Locked", entity.Bool(false)))),
			A("Vfs", l(m(A("ID", i(0)), A("MAC", s("02:00:00:00:00:0a")), A("Vlan", i(5)), A("VlanProto", s("802.1Q")), A("Qos", i(1)),
				A("TxRate", i(10)), A("MaxTxRate", i(10)), A("Trust", entity.Bool(true))))),
			A("FDB", l(m(A("IfIndex", i(3)), A("MAC", s("02:00:00:00:00:98")), A("Vlan", i(5)), A("MasterIndex", i(2)), A("State", entity.Strings("NUD_NOARP")))))),
			entity.Relationship{Type: entity.RelMemberOf, Target: toBridge},
			entity.Relationship{Type: entity.RelMemberOf, Target: toBridge, Attributes: text("Type", "vlan")}),
		link(4, append(text("Name", "v0", "Type", "veth", "MAC", "02:00:00:00:00:03", "OperState", "UP", "EncapType", "ether", "State", "UP", "LinkNetNsName", "red"),
			A("LinkFlags", entity.Strings("UP")), A("MTU", i(1500)), A("Group", i(0)), A("PeerIfIndex", i(9)), A("LinkNetNsID", i(0)),
			A("IPV4", entity.Strings("10.0.0.1/24")), A("IPV6", entity.Strings("fd00::1/64")),
			A("Neighbors", l(m(A("IP", s("10.0.0.9")), A("MAC", s("02:00:00:00:00:99")), A("IfIndex", i(4)), A("State", entity.Strings("NUD_REACHABLE"))))),
			A("RoutingTables", l(m(A("ID", i(254)), A("Routes", l(m(A("Prefix", s("0.0.0.0/0")), A("Type", s("unicast")), A("Scope", s("global")),
				A("Protocol", s("boot")), A("NextHops", l(m(A("IP", s("10.0.0.9")), A("IfIndex", i(4)), A("Priority", i(0)), A("MAC", s("02:00:00:00:00:99")))))))))))),
			entity.Relationship{Type: entity.RelPeerOf, Target: entity.InterfaceRef("h", "78", "9"), Attributes: text("Type", "veth")}),
	}
}

func redEvents(red, blue *Namespace) []entity.Event {
	return []entity.Event{
		{Ref: red.ref("h"), Source: SourceNetlink, Attributes: append(text("Name", "red", "Type", "netns"),
			entity.A("Inode", entity.Int(78)), entity.A("Device", entity.Int(4))).Normalize(),
			Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef("h")}}},
		{Ref: red.interfaceRef("h", 9), Source: SourceNetlink, Attributes: append(text("Name", "v1", "Type", "veth", "State", "DOWN", "LinkNetNsName", "blue"),
			entity.A("IfIndex", entity.Int(9)), entity.A("PeerIfIndex", entity.Int(4)), entity.A("LinkNetNsID", entity.Int(1))).Normalize(),
			Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: red.ref("h")},
				{Type: entity.RelPeerOf, Target: blue.interfaceRef("h", 4), Attributes: text("Type", "veth")}}},
	}
}

func stateOf(events []entity.Event) *State {
	s := &State{}
	for _, e := range events {
		s.Apply(e)
	}
	return s
}

func TestCompareEqual(t *testing.T) {
	w, events := sample(t)
	r := Compare(w, stateOf(events))
	if !r.Equal() {
		t.Errorf("differences:\n%s", Report(r.Differences))
	}
	if r.Links["bridge"] != 1 || r.Links["vlan"] != 1 || r.Links["veth"] != 2 {
		t.Errorf("links compared: %v", r.Links)
	}
	if r.Relations[entity.RelPeerOf] != 2 || r.Relations[entity.RelMemberOf] != 2 || r.Relations[entity.RelPartOf] != 4 {
		t.Errorf("relationships compared: %v", r.Relations)
	}
}

// TestCompareFindsEveryAttribute takes away and changes each attribute of each
// entity, down to the members of maps, and wants a difference every time.
func TestCompareFindsEveryAttribute(t *testing.T) {
	w, events := sample(t)
	for n, e := range events {
		for _, a := range e.Attributes {
			for what, v := range variants(a.Value) {
				if a.Key == "BridgePort" && strings.Contains(what, "Locked removed") {
					continue // off, and ip does not print what is off
				}
				changed := append([]entity.Event(nil), events...)
				changed[n].Attributes = e.Attributes.With(a.Key, v).Normalize()
				if isDefault(plain(a.Value)) && v.IsZero() && a.Key == "NumVF" {
					continue
				}
				if Compare(w, stateOf(changed)).Equal() {
					t.Errorf("%v: %s %s: no difference found", e.ID, a.Key, what)
				}
			}
		}
		for i := range e.Relationships {
			changed := append([]entity.Event(nil), events...)
			changed[n].Relationships = append(append([]entity.Relationship(nil), e.Relationships[:i]...), e.Relationships[i+1:]...)
			if Compare(w, stateOf(changed)).Equal() {
				t.Errorf("%v: relationship %s removed: no difference found", e.ID, e.Relationships[i].Type)
			}
		}
		changed := append([]entity.Event(nil), events...)
		changed = append(changed[:n], changed[n+1:]...)
		if Compare(w, stateOf(changed)).Equal() {
			t.Errorf("%v removed: no difference found", e.ID)
		}
	}
}

// variants yields values that are not v, by what was done to it.
func variants(v entity.Value) map[string]entity.Value {
	out := map[string]entity.Value{"removed": {}}
	switch v.Kind() {
	case entity.KindInt:
		out["plus one"] = entity.Int(v.Int() + 1)
	case entity.KindString:
		out["longer"] = entity.String(v.Str() + "x")
	case entity.KindBool:
		out["negated"] = entity.Bool(!v.Bool())
	case entity.KindList:
		out["shorter"] = entity.List(v.List()[1:]...)
		for i, e := range v.List() {
			for what, x := range variants(e) {
				if x.IsZero() {
					continue
				}
				l := append([]entity.Value(nil), v.List()...)
				l[i] = x
				out["element "+what] = entity.List(l...)
			}
		}
	case entity.KindMap:
		for _, a := range v.Map() {
			for what, x := range variants(a.Value) {
				out[a.Key+" "+what] = entity.Map(v.Map().With(a.Key, x).Normalize())
			}
		}
	}
	return out
}

func TestCompareUnknownFields(t *testing.T) {
	w, events := sample(t)
	blue := w.Namespaces["blue"]
	blue.links[0] = append(blue.links[0], member{"brand_new", int64(1)})
	events[1].Attributes = events[1].Attributes.With("BrandNew", entity.Int(1))
	report := Report(Compare(w, stateOf(events)).Differences)
	if !strings.Contains(report, "brand_new: ip says 1") || !strings.Contains(report, "BrandNew: ip says nothing that") {
		t.Errorf("report:\n%s", report)
	}
}

func TestGone(t *testing.T) {
	w, events := sample(t)
	s := stateOf(events)
	if ds := Gone("h", w.Namespaces["blue"], s); len(ds) != 4 {
		t.Errorf("%d things are still there, want 4:\n%s", len(ds), Report(ds))
	}
	for _, e := range events[:4] {
		s.Apply(entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: e.Source})
	}
	if ds := Gone("h", w.Namespaces["blue"], s); len(ds) != 0 {
		t.Errorf("still there:\n%s", Report(ds))
	}
	if n, d := s.Count(); n != 10 || d != 4 {
		t.Errorf("%d events, %d deletes", n, d)
	}
	r := Compare(w, s)
	if !strings.Contains(Report(r.Differences), "interface: ip says it exists, the entity says nothing") {
		t.Errorf("report:\n%s", Report(r.Differences))
	}
}
