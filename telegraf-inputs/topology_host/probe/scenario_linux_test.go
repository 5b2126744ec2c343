package probe

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

func TestVethAcrossNamespaces(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run("made "+when+" the start", func(t *testing.T) {
			l := newLab(t, 3)
			setup := func() {
				l.ip(0, "link add skv0 type veth peer name skv1 netns @1")
				l.ip(0, "link add skw0 type veth peer name skw1")
				l.ip(1, "link add skx1 type veth peer name skx2 netns @2")
			}
			if when == "before" {
				setup()
			}
			l.watch(l.config())
			if when == "after" {
				setup()
			}
			l.related(0, "skv0", entity.RelPeerOf, "1/skv1")
			l.related(1, "skv1", entity.RelPeerOf, "0/skv0")
			l.related(0, "skw0", entity.RelPeerOf, "0/skw1")
			l.related(0, "skw1", entity.RelPeerOf, "0/skw0")
			l.related(1, "skx1", entity.RelPeerOf, "2/skx2")
			l.related(2, "skx2", entity.RelPeerOf, "1/skx1")
			l.related(0, "skv0", entity.RelPartOf, "host")
			l.related(1, "skv1", entity.RelPartOf, "netns:1")
			l.attr(0, "skv0", "LinkNetNsName", `"`+l.names[1]+`"`)
			l.attr(0, "skv0", "Type", `"veth"`)
			l.attr(0, "skw0", "LinkNetNsID", "")
		})
	}
}

// TestSameIndexes makes pairs whose ends have the same indexes in many
// namespaces, so that the indexes alone decide nothing.
func TestSameIndexes(t *testing.T) {
	l := newLab(t, 5)
	for i := 1; i <= 4; i++ {
		other := i%4 + 1
		l.need(i, "link add name ska index 100 type veth peer name skb index 101 netns @"+string(rune('0'+other)))
	}
	l.watch(l.config())
	for i := 1; i <= 4; i++ {
		n, other := string(rune('0'+i)), string(rune('0'+i%4+1))
		l.related(i, "ska", entity.RelPeerOf, other+"/skb")
		l.related(i%4+1, "skb", entity.RelPeerOf, n+"/ska")
	}
}

func TestNamespaceAppearsLater(t *testing.T) {
	l := newLab(t, 2)
	l.watch(l.config())
	n := l.addNS()
	l.ip(0, "link add skv0 type veth peer name skv1 netns @2")
	l.related(0, "skv0", entity.RelPeerOf, "2/skv1")
	l.related(n, "skv1", entity.RelPeerOf, "0/skv0")
	l.related(n, "skv1", entity.RelPartOf, "netns:2")
}

func TestMove(t *testing.T) {
	l := newLab(t, 3)
	l.ip(0, "link add skv0 type veth peer name skv1")
	l.watch(l.config())
	l.related(0, "skv0", entity.RelPeerOf, "0/skv1")

	before, _ := l.world.in(l.ids[0], "skv1")
	l.ip(0, "link set skv1 netns @1")
	l.related(0, "skv0", entity.RelPeerOf, "1/skv1")
	l.related(1, "skv1", entity.RelPeerOf, "0/skv0")
	l.gone(before)

	before, _ = l.world.in(l.ids[1], "skv1")
	l.ip(1, "link set skv1 netns @2")
	l.related(0, "skv0", entity.RelPeerOf, "2/skv1")
	l.related(2, "skv1", entity.RelPeerOf, "0/skv0")
	l.gone(before)

	// And home again.
	l.ip(2, "link set skv1 netns @0")
	l.related(0, "skv0", entity.RelPeerOf, "0/skv1")
	l.related(0, "skv1", entity.RelPeerOf, "0/skv0")
	l.attr(0, "skv0", "LinkNetNsID", "")
	l.attr(0, "skv0", "LinkNetNsName", "")
}

// gone waits until an entity was deleted and is not there.
func (l *lab) gone(ev entity.Event) {
	l.t.Helper()
	l.eventually("the entity of "+ev.Attributes.Get("Name").Str()+" is deleted", func() bool {
		l.world.mu.Lock()
		defer l.world.mu.Unlock()
		_, still := l.world.now[ev.UUID()]
		_, deleted := l.world.deletes[ev.UUID()]
		return !still && deleted
	})
}

