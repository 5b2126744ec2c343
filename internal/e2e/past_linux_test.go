package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/proctest"
)

// replay is a network that is made, looked at, and taken away again, after
// which what was seen must be seen in the past. The names are those of the
// predecessor's tests that do so (R).
type replay struct {
	name     string
	make     func(*hostNS, *daemon)
	unmake   func(*hostNS, *daemon)
	expected map[string]int // by query: what it counts
}

// say sends entity events, as an input does that is not there yet.
func (d *daemon) say(t testing.TB, events ...entity.Event) {
	t.Helper()
	var b []byte
	for i := range events {
		e := &events[i]
		e.Time = time.Now()
		e.Attributes = e.Attributes.Normalize()
		require.NoError(t, e.Validate())
		b = lineproto.AppendEvent(b, e)
	}
	resp, err := http.Post("http://"+d.addr+"/api/v2/write", "text/plain", bytes.NewReader(b))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
}

// row is a row of the OVSDB table Bridge, Port or Interface, or a block device,
// which is part of another one.
func row(kind, id, name string, parent string, more ...entity.Attr) entity.Event {
	e := entity.Event{
		Ref: entity.Ref{Type: kind, ID: entity.NewIdentity("database", "test", "uuid", id)}, Source: "ovsdb",
		Attributes: append(entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String(kind))}, more...),
	}
	if parent != "" {
		pk, pid, _ := strings.Cut(parent, "/")
		e.Relationships = []entity.Relationship{{Type: entity.RelPartOf,
			Target: entity.Ref{Type: pk, ID: entity.NewIdentity("database", "test", "uuid", pid)}}}
	}
	return e
}

// gone deletes what an event spoke of.
func gone(events ...entity.Event) (out []entity.Event) {
	for _, e := range events {
		out = append(out, entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: e.Source})
	}
	return out
}

// told is a replay of events that the test sends itself.
func told(t *testing.T, name string, expected map[string]int, events ...entity.Event) replay {
	return replay{
		name: name, expected: expected,
		make:   func(_ *hostNS, d *daemon) { d.say(t, events...) },
		unmake: func(_ *hostNS, d *daemon) { d.say(t, gone(events...)...) },
	}
}

