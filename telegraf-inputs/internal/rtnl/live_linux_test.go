package rtnl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func listAll[T any](t *testing.T, list func(context.Context) ([]T, error)) []T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := list(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestLiveAgainstIP makes what this kernel can and compares each listing with
// ip's of the same namespace.
func TestLiveAgainstIP(t *testing.T) {
	l := newLab(t)
	l.try(labBase)
	l.try(labKinds)
	l.try(labState)
	c := l.dial(0)
	// What runs by itself (neighbour states, bridge ports, addresses that are
	// tentative) must have come to rest between our listing and ip's.
	settle(t, c)
	ip := map[string][]byte{}
	links := listAll(t, c.Links)
	for _, cmd := range ipCommands {
		if out, err := l.output("", cmd.command); err == nil {
			ip[cmd.name] = out
		}
	}
	names := namesOf(links)
	compareLinks(t, links, ip["ip-link"])
	compareAddrs(t, names, listAll(t, c.Addrs), ip["ip-addr"])
	routes := listAll(t, c.Routes)
	compareRoutes(t, names, routes, FamilyIPv4, ip["ip-route4"])
	compareRoutes(t, names, routes, FamilyIPv6, ip["ip-route6"])
	rules := listAll(t, c.Rules)
	compareRules(t, names, rules, FamilyIPv4, ip["ip-rule4"])
	compareRules(t, names, rules, FamilyIPv6, ip["ip-rule6"])
	compareNeighbors(t, names, listAll(t, c.Neighbors), ip["ip-neigh"])
	compareFDB(t, names, listAll(t, c.FDB), ip["ip-fdb"])
	compareNexthops(t, names, listAll(t, c.Nexthops), ip["ip-nexthop"])
	if n := c.Counters(); n.Malformed+n.Short+n.Unknown != 0 {
		t.Errorf("counters %+v", n)
	}
	one(t, c, links)
}

// settle waits until two listings in a row are the same.
func settle(t *testing.T, c *Conn) {
	t.Helper()
	fingerprint := func() string {
		var s []string
		for _, n := range listAll(t, c.Neighbors) {
			s = append(s, n.IP.String(), fmt.Sprint(n.StateNames()))
		}
		for _, a := range listAll(t, c.Addrs) {
			s = append(s, a.Prefix.String(), fmt.Sprint(a.FlagNames()))
		}
		for _, k := range listAll(t, c.Links) {
			s = append(s, k.Name, k.OperState.String(), k.SlaveInfo.Get("State").Str())
		}
		return strings.Join(s, " ")
	}
	deadline := time.Now().Add(20 * time.Second)
	last, same := fingerprint(), 0
	for same < 3 && time.Now().Before(deadline) {
		wait := time.NewTimer(300 * time.Millisecond)
		<-wait.C
		next := fingerprint()
		if next == last {
			same++
		} else {
			same = 0
		}
		last = next
	}
}

// one asks for single links and for what belongs to one link.
func one(t *testing.T, c *Conn, links []Link) {
	t.Helper()
	ctx := context.Background()
	var va Link
	for _, l := range links {
		got, err := c.Link(ctx, l.Index)
		if err != nil || got.Name != l.Name {
			t.Errorf("link %d: %q, %v", l.Index, got.Name, err)
		}
		if l.Name == "va" {
			va = l
		}
	}
	if _, err := c.Link(ctx, 1<<20); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("no such link: %v", err)
	}
	if a, err := c.AddrsOf(ctx, va.Index); err != nil || len(a) < 2 || slices.ContainsFunc(a, func(a Addr) bool { return a.Index != va.Index }) {
		t.Errorf("addresses of va: %v, %v", a, err)
	}
	if n, err := c.NeighborsOf(ctx, va.Index); err != nil || len(n) == 0 || slices.ContainsFunc(n, func(n Neigh) bool { return n.Index != va.Index }) {
		t.Errorf("neighbours of va: %v, %v", n, err)
	}
	if n, err := c.FDBOf(ctx, va.Index); err != nil || slices.ContainsFunc(n, func(n Neigh) bool { return n.Index != va.Index }) {
		t.Errorf("forwarding entries of va: %v, %v", n, err)
	}
}