func TestNamespaceEnds(t *testing.T) {
	l := newLab(t, 2)
	l.ip(0, "link add skv0 type veth peer name skv1 netns @1")
	l.watch(l.config())
	l.related(0, "skv0", entity.RelPeerOf, "1/skv1")
	v0, _ := l.world.in(l.ids[0], "skv0")
	v1, _ := l.world.in(l.ids[1], "skv1")
	lo, _ := l.world.in(l.ids[1], "lo")
	ns := l.world.find(func(e *entity.Event) bool { return e.Type == entity.TypeNetNS })
	if len(ns) != 1 {
		t.Fatalf("%d namespaces, want 1", len(ns))
	}
	if got := text(ns[0].Attributes, "Name"); got != `"`+l.names[1]+`"` {
		t.Errorf("namespace is called %s", got)
	}
	if err := exec.Command("ip", "netns", "del", l.names[1]).Run(); err != nil {
		t.Fatal(err)
	}
	// The link that leads to it is what this probe watches.
	if err := exec.Command("rm", l.dir+"/"+l.names[1]).Run(); err != nil {
		t.Fatal(err)
	}
	for _, ev := range []entity.Event{ns[0], v1, lo, v0} {
		l.gone(ev)
	}
}

func TestBridge(t *testing.T) {
	l := newLab(t, 2)
	l.watch(l.config())
	l.ip(0, "link add skbr type bridge")
	l.ip(0, "link add skv0 type veth peer name skv1 netns @1")
	l.ip(0, "link set skv0 master skbr")
	l.ip(0, "link set skbr up")
	l.ip(0, "link set skv0 up")
	l.ip(1, "link set skv1 up")
	l.related(0, "skv0", entity.RelMemberOf, "0/skbr")
	l.attr(0, "skbr", "Type", `"bridge"`)
	l.attr(0, "skbr", "State", `"UP"`)
	l.attr(0, "skv0", "BridgePort.State", `"forwarding"`)

	if out, err := exec.Command("bridge", "-n", l.names[0], "fdb", "add", "02:00:00:00:00:77", "dev", "skv0", "master", "static").CombinedOutput(); err != nil {
		t.Logf("no FDB entry: %v: %s", err, out)
	} else {
		has := func(want bool) {
			t.Helper()
			l.eventually("the FDB entry", func() bool {
				ev, _ := l.world.in(l.ids[0], "skv0")
				found := false
				ev.Attributes.Lookup("FDB.MAC", func(v entity.Value) bool {
					found = found || v.Str() == "02:00:00:00:00:77"
					return true
				})
				return found == want
			})
		}
		has(true)
		if err := exec.Command("bridge", "-n", l.names[0], "fdb", "del", "02:00:00:00:00:77", "dev", "skv0", "master").Run(); err != nil {
			t.Error(err)
		}
		has(false)
	}

	l.ip(0, "link set skv0 nomaster")
	l.related(0, "skv0", entity.RelMemberOf)
	l.attr(0, "skv0", "BridgePort", "")
	l.attr(0, "skv0", "MasterIndex", "")
}

func TestChanges(t *testing.T) {
	l := newLab(t, 1)
	l.watch(l.config())
	l.ip(0, "link add skv0 type veth peer name skv1")
	l.attr(0, "skv0", "Driver", `"veth"`)
	l.attr(0, "skv0", "Speed", "10000")
	l.attr(0, "skv0", "Features.highdma", "true")

	before, _ := l.world.in(l.ids[0], "skv0")
	l.ip(0, "link set skv0 name sknew address 02:00:00:00:00:01 mtu 1400 alias hello")
	l.attr(0, "sknew", "MAC", `"02:00:00:00:00:01"`)
	l.attr(0, "sknew", "MTU", "1400")
	// The kernel sends no event about the alias of a link that is down.
	if err := l.probe.Counters(t.Context(), func(Sample) {}); err != nil {
		t.Error(err)
	}
	l.attr(0, "sknew", "Alias", `"hello"`)
	after, _ := l.world.in(l.ids[0], "sknew")
	if before.UUID() != after.UUID() {
		t.Error("a rename made a new entity")
	}
	l.ip(0, "link set sknew up")
	l.ip(0, "link set skv1 up")
	l.attr(0, "sknew", "State", `"UP"`)
	l.attr(0, "sknew", "OperState", `"UP"`)
	l.ip(0, "link property add dev sknew altname sk-other-name")
	l.attr(0, "sknew", "AltNames", `["sk-other-name"]`)

	if _, err := exec.LookPath("ethtool"); err == nil {
		cmd := exec.Command("ip", "netns", "exec", l.names[0], "ethtool", "-K", "sknew", "tso", "off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Logf("no feature change: %v: %s", err, out)
		} else {
			l.attr(0, "sknew", "Features.tx-tcp-segmentation", "false")
		}
	}

	l.ip(0, "link del sknew")
	l.gone(after)
}