// replays returns those on real interfaces, and those whose inputs are still to
// come, with events as these will send them.
func replays(t *testing.T) []replay {
	port := row("ovsport", "p1", "br-t1", "ovsbridge/b1")
	patch := func(id, other string) entity.Event {
		e := row("interface", id, id, "ovsport/port-"+id, entity.A("Driver", entity.String("openvswitch")))
		e.Attributes = e.Attributes.Normalize().With("Type", entity.String("patch"))
		e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelPeerOf,
			Target:     entity.Ref{Type: "interface", ID: entity.NewIdentity("database", "test", "uuid", other)},
			Attributes: entity.Attrs{entity.A("Type", entity.String("patch"))}})
		return e
	}
	disk := func(id, parent string) entity.Event { return row("blockdev", id, id, parent) }
	return []replay{
		{
			name: "Veth",
			make: func(h *hostNS, _ *daemon) {
				h.ip("", "link", "add", "vm1-veth0", "type", "veth", "peer", "name", "vm1-veth1")
			},
			unmake: func(h *hostNS, _ *daemon) { h.ip("", "link", "del", "vm1-veth0") },
			expected: map[string]int{
				"G.V().Has('Type','veth','Name','vm1-veth0').Count()":                                              1,
				"G.V().Has('Name','vm1-veth1').BothE('RelationType','layer2','Type','veth').Count()":               1,
				"G.V().Has('Name','vm1-veth0').Both('Type','veth').Has('Name','vm1-veth1').Dedup().Count()":        1,
				"G.V().Has('Name','vm1-veth0').ShortestPathTo(METADATA('Name','vm1-veth1')).Count()":               1,
				"G.E().Has('RelationType','layer2','Type','veth').OutV().Has('Name',REGEX('vm1-veth.')).Count()":   1,
				"G.V().Has('Type','host').Out('Name','vm1-veth0').Count()":                                         1,
				"G.V().Has('Type','host').OutE('RelationType','ownership').OutV().Has('Name','vm1-veth1').Count()": 1,
			},
		},
		{
			name: "Bridge",
			make: func(h *hostNS, _ *daemon) {
				h.batch("", []string{"link add br-test type bridge", "tuntap add intf1 mode tap", "link set intf1 master br-test",
					"tuntap add intf2 mode tap", "link set intf2 master br-test"})
			},
			unmake: func(h *hostNS, _ *daemon) {
				h.batch("", []string{"link del intf1", "link del intf2", "link del br-test"})
			},
			expected: map[string]int{
				"G.V().Has('Type','bridge','Name','br-test').OutE('RelationType','layer2').OutV().Has('Name',WITHIN('intf1','intf2')).Count()": 2,
			},
		},
		{
			name:     "NameSpace",
			make:     func(h *hostNS, _ *daemon) { h.addNS("ns1") },
			unmake:   func(h *hostNS, _ *daemon) { h.delNS("ns1") },
			expected: map[string]int{"G.V().Has('Type','netns','Name','ns1').Count()": 1},
		},
		{
			name: "NameSpaceVeth",
			make: func(h *hostNS, _ *daemon) {
				h.addNS("ns1")
				h.ip("", "link", "add", "vm1-veth0", "type", "veth", "peer", "name", "vm1-veth1", "netns", h.path("ns1"))
			},
			unmake: func(h *hostNS, _ *daemon) { h.delNS("ns1") },
			expected: map[string]int{
				"G.V().Has('Name','ns1','Type','netns').Out('Name','vm1-veth1','Type','veth').Count()": 1,
				"G.V().Has('Name','vm1-veth0').Both('Name','vm1-veth1').Count()":                       1,
			},
		},
		{
			name: "NameSpaceTwoVeth",
			make: func(h *hostNS, _ *daemon) {
				h.addNS("ns1")
				h.addNS("ns2")
				h.ip("ns1", "link", "add", "vm1-veth0", "type", "veth", "peer", "name", "eth0", "netns", h.path("ns2"))
			},
			unmake: func(h *hostNS, _ *daemon) { h.delNS("ns1"); h.delNS("ns2") },
			expected: map[string]int{
				"G.V().Has('Name','ns1','Type','netns').Out('Name','vm1-veth0').Count()":                         1,
				"G.V().Has('Name','ns2','Type','netns').Out('Name','eth0').Both('Name','vm1-veth0').Count()":     1,
				"G.V().Has('Name','vm1-veth0').Both('Name','eth0').In('Type','netns').Has('Name','ns2').Count()": 1,
			},
		},
		{
			name: "RouteTableHistory",
			make: func(h *hostNS, _ *daemon) {
				h.batch("", []string{"link add rt0 type bridge", "addr add 124.65.75.42/24 dev rt0", "link set rt0 up", "route add 124.65.91.0/24 via 124.65.75.1"})
			},
			unmake:   func(h *hostNS, _ *daemon) { h.batch("", []string{"link del rt0"}) },
			expected: map[string]int{"G.V().Has('RoutingTables.Routes.Prefix','124.65.91.0/24').Count()": 1},
		},
		told(t, "BridgeOVS", map[string]int{
			"G.V().Has('Type','ovsbridge','Name','br-t1').Out('Type','ovsport','Name','br-t1').Out('Type','internal','Name','br-t1').Count()": 1,
		}, row("ovsbridge", "b1", "br-t1", ""), port, func() entity.Event {
			e := row("interface", "i1", "br-t1", "ovsport/p1", entity.A("MAC", entity.String("02:00:00:00:00:01")))
			e.Attributes = e.Attributes.Normalize().With("Type", entity.String("internal"))
			return e
		}()),
		told(t, "PatchOVS", map[string]int{
			"G.V().Has('Type','patch','Name','patch-a').BothE('RelationType','layer2','Type','patch').Count()": 1,
			"G.V().Has('Name','patch-a').Both('Name','patch-b').Count()":                                       1,
		}, row("ovsport", "port-patch-a", "patch-a", ""), row("ovsport", "port-patch-b", "patch-b", ""), patch("patch-a", "patch-b"), patch("patch-b", "patch-a")),
		told(t, "BlockDevSimple", map[string]int{
			"G.V().Has('Type','blockdev').Count()":                                      4,
			"G.V().Has('Name','sda').Descendants('RelationType','ownership',0).Count()": 4,
		}, disk("sda", ""), disk("sda1", "blockdev/sda"), disk("sda2", "blockdev/sda"), disk("swap", "blockdev/sda2")),
	}
}