// collect receives events until f is content or the deadline is over.
func collect(t *testing.T, c *Conn, content func([]Event) bool) []Event {
	t.Helper()
	stop := time.AfterFunc(30*time.Second, func() { _ = c.Close() })
	defer stop.Stop()
	var all []Event
	for !content(all) {
		evs, err := c.Receive()
		all = append(all, evs...)
		if err != nil {
			t.Fatalf("after %d events: %v", len(all), err)
		}
	}
	return all
}

func TestLiveEvents(t *testing.T) {
	l := newLab(t)
	l.must("ip link add va type veth peer name vb")
	c := l.dial(AllGroups)
	l.must("ip link add vx type veth peer name vy")
	l.must("ip link set vx name vz")
	l.must("ip link set vz address 02:00:00:00:00:99")
	l.must("ip link set va up")
	l.must("ip addr add 10.9.0.1/24 dev va")
	l.must("ip neigh add 10.9.0.2 lladdr 02:00:00:00:01:02 dev va")
	l.must("ip route add 10.20.0.0/16 via 10.9.0.2")
	l.must("ip rule add pref 100 table 100")
	l.try("ip nexthop add id 1 via 10.9.0.2 dev va")
	l.must("ip link add br9 type bridge")
	l.must("ip link set vb master br9")
	l.must("ip link set vb nomaster")
	l.must("ip link set vy netns FAR")
	l.must("ip addr del 10.9.0.1/24 dev va")
	l.must("ip rule del pref 100")
	l.must("ip link del vz")
	has := func(evs []Event, want EventType, f func(Event) bool) bool {
		return slices.ContainsFunc(evs, func(e Event) bool { return e.Type == want && f(e) })
	}
	wants := []struct {
		what string
		typ  EventType
		f    func(Event) bool
	}{
		{"new link", NewLink, func(e Event) bool { return e.Link.Name == "vx" && e.Link.Kind == "veth" }},
		{"rename", NewLink, func(e Event) bool { return e.Link.Name == "vz" }},
		{"address of a link", NewLink, func(e Event) bool { return e.Link.MAC.String() == "02:00:00:00:00:99" }},
		{"up", NewLink, func(e Event) bool { return e.Link.Name == "va" && e.Link.State() == "UP" }},
		{"new address", NewAddr, func(e Event) bool { return e.Addr.Prefix.String() == "10.9.0.1/24" }},
		{"new neighbour", NewNeigh, func(e Event) bool { return e.Neigh.IP.String() == "10.9.0.2" }},
		{"new route", NewRoute, func(e Event) bool {
			return e.Route.Dst.String() == "10.20.0.0/16" && e.Route.IsTopology()
		}},
		{"new rule", NewRule, func(e Event) bool { return e.Rule.Priority == 100 }},
		{"port of a bridge", NewBridgePort, func(e Event) bool { return e.BridgePort.Name == "vb" && e.BridgePort.Master != 0 }},
		{"port no more", DelBridgePort, func(e Event) bool { return e.BridgePort.Name == "vb" }},
		{"master gone", NewLink, func(e Event) bool { return e.Link.Name == "vb" && e.Link.Master == 0 }},
		{"moved away", DelLink, func(e Event) bool { return e.Link.Name == "vy" && e.Link.NewNSID.Set }},
		{"namespace id", NewNSID, func(e Event) bool { return e.NSID.ID >= 0 }},
		{"address gone", DelAddr, func(e Event) bool { return e.Addr.Prefix.String() == "10.9.0.1/24" }},
		{"rule gone", DelRule, func(e Event) bool { return e.Rule.Priority == 100 }},
		{"link gone", DelLink, func(e Event) bool { return e.Link.Name == "vz" }},
	}
	evs := collect(t, c, func(evs []Event) bool {
		return has(evs, DelLink, func(e Event) bool { return e.Link.Name == "vz" })
	})
	for _, w := range wants {
		if !has(evs, w.typ, w.f) {
			t.Errorf("no event: %s", w.what)
		}
	}
	if has(evs, DelLink, func(e Event) bool { return e.Link.Name == "vb" }) {
		t.Error("leaving a bridge was taken for the end of the link")
	}
	id, err := c.NSID(context.Background(), l.farFD)
	if err != nil || id < 0 {
		t.Errorf("id of the far namespace: %d, %v", id, err)
	}
	if id, err := c.NSID(context.Background(), l.fd); err != nil || id != NoNSID {
		t.Errorf("id of the own namespace: %d, %v", id, err)
	}
	if n := c.Counters(); n.Malformed+n.Short+n.Overruns != 0 || n.Events == 0 {
		t.Errorf("counters %+v", n)
	}
}

