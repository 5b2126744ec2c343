package rtnl

import (
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// payload builds the payload of a message from a header and attributes.
func payload(header []byte, attributes ...attr) []byte {
	return appendRequest(0, 0, 0, header, attributes...)[nlHeaderLen:]
}

func linkPayload(attributes ...attr) []byte {
	h := make([]byte, sizeofIfInfomsg)
	h[4] = 7
	return payload(h, append([]attr{{3, []byte("eth7\x00")}}, attributes...)...)
}

func nest(attributes ...attr) []byte { return payload(nil, attributes...) }

func TestMalformed(t *testing.T) {
	v4 := []byte{byte(FamilyIPv4), 24, 0, 0, 7, 0, 0, 0}
	info := func(kind string, data ...attr) []byte {
		return linkPayload(attr{18, nest(attr{1, []byte(kind)}, attr{2, nest(data...)})})
	}
	for _, tc := range []struct {
		name   string
		decode func([]byte) error
		b      []byte
		want   string
	}{
		{"no header", asLink, []byte{1, 2}, "decode ifinfomsg: short message"},
		{"short mtu", asLink, linkPayload(attr{4, []byte{1, 2}}), "decode IFLA_MTU: 2 bytes, want 4"},
		{"long address", asLink, linkPayload(attr{1, make([]byte, 33)}), "decode IFLA_ADDRESS: 33 bytes"},
		{"attribute too long", asLink, append(linkPayload(), 200, 0, 4, 0), "decode RTM_NEWLINK: attribute 4 claims 200 bytes of 4"},
		{"attribute too short", asLink, append(linkPayload(), 3, 0, 4, 0), "decode RTM_NEWLINK: attribute 4 claims 3 bytes"},
		{"rest", asLink, append(linkPayload(), 1, 0), "decode RTM_NEWLINK: 2 bytes left"},
		{"short stats", asLink, linkPayload(attr{23, make([]byte, 100)}), "decode IFLA_STATS64: 100 bytes, want 184"},
		{"long string", asLink, linkPayload(attr{20, make([]byte, 2000)}), ""},
		{"longer string", asLink, linkPayload(attr{20, []byte(strings.Repeat("x", 2000))}), "decode IFLA_IFALIAS: string of 2000 bytes"},
		{"vxlan id", asLink, info("vxlan", attr{1, []byte{1}}), "decode vxlan.VNI: 1 bytes, want 4"},
		{"vxlan local", asLink, info("vxlan", attr{4, []byte{1, 2, 3}}), "decode vxlan.Local: 3 bytes is no address"},
		{"bond nested", asLink, info("bond", attr{23, []byte{9, 0, 1, 0}}), "decode bond.AdInfo: attribute 1 claims 9 bytes of 4"},
		{"bridge id", asLink, info("bridge", attr{10, make([]byte, 7)}), "decode bridge.RootId: 7 bytes, want 8"},
		{"vf", asLink, linkPayload(attr{22, nest(attr{1, nest(attr{1, make([]byte, 8)})})}), "decode IFLA_VF_MAC: 8 bytes, want 36"},
		{"address", asAddr, payload(v4, attr{1, []byte{1, 2, 3}}), "decode IFA_ADDRESS: 3 bytes is no address"},
		{"no address", asAddr, payload(v4), "decode IFA_ADDRESS: missing"},
		{"prefix", asAddr, payload([]byte{2, 33, 0, 0, 0, 0, 0, 0}, attr{2, make([]byte, 4)}), "decode IFA_LOCAL: prefix of 33 bits"},
		{"multipath", asRoute, payload(make([]byte, 12), attr{9, []byte{50, 0, 0, 0, 0, 0, 0, 0}}), "decode RTA_MULTIPATH: nexthop claims 50 bytes of 8"},
		{"via", asRoute, payload(make([]byte, 12), attr{18, []byte{10, 0, 1}}), "decode RTA_VIA: 3 bytes, want 18"},
		{"seg6", asRoute, payload(make([]byte, 12), attr{21, []byte{5, 0}}, attr{22, nest(attr{1, make([]byte, 20)})}), "decode encap seg6.Segs: 16 bytes, want 24"},
		{"metric", asRoute, payload(make([]byte, 12), attr{8, nest(attr{2, []byte{1}})}), "decode RTA_METRICS.mtu: 1 bytes, want 4"},
		{"no destination", asRoute, payload([]byte{2, 24, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0}), "decode RTA_DST: missing"},
		{"group", asNexthop, payload(make([]byte, 8), attr{1, []byte{1, 0, 0, 0}}, attr{2, make([]byte, 9)}), "decode NHA_GROUP: 9 bytes"},
		{"nexthop id", asNexthop, payload(make([]byte, 8)), "decode NHA_ID: missing"},
		{"neighbour", asNeigh, payload(make([]byte, 12), attr{3, make([]byte, 15)}), "decode NDA_CACHEINFO: 15 bytes, want 16"},
		{"rule", asRule, payload(make([]byte, 12), attr{20, make([]byte, 7)}), "decode FRA_UID_RANGE: 7 bytes, want 8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.decode(tc.b)
			if tc.want == "" && err == nil {
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			var d *DecodeError
			if !errors.As(err, &d) && !errors.Is(err, errShortHeader) {
				t.Errorf("%T", err)
			}
		})
	}
}

func asLink(b []byte) error    { _, err := DecodeLink(b); return err }
func asAddr(b []byte) error    { _, err := DecodeAddr(b); return err }
func asRoute(b []byte) error   { _, err := DecodeRoute(b); return err }
func asRule(b []byte) error    { _, err := DecodeRule(b); return err }
func asNeigh(b []byte) error   { _, err := DecodeNeigh(b); return err }
func asNexthop(b []byte) error { _, err := DecodeNexthop(b); return err }

// TestOneBadAttribute keeps the link: its identity and all other attributes.
func TestOneBadAttribute(t *testing.T) {
	b := linkPayload(attr{18, nest(attr{1, []byte("vxlan")}, attr{2, nest(attr{1, []byte{1}}, attr{15, []byte{0x12, 0xb5}})})})
	ev, ok, err := DecodeEvent(uint16(NewLink), b)
	if err == nil || !ok {
		t.Fatalf("usable %v, error %v", ok, err)
	}
	if ev.Link.Name != "eth7" || ev.Link.Kind != "vxlan" || ev.Link.Info.Get("Port").Int() != 4789 {
		t.Errorf("%+v", ev.Link)
	}
}

// TestCutAnywhere cuts every recorded link at every length: never a panic.
func TestCutAnywhere(t *testing.T) {
	for _, dir := range recordings(t) {
		paths, err := filepath.Glob(filepath.Join(dir, "*.hex"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			m := readMessages(t, p)[0]
			for n := range m.data {
				_, _, _ = DecodeEvent(m.typ, m.data[:n:n])
			}
		}
	}
}

// TestTables checks what must hold of every table: no name without a type, no
// enumeration without names, custom types with a function.
func TestTables(t *testing.T) {
	var check func(what string, table []field)
	check = func(what string, table []field) {
		for i, f := range table {
			switch {
			case f.typ == tNone && f.name != "", f.typ != tNone && f.name == "",
				(f.typ == tEnum8 || f.typ == tEnum16 || f.typ == tEnum32 || f.typ == tBits32) && len(f.names) == 0,
				(f.typ == tCustom) != (f.custom != nil), (f.typ == tNested) != (f.sub != nil):
				t.Errorf("%s %d: %+v", what, i, f)
			}
			check(what+"."+f.name, f.sub)
		}
	}
	for kind, table := range linkKinds {
		check(kind, table.data)
		check(kind+" slave", table.slave)
	}
	for kind, table := range encapTables {
		check(kind, table)
	}
}

func TestNames(t *testing.T) {
	l := Link{Type: 1, Flags: FlagUp | 1<<1 | 1<<30}
	if got := l.FlagNames(); !slices.Equal(got, []string{"NO-CARRIER", "BROADCAST", "UP", "0x40000000"}) {
		t.Error(got)
	}
	if l.State() != "UP" || l.EncapType() != "ether" || (&Link{Type: 60000}).EncapType() != "[60000]" {
		t.Error(l.State(), l.EncapType())
	}
	n := Neigh{State: 0x82, Flags: 0x12, ExtFlags: 1}
	if got := append(n.StateNames(), n.FlagNames()...); !slices.Equal(got,
		[]string{"NUD_REACHABLE", "NUD_PERMANENT", "NTF_SELF", "NTF_EXT_LEARNED", "NTF_EXT_MANAGED"}) {
		t.Error(got)
	}
	for _, tc := range []struct {
		mac  HardwareAddr
		typ  uint16
		want string
	}{
		{"\x02\x00\x00\x00\x00\x0a", 1, "02:00:00:00:00:0a"},
		{"\x0a\x00\x00\x01", arphrdIPGRE, "10.0.0.1"},
		{"\x0a\x00\x00\x01", 1, "0a:00:00:01"},
		{HardwareAddr(netip.MustParseAddr("fd00::1").AsSlice()), arphrdTunnel6, "fd00::1"},
		{"", 1, ""},
	} {
		if got := tc.mac.Text(tc.typ); got != tc.want {
			t.Errorf("%q %d: %s", string(tc.mac), tc.typ, got)
		}
	}
	for _, tc := range []struct {
		r    Route
		want bool
	}{
		{Route{Type: RouteUnicast, Table: TableMain}, true},
		{Route{Type: 6, Table: 100}, true},
		{Route{Type: RouteLocal, Table: TableLocal}, false},
		{Route{Type: RouteUnicast, Table: TableLocal}, false},
		{Route{Type: RouteMulticast, Table: TableMain}, false},
		{Route{Type: RouteUnicast, Table: TableMain, Flags: RouteCloned}, false},
	} {
		if tc.r.IsTopology() != tc.want {
			t.Errorf("%+v", tc.r)
		}
	}
}

func TestOpt(t *testing.T) {
	var o Opt[int32]
	if _, ok := o.Get(); ok || o.Or(5) != 5 || string(jsonOf(t, o)) != "null" {
		t.Error(o)
	}
	o = Some[int32](0)
	if v, ok := o.Get(); !ok || v != 0 || o.Or(5) != 0 || string(jsonOf(t, o)) != "0" {
		t.Error(o)
	}
}

func TestGroups(t *testing.T) {
	var all []uint32
	for n := range AllGroups.numbers {
		all = append(all, n)
	}
	if len(all) != 11 || GroupNexthop<<1-1 != AllGroups {
		t.Error(all)
	}
}
