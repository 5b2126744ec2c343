package neighbor

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/cdp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldp"
)

// record is a sink that holds what a receiver would.
type record struct {
	t       testing.TB
	now     map[entity.UUID]entity.Event
	reasons []string
	sets    int
}

func (r *record) Set(ev entity.Event) {
	if err := ev.ValidateReport(); err != nil {
		r.t.Errorf("%v: %v", ev.ID, err)
	}
	for _, rel := range ev.Relationships {
		if _, ok := r.now[rel.Target.UUID()]; rel.Type == entity.RelPartOf && !ok {
			r.t.Errorf("%v was told of before its switch", ev.ID)
		}
	}
	r.now[ev.UUID()] = ev
	r.sets++
}

func (r *record) Delete(ref entity.Ref, why string) {
	if _, ok := r.now[ref.UUID()]; !ok {
		r.t.Errorf("%v ended and was not there", ref)
	}
	delete(r.now, ref.UUID())
	r.reasons = append(r.reasons, why)
}

func (r *record) String() string {
	var out []string
	for _, ev := range r.now {
		name := ev.Attributes.Get("Name").Str()
		peers := 0
		for _, rel := range ev.Relationships {
			if rel.Type == entity.RelPeerOf {
				peers++
			}
		}
		out = append(out, fmt.Sprintf("%s %s %d", ev.Type, name, peers))
	}
	// Few enough to be sorted by hand.
	for i := range out {
		for j := range i {
			if out[i] < out[j] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return strings.Join(out, ", ")
}

func newTable(t testing.TB, max int) (*Table, *record) {
	tab := NewTable(Config{HostID: "h", MaxNeighbors: max})
	r := &record{t: t, now: make(map[entity.UUID]entity.Event)}
	tab.Attach(r)
	return tab, r
}

var (
	start = time.Unix(1_000_000, 0)
	eth0  = Interface{NetNS: 1, Index: 2}
	eth1  = Interface{NetNS: 1, Index: 3}
)

func byLLDP(chassis, port, system string, ttl uint16) *Neighbor {
	n := FromLLDP(&lldp.PDU{
		Chassis: lldp.ID{Kind: "local", Text: chassis}, Port: lldp.ID{Kind: "ifname", Text: port}, TTL: ttl, SystemName: system,
	}, false)
	return &n
}

func byCDP(device, port string, ttl uint8) *Neighbor {
	n := FromCDP(&cdp.PDU{Version: 2, DeviceID: device, PortID: port, TTL: ttl})
	return &n
}

func expect(t *testing.T, tab *Table, r *record, what, want string) {
	t.Helper()
	tab.Flush()
	if got := r.String(); got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestTimeToLive(t *testing.T) {
	tab, r := newTable(t, 10)
	if _, ok := tab.Next(); ok {
		t.Error("an empty table has a deadline")
	}
	tab.Heard(eth0, byLLDP("c", "p1", "sw", 120), start)
	tab.Heard(eth0, byLLDP("c", "p2", "sw", 30), start)
	expect(t, tab, r, "two ports", "switch sw 0, switchport p1 1, switchport p2 1")
	if at, ok := tab.Next(); !ok || !at.Equal(start.Add(30*time.Second)) {
		t.Errorf("next is %v, %v", at, ok)
	}
	sets := r.sets
	tab.Heard(eth0, byLLDP("c", "p2", "sw", 30), start.Add(20*time.Second))
	if tab.Flush(); r.sets != sets {
		t.Error("a frame without news was told of")
	}
	tab.Expire(start.Add(49 * time.Second))
	expect(t, tab, r, "none is over", "switch sw 0, switchport p1 1, switchport p2 1")
	tab.Expire(start.Add(50 * time.Second))
	expect(t, tab, r, "one is over", "switch sw 0, switchport p1 1")
	tab.Heard(eth0, byLLDP("c", "p1", "", 0), start.Add(60*time.Second))
	expect(t, tab, r, "the other says that it goes", "")
	if got := strings.Join(r.reasons, ","); got != "time to live is over,neighbor shut down,neighbor shut down" {
		t.Error(got)
	}
	tab.Heard(eth0, byLLDP("c", "p1", "", 0), start)
	expect(t, tab, r, "and again", "")
	if c := tab.Counters(); c != (Counters{Added: 2, Expired: 1, Shutdown: 1}) {
		t.Errorf("%+v", c)
	}
}

func TestOnePortManyInterfaces(t *testing.T) {
	tab, r := newTable(t, 10)
	tab.Heard(eth0, byLLDP("c", "p", "sw", 120), start)
	tab.Heard(eth1, byLLDP("c", "p", "sw", 120), start)
	expect(t, tab, r, "heard twice", "switch sw 0, switchport p 2")
	tab.Heard(eth1, byLLDP("c", "p", "renamed", 120), start)
	expect(t, tab, r, "who said something new last is right", "switch renamed 0, switchport p 2")
	sets := r.sets
	tab.Heard(eth0, byLLDP("c", "p", "sw", 120), start)
	if tab.Flush(); r.sets != sets {
		t.Error("an old frame took the new name back")
	}
	tab.Forget(eth1, "interface removed")
	expect(t, tab, r, "heard once", "switch sw 0, switchport p 1")
	tab.ForgetExcept(func(Interface) bool { return false }, "all gone")
	expect(t, tab, r, "not heard", "")
}

func TestOverflow(t *testing.T) {
	tab, r := newTable(t, 2)
	for i := range 5 {
		tab.Heard(eth0, byLLDP(fmt.Sprint("c", i), "p", "", 120), start)
	}
	tab.Heard(eth1, byLLDP("other", "p", "", 120), start)
	tab.Heard(eth0, byLLDP("c1", "p", "", 0), start)
	tab.Heard(eth0, byLLDP("c4", "p", "", 120), start)
	expect(t, tab, r, "bounded", "switch c0 0, switch c4 0, switch other 0, switchport p 1, switchport p 1, switchport p 1")
	if c := tab.Counters(); c.Overflow != 3 || c.Added != 4 {
		t.Errorf("%+v", c)
	}
}

// TestTwoProtocols: a device that speaks both has one node, in whatever order it
// speaks and ceases to.
func TestTwoProtocols(t *testing.T) {
	has := func(r *record, typ, key string) bool {
		for _, ev := range r.now {
			if ev.Type == typ && ev.Attributes.Has(key) {
				return true
			}
		}
		return false
	}
	for _, cdpFirst := range []bool{true, false} {
		tab, r := newTable(t, 10)
		l, c := byLLDP("c", "Gi0/1", "sw1", 120), byCDP("sw1.example.com(FOX1)", "GigabitEthernet0/1", 180)
		if cdpFirst {
			tab.Heard(eth0, c, start)
			expect(t, tab, r, "CDP alone", "switch sw1.example.com(FOX1) 0, switchport GigabitEthernet0/1 1")
			tab.Heard(eth0, l, start)
		} else {
			tab.Heard(eth0, l, start)
			tab.Heard(eth0, c, start)
		}
		expect(t, tab, r, "both", "switch sw1 0, switchport Gi0/1 1")
		for _, key := range []string{LLDP, CDP} {
			if !has(r, entity.TypeSwitch, key) || !has(r, entity.TypeSwitchPort, key) {
				t.Errorf("no %s", key)
			}
		}
		tab.Heard(eth0, byLLDP("c", "Gi0/1", "", 0), start)
		expect(t, tab, r, "CDP is left", "switch sw1.example.com(FOX1) 0, switchport GigabitEthernet0/1 1")
		tab.Heard(eth0, byCDP("sw1.example.com(FOX1)", "GigabitEthernet0/1", 0), start)
		expect(t, tab, r, "none is left", "")
	}
	// Two devices of one name at one interface: nobody knows which one it is.
	tab, r := newTable(t, 10)
	tab.Heard(eth0, byLLDP("c1", "p1", "sw", 120), start)
	tab.Heard(eth0, byLLDP("c2", "p2", "sw", 120), start)
	tab.Heard(eth0, byCDP("sw", "p3", 120), start)
	expect(t, tab, r, "ambiguous", "switch sw 0, switch sw 0, switch sw 0, switchport p1 1, switchport p2 1, switchport p3 1")
}

func TestByName(t *testing.T) {
	tab, r := newTable(t, 10)
	for i, port := range []string{"p1", "p2"} {
		n := FromLLDP(&lldp.PDU{
			Chassis: lldp.ID{Kind: "mac", Text: fmt.Sprint("00:0", i)}, Port: lldp.ID{Kind: "ifname", Text: port}, TTL: 120, SystemName: "nexus",
		}, true)
		tab.Heard(eth0, &n, start)
	}
	expect(t, tab, r, "one switch", "switch nexus 0, switchport p1 1, switchport p2 1")
	n := FromLLDP(&lldp.PDU{Chassis: lldp.ID{Kind: "mac", Text: "00:00"}, Port: lldp.ID{Kind: "ifname", Text: "p1"}}, true)
	tab.Heard(eth0, &n, start)
	expect(t, tab, r, "a shutdown has no name", "switch nexus 0, switchport p2 1")
}

func TestSameSystem(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sw", "SW", true}, {"sw", "sw.example.com", true}, {"sw.example.com", "sw(FOX)", true}, {"sw", "sw2", false},
		{"sw.a.com", "sw.b.com", false}, {"", "", false}, {"sw", "", false}, {"(x)", "(y)", true},
	} {
		if sameSystem(c.a, c.b) != c.want || sameSystem(c.b, c.a) != c.want {
			t.Errorf("%q, %q: want %v", c.a, c.b, c.want)
		}
	}
}

// TestAttach: who comes later hears all that is there.
func TestAttach(t *testing.T) {
	tab, r := newTable(t, 10)
	tab.Heard(eth0, byLLDP("c", "p", "sw", 120), start)
	tab.Flush()
	tab.Attach(nil)
	tab.Heard(eth0, byLLDP("c", "p2", "sw", 120), start)
	tab.Flush()
	r2 := &record{t: t, now: make(map[entity.UUID]entity.Event)}
	tab.Attach(r2)
	expect(t, tab, r2, "the second", "switch sw 0, switchport p 1, switchport p2 1")
	if len(r.now) != 2 {
		t.Error("the first sink heard more")
	}
	tab.Keep(func(_ Interface, protocol, chassis, port string) bool { return port == "ifname:p2" }, "not listed")
	expect(t, tab, r2, "what is kept", "switch sw 0, switchport p2 1")
}

// TestRandom: after any sequence what was told is what a new sink is told, and
// nothing is left in the table of what went.
func TestRandom(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tab, r := newTable(t, 4)
		now := start
		for range 200 {
			at := Interface{NetNS: 1 + rng.Uint64N(2), Index: 1 + rng.Int32N(3)}
			chassis, port := fmt.Sprint("c", rng.IntN(3)), fmt.Sprint("p", rng.IntN(3))
			switch rng.IntN(8) {
			case 0:
				tab.Heard(at, byLLDP(chassis, port, "", 0), now)
			case 1:
				tab.Forget(at, "gone")
			case 2:
				now = now.Add(time.Duration(rng.IntN(20)) * time.Second)
				tab.Expire(now)
			case 3, 4:
				tab.Heard(at, byCDP("sw"+chassis, port, uint8(rng.IntN(60))), now)
			default:
				tab.Heard(at, byLLDP(chassis, port, []string{"", "sw" + chassis, "other"}[rng.IntN(3)], uint16(1+rng.IntN(60))), now)
			}
			if rng.IntN(3) == 0 {
				tab.Flush()
			}
		}
		tab.Flush()
		again := &record{t: t, now: make(map[entity.UUID]entity.Event)}
		tab.Attach(again)
		tab.Flush()
		if len(again.now) != len(r.now) {
			t.Fatalf("seed %d:\n told %s\nthere %s", seed, r, again)
		}
		for id, ev := range again.now {
			if old, ok := r.now[id]; !ok || !old.SameState(&ev) {
				t.Fatalf("seed %d: %v was told otherwise", seed, ev.ID)
			}
		}
		tab.ForgetExcept(func(Interface) bool { return false }, "end")
		tab.Flush()
		if tab.Len() != 0 || len(again.now) != 0 || len(tab.nodes) != 0 || len(tab.at) != 0 || len(tab.deadline) != 0 {
			t.Fatalf("seed %d: something is left: %s", seed, again)
		}
	}
}