func TestAddresses(t *testing.T) {
	l := newLab(t, 1)
	l.ip(0, "link add skv0 type veth peer name skv1")
	l.watch(l.config())
	l.ip(0, "addr add 10.9.0.2/24 dev skv0")
	l.ip(0, "addr add 10.9.0.1/24 dev skv0")
	l.ip(0, "addr add 192.0.2.1 peer 192.0.2.2/32 dev skv0")
	l.ip(0, "addr add fd00:9::1/64 dev skv0 nodad")
	l.attr(0, "skv0", "IPV4", `["10.9.0.1/24","10.9.0.2/24","192.0.2.1/32"]`)
	l.attr(0, "skv0", "IPV6", `["fd00:9::1/64"]`)
	l.ip(0, "addr del 10.9.0.1/24 dev skv0")
	l.attr(0, "skv0", "IPV4", `["10.9.0.2/24","192.0.2.1/32"]`)
	l.ip(0, "addr flush dev skv0")
	l.attr(0, "skv0", "IPV4", "")
	l.attr(0, "skv0", "IPV6", "")
}

func TestRoutes(t *testing.T) {
	l := newLab(t, 1)
	l.ip(0, "link add skv0 type veth peer name skv1")
	l.ip(0, "link set skv0 up")
	l.ip(0, "link set skv1 up")
	l.ip(0, "addr add 10.9.0.1/24 dev skv0")
	l.ip(0, "addr add 10.8.0.1/24 dev skv1")
	l.watch(l.config())
	prefixes := func(name string, want ...string) {
		t.Helper()
		l.eventually("routes of "+name, func() bool {
			ev, _ := l.world.in(l.ids[0], name)
			got := map[string]bool{}
			ev.Attributes.Lookup("RoutingTables.Routes.Prefix", func(v entity.Value) bool {
				if p := v.Str(); p[0] == '1' {
					got[p] = true
				}
				return true
			})
			ok := len(got) == len(want)
			for _, p := range want {
				ok = ok && got[p]
			}
			return ok
		})
	}
	prefixes("skv0", "10.9.0.0/24")
	l.ip(0, "route add 10.50.0.0/16 via 10.9.0.7 dev skv0 metric 5")
	prefixes("skv0", "10.9.0.0/24", "10.50.0.0/16")
	l.ip(0, "neigh replace 10.9.0.7 lladdr 02:00:00:00:00:07 dev skv0 nud permanent")
	l.attr(0, "skv0", "Neighbors.MAC", `"02:00:00:00:00:07"`)
	l.attr(0, "skv0", "Neighbors.State", `["NUD_PERMANENT"]`)
	l.attr(0, "skv0", "RoutingTables.Routes.NextHops.MAC", `"02:00:00:00:00:07"`)

	// Replace: the kernel tells of the new route only.
	l.ip(0, "route replace 10.50.0.0/16 via 10.8.0.7 dev skv1 metric 5")
	prefixes("skv0", "10.9.0.0/24")
	prefixes("skv1", "10.8.0.0/24", "10.50.0.0/16")

	// Append: the same message, but both stay.
	l.ip(0, "route append 10.50.0.0/16 via 10.9.0.7 dev skv0 metric 5")
	prefixes("skv0", "10.9.0.0/24", "10.50.0.0/16")
	prefixes("skv1", "10.8.0.0/24", "10.50.0.0/16")

	l.ip(0, "route add 10.60.0.0/16 nexthop via 10.9.0.7 weight 2 nexthop via 10.8.0.7")
	prefixes("skv0", "10.9.0.0/24", "10.50.0.0/16", "10.60.0.0/16")
	prefixes("skv1", "10.8.0.0/24", "10.50.0.0/16", "10.60.0.0/16")

	// Down: IPv4 routes go without a word.
	l.ip(0, "link set skv1 down")
	prefixes("skv1", "10.60.0.0/16")
	l.ip(0, "link set skv1 up")

	l.ip(0, "rule add from 10.9.0.0/24 table 100 priority 1000")
	l.ip(0, "route add blackhole 10.70.0.0/16")
	host := func(path, want string) {
		t.Helper()
		l.eventually(path+" of the host", func() bool {
			found := false
			for _, e := range l.world.find(func(e *entity.Event) bool { return e.Type == entity.TypeHost }) {
				e.Attributes.Lookup(path, func(v entity.Value) bool {
					found = found || v.Str() == want
					return true
				})
			}
			return found
		})
	}
	host("RoutingRules.Src", "10.9.0.0/24")
	host("RoutingTables.Routes.Prefix", "10.70.0.0/16")
	if out, err := l.tryIP(0, "nexthop add id 7 via 10.9.0.8 dev skv0"); err != nil {
		t.Logf("no nexthop objects: %v: %s", err, out)
	} else {
		host("Nexthops.IP", "10.9.0.8")
	}
}