// vethBatch is an ip -batch that makes n pairs, whose first ends are of group 7.
func vethBatch(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "link add a%d group 7 type veth peer name b%d\n", i, i)
	}
	return b.String()
}

// TestLiveBurst makes 1,000 veth pairs in one batch while nobody reads, then
// deletes them: the buffer must hold every message of it.
func TestLiveBurst(t *testing.T) {
	const pairs = 1000
	l := newLab(t)
	c := l.dial(GroupLink)
	if c.ReceiveBuffer() < DefaultReceiveBuffer {
		t.Skipf("may not force the receive buffer: %d bytes", c.ReceiveBuffer())
	}
	if _, err := l.output(vethBatch(pairs), "ip -batch -"); err != nil {
		t.Fatal(err)
	}
	live := map[string]bool{}
	count := func(evs []Event) {
		for _, e := range evs {
			switch e.Type {
			case NewLink:
				live[e.Link.Name] = true
			case DelLink:
				delete(live, e.Link.Name)
			}
		}
	}
	seen := 0
	made := collect(t, c, func(evs []Event) bool {
		count(evs[seen:])
		seen = len(evs)
		return len(live) == 2*pairs
	})
	l.must("ip link set group 7 up")
	l.must("ip link del group 7")
	seen = 0
	gone := collect(t, c, func(evs []Event) bool {
		count(evs[seen:])
		seen = len(evs)
		return len(live) == 0
	})
	n := c.Counters()
	if n.Overruns != 0 || n.Malformed != 0 {
		t.Errorf("counters %+v", n)
	}
	t.Logf("%d events to make, %d to delete, %d messages, buffer %d", len(made), len(gone), n.Messages, c.ReceiveBuffer())
}

// TestLiveOverrun has a buffer that cannot hold the batch.
func TestLiveOverrun(t *testing.T) {
	l := newLab(t)
	c, err := Dial(Options{NetNS: l.fd, Groups: GroupLink, ReceiveBuffer: 32 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := l.output(vethBatch(200), "ip -batch -"); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err = c.Receive(); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrOverrun) || c.Counters().Overruns != 1 || c.Counters().Discarded == 0 {
		t.Fatalf("%v, counters %+v", err, c.Counters())
	}
	// The connection goes on: what is listed now is complete.
	if links := listAll(t, c.Links); len(links) < 401 {
		t.Errorf("%d links", len(links))
	}
	l.must("ip link set a7 name after")
	collect(t, c, func(evs []Event) bool {
		return slices.ContainsFunc(evs, func(e Event) bool { return e.Link != nil && e.Link.Name == "after" })
	})
}

// TestClose ends a Receive that waits and makes listings fail.
func TestClose(t *testing.T) {
	defer goleak.VerifyNone(t)
	c, err := Dial(Options{NetNS: -1, Groups: GroupNSID})
	if err != nil {
		t.Skip("no rtnetlink here: ", err)
	}
	got := make(chan error)
	go func() {
		for {
			if _, err := c.Receive(); err != nil {
				got <- err
				return
			}
		}
	}()
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, ErrClosed) {
		t.Errorf("receive: %v", err)
	}
	if _, err := c.Links(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("links: %v", err)
	}
}

func BenchmarkListLinks(b *testing.B) {
	l := newLab(b)
	if _, err := l.output(vethBatch(500), "ip -batch -"); err != nil {
		b.Fatal(err)
	}
	c := l.dial(0)
	b.ReportAllocs()
	for b.Loop() {
		if links, err := c.Links(context.Background()); err != nil || len(links) < 1001 {
			b.Fatal(len(links), err)
		}
	}
}