// then returns a query as of a time.
func then(query string, at time.Time) string {
	return strings.Replace(query, "G.", fmt.Sprintf("G.At('%s').", at.UTC().Format("2006-01-02T15:04:05.000Z07:00")), 1)
}

// TestReplay runs the predecessor's replayable tests: each holds while the
// network is there, no longer when it is gone, and again at the time when it
// was; also after the daemon was killed and started again.
func TestReplay(t *testing.T) {
	h := newHost(t)
	d := startDaemon(t, "", "")
	startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)
	all := replays(t)
	when := make([]time.Time, len(all))
	check := func(r *replay, form func(string) string) error {
		for q, want := range r.expected {
			if got := d.number(t, form(q)); got != want {
				return fmt.Errorf("%s: %s gives %d, want %d", r.name, form(q), got, want)
			}
		}
		return nil
	}
	for i := range all {
		r := &all[i]
		t.Run(r.name, func(t *testing.T) {
			r.make(h, d)
			proctest.Eventually(t, 20*time.Second, "it is there", func() error { return check(r, strings.TrimSpace) })
			when[i] = time.Now()
			time.Sleep(2 * time.Millisecond) // times are told apart by milliseconds
			r.unmake(h, d)
			proctest.Eventually(t, 20*time.Second, "it is gone", func() error {
				for q := range r.expected {
					if n := d.number(t, q); n != 0 {
						return fmt.Errorf("%s gives %d", q, n)
					}
				}
				return nil
			})
			require.NoError(t, check(r, func(q string) string { return then(q, when[i]) }))
		})
	}
	d.End(t, syscall.SIGKILL)
	d = startDaemon(t, d.dir, d.addr)
	for i := range all {
		require.NoError(t, check(&all[i], func(q string) string { return then(q, when[i]) }), "after the daemon was killed")
	}
}

// TestInterfaceUpdate asks for the revisions of one interface in a slice of
// time.
func TestInterfaceUpdate(t *testing.T) {
	h := newHost(t)
	d := startDaemon(t, "", "")
	startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)
	h.ip("", "link", "add", "iu0", "type", "bridge")
	d.same(t, h, 20*time.Second)
	for i := range 3 {
		h.ip("", "link", "set", "iu0", "mtu", fmt.Sprint(1400+i))
		d.same(t, h, 20*time.Second)
	}
	h.ip("", "link", "del", "iu0")
	d.same(t, h, 20*time.Second)
	slice := "G.At(NOW, '5m').V().Has('Name','iu0')"
	require.Equal(t, 0, d.number(t, "G.V().Has('Name','iu0').Count()"))
	require.GreaterOrEqual(t, d.number(t, slice+".Count()"), 4, "one revision for each MTU at least")
	require.Equal(t, 1, d.number(t, slice+".Dedup().Count()"), "of one interface")
	require.Equal(t, 1, d.number(t, slice+".Has('@DeletedAt', GT(0)).Count()"))
	require.Equal(t, 1, d.number(t, slice+".Has('MTU', 1401).Count()"))
	require.Equal(t, 1, d.number(t, slice+".In('Type','host').Dedup().Count()"))
}