func TestKinds(t *testing.T) {
	tests := []struct {
		name, add string
		lower     string
		typ       string
	}{
		{"macvlan", "link add link skv0 name skk type macvlan mode bridge", "0/skv0", "macvlan"},
		{"vxlan", "link add skk type vxlan id 42 dev skv0 dstport 4789 remote 192.0.2.9", "0/skv0", "vxlan"},
		{"vxlan without a lower device", "link add skk type vxlan id 43 dstport 4789", "", "vxlan"},
		{"tap", "tuntap add dev skk mode tap", "", "tun"},
		{"tun", "tuntap add dev skk mode tun", "", "tun"},
		{"vlan", "link add link skv0 name skk type vlan id 5", "0/skv0", "vlan"},
		{"dummy", "link add skk type dummy", "", "dummy"},
		{"ifb", "link add skk type ifb", "", "ifb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, 1)
			l.ip(0, "link add skv0 type veth peer name skv1")
			l.watch(l.config())
			l.need(0, tt.add)
			l.attr(0, "skk", "Type", `"`+tt.typ+`"`)
			if tt.lower == "" {
				l.related(0, "skk", entity.RelMemberOf)
			} else {
				l.related(0, "skk", entity.RelMemberOf, tt.lower)
				ev, _ := l.world.in(l.ids[0], "skk")
				for _, r := range ev.Relationships {
					if r.Type == entity.RelMemberOf && r.Attributes.Get("Type").Str() != tt.typ {
						t.Errorf("edge has %v", r.Attributes)
					}
				}
			}
			l.ip(0, "link del skk")
			l.eventually("the link is gone", func() bool { _, ok := l.world.in(l.ids[0], "skk"); return !ok })
		})
	}
}

// TestLowerInOtherNamespace moves a macvlan away from its lower device.
func TestLowerInOtherNamespace(t *testing.T) {
	l := newLab(t, 3)
	l.ip(1, "link add skv0 type veth peer name skv1")
	l.need(1, "link add link skv0 name skm type macvlan mode bridge")
	l.watch(l.config())
	l.related(1, "skm", entity.RelMemberOf, "1/skv0")
	l.ip(1, "link set skm netns @2")
	l.related(2, "skm", entity.RelMemberOf, "1/skv0")
	l.attr(2, "skm", "LinkNetNsName", `"`+l.names[1]+`"`)
}

// TestLowerAppearsLater reports a macvlan whose lower device is in a namespace
// that the probe learns of afterwards.
func TestLowerAppearsLater(t *testing.T) {
	l := newLab(t, 2)
	hidden := l.addNS()
	link := l.dir + "/" + l.names[hidden]
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	l.ip(hidden, "link add skv0 type veth peer name skv1 netns @1")
	l.need(hidden, "link add link skv0 name skm type macvlan mode bridge")
	l.ip(hidden, "link set skm netns @1")
	l.watch(l.config())
	l.related(1, "skm", entity.RelMemberOf)
	l.related(1, "skv1", entity.RelPeerOf)
	if err := os.Symlink("/run/netns/"+l.names[hidden], link); err != nil {
		t.Fatal(err)
	}
	l.related(1, "skm", entity.RelMemberOf, "2/skv0")
	l.related(1, "skv1", entity.RelPeerOf, "2/skv0")

	// The namespace is taken out of sight again; it lives on.
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	l.related(1, "skm", entity.RelMemberOf)
	l.related(1, "skv1", entity.RelPeerOf)
	l.attr(1, "skv1", "LinkNetNsName", "")
}

// TestTwoNamesOneNamespace gives the root namespace and another one further
// names.
func TestTwoNamesOneNamespace(t *testing.T) {
	l := newLab(t, 2)
	for i, name := range l.names {
		if err := os.Symlink("/run/netns/"+name, l.dir+"/again-"+name); err != nil {
			t.Fatal(i, err)
		}
	}
	l.watch(l.config())
	l.related(0, "lo", entity.RelPartOf, "host")
	l.related(1, "lo", entity.RelPartOf, "netns:1")
	l.settle()
	ns := l.world.find(func(e *entity.Event) bool { return e.Type == entity.TypeNetNS })
	if len(ns) != 1 {
		t.Fatalf("%d namespaces are reported, want 1", len(ns))
	}
	if got := text(ns[0].Attributes, "Paths"); strings.Count(got, ",") != 1 {
		t.Errorf("paths are %s, want two", got)
	}
}
