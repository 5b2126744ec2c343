package probe

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

// values returns what a path leads to on an interface, sorted.
func (l *lab) values(ns int, name, path string) (out []string) {
	ev, _ := l.world.in(l.ids[ns], name)
	ev.Attributes.Lookup(path, func(v entity.Value) bool {
		out = append(out, v.Str())
		return true
	})
	slices.Sort(out)
	return out
}

// TestPortLeavesBridge takes away the ports that gave a bridge its address:
// the kernel keeps their entries for the bridge and says nothing.
func TestPortLeavesBridge(t *testing.T) {
	l := newLab(t, 1)
	l.watch(l.config())
	l.ip(0, "link add skbr type bridge")
	for _, n := range []string{"1", "2"} {
		l.ip(0, "link add skv"+n+" address 02:00:00:00:00:0"+n+" type veth peer name skw"+n)
		l.ip(0, "link set skv"+n+" master skbr")
	}
	l.attr(0, "skbr", "MAC", `"02:00:00:00:00:01"`)
	entries := func(name string, want ...string) {
		t.Helper()
		l.eventually("entries of "+name, func() bool {
			return slices.Equal(slices.Compact(l.values(0, name, "FDB.MAC")), want)
		})
	}
	entries("skv1", "02:00:00:00:00:01")
	entries("skv2", "02:00:00:00:00:02")
	l.ip(0, "link set skv1 nomaster")
	entries("skv1")
	entries("skv2", "02:00:00:00:00:02")
	l.ip(0, "link del skbr")
	entries("skv2")
}

// TestVXLANMoves moves a VXLAN with its entries to another namespace.
func TestVXLANMoves(t *testing.T) {
	if _, err := exec.LookPath("bridge"); err != nil {
		t.Skip("needs the bridge tool of iproute2")
	}
	l := newLab(t, 3)
	l.watch(l.config())
	l.need(1, "link add skx type vxlan id 42 dstport 4789 remote 192.0.2.9")
	out, err := exec.Command("bridge", "-n", l.names[1], "fdb", "add", "02:00:00:00:00:77", "dev", "skx", "dst", "192.0.2.7").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := []string{"192.0.2.7", "192.0.2.9"}
	l.eventually("entries", func() bool { return slices.Equal(l.values(1, "skx", "FDB.IP"), want) })
	l.ip(1, "link set skx netns @2")
	l.eventually("entries on the other side", func() bool { return slices.Equal(l.values(2, "skx", "FDB.IP"), want) })
}

// TestOwnerOfTun makes a link whose owner is set without an event.
func TestOwnerOfTun(t *testing.T) {
	l := newLab(t, 1)
	l.watch(l.config())
	l.need(0, "tuntap add dev skt mode tap user 4711 group 4712")
	l.attr(0, "skt", "Info.Persist", "true")
	l.attr(0, "skt", "Info.User", "4711")
	l.attr(0, "skt", "Info.Group", "4712")
}

// TestRoutesWithoutListing changes routes in ways that events tell in full.
func TestRoutesWithoutListing(t *testing.T) {
	l := newLab(t, 1)
	for _, n := range []string{"1", "2", "3"} {
		l.ip(0, "link add skv"+n+" type veth peer name skw"+n)
		l.ip(0, "link set skv"+n+" addrgenmode none up")
		l.ip(0, "link set skw"+n+" addrgenmode none up")
		l.ip(0, "addr add 10."+n+".0.1/24 dev skv"+n)
		l.ip(0, "addr add fd00:"+n+"::1/64 nodad dev skv"+n)
	}
	cfg := l.config()
	l.watch(cfg)
	l.settle()
	before := l.probe.Stats().Listings
	has := func(name, prefix string, want int) {
		t.Helper()
		l.eventually(prefix+" on "+name, func() bool {
			n := 0
			for _, p := range l.values(0, name, "RoutingTables.Routes.Prefix") {
				if p == prefix {
					n++
				}
			}
			return n == want
		})
	}
	l.ip(0, "route add 10.50.0.0/16 via 10.1.0.7")
	has("skv1", "10.50.0.0/16", 1)
	l.ip(0, "route replace 10.50.0.0/16 via 10.2.0.7")
	has("skv1", "10.50.0.0/16", 0)
	has("skv2", "10.50.0.0/16", 1)
	l.ip(0, "route append 10.50.0.0/16 via 10.3.0.7")
	l.ip(0, "route prepend 10.50.0.0/16 via 10.3.0.8")
	has("skv2", "10.50.0.0/16", 1)
	has("skv3", "10.50.0.0/16", 2)

	// IPv6 makes one route of several, unless they have no gateway.
	l.ip(0, "route add fd50::/64 via fd00:1::7 metric 7")
	l.ip(0, "route append fd50::/64 via fd00:2::7 metric 7")
	has("skv1", "fd50::/64", 1)
	has("skv2", "fd50::/64", 1)
	l.ip(0, "route replace fd50::/64 via fd00:3::7 metric 7")
	has("skv1", "fd50::/64", 0)
	has("skv2", "fd50::/64", 0)
	has("skv3", "fd50::/64", 1)
	for _, name := range []string{"skv1", "skv2", "skv3"} {
		l.ip(0, "route append fe80::/64 dev "+name)
	}
	for _, name := range []string{"skv1", "skv2", "skv3"} {
		has(name, "fe80::/64", 1)
	}
	l.settle()
	if n := l.probe.Stats().Listings - before; n != 0 {
		t.Errorf("%d listings", n)
	}
	// One of several: nobody tells which.
	l.ip(0, "route replace 10.50.0.0/16 via 10.1.0.9")
	has("skv1", "10.50.0.0/16", 1)
	has("skv2", "10.50.0.0/16", 1)
	has("skv3", "10.50.0.0/16", 1)
}
