package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/api/httpx/httpxtest"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
)

// graphSink applies what it is given to a graph.
type graphSink struct {
	*graph.Graph
	now time.Time
}

func (s *graphSink) Touch(fps []uint64, times []int64, hit []bool) {
	s.Graph.Touch(fps, times, hit, s.now, nil)
}

func (s *graphSink) Submit(_ context.Context, batch []engine.Item) (sum engine.Summary, err error) {
	for i := range batch {
		p := s.Prepare(&batch[i].Event, batch[i].Fingerprint)
		if _, outcome := s.Apply(&p, s.now, nil); outcome == graph.Changed {
			sum.Changed++
		} else {
			sum.Unchanged++
		}
	}
	return sum, nil
}

func (s *graphSink) SubmitMetrics(_ context.Context, ms []engine.Metric) (taken int) {
	for _, m := range ms {
		if s.SetMetric(m.Node, m.Time, m.Values) {
			taken++
		}
	}
	return taken
}

// who are the senders of a claimsBench, by name.
var who = map[string]*auth.Identity{
	"a":     {Name: "a", Method: auth.MethodToken, Roles: []auth.Role{auth.Host}, Hosts: []string{"a"}},
	"b":     {Name: "b", Method: auth.MethodCertificate, Roles: []auth.Role{auth.Host}, Hosts: []string{"b", "b2"}},
	"none":  {Name: "none", Method: auth.MethodToken, Roles: []auth.Role{auth.Host}},
	"relay": {Name: "relay", Method: auth.MethodToken, Roles: []auth.Role{auth.Admin}},
}

// claimsBench is an ingest in front of a real graph that believes nobody blindly.
type claimsBench struct {
	*bench
	graph *graphSink
	log   *proctest.Buffer
	clock time.Time
}

func newClaimsBench(t testing.TB) *claimsBench {
	b := &claimsBench{log: &proctest.Buffer{}, clock: time.Unix(1700000000, 0)}
	b.graph = &graphSink{Graph: graph.New(graph.DefaultConfig()), now: b.clock}
	b.bench = &bench{t: t, flows: &fakeFlows{}, series: &fakeSeries{}, reg: prometheus.NewRegistry()}
	var err error
	if b.in, err = New(DefaultConfig(), Sinks{Events: b.graph, Graph: b.graph, Flows: b.flows, Series: b.series},
		slog.New(slog.NewTextHandler(b.log, nil)), b.reg); err != nil {
		t.Fatal(err)
	}
	b.in.now = func() time.Time { return b.clock }
	mux := httpx.Mux(b.in.Routes())
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := who[r.Header.Get("As")]; id != nil {
			r = r.WithContext(auth.With(r.Context(), id))
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(b.server.Close)
	return b
}

// write sends lines as somebody.
func (b *claimsBench) write(as string, body []byte) (int, errorAnswer) {
	b.t.Helper()
	resp, answer := httpxtest.Do(b.t, b.server.Client(), http.MethodPost, b.server.URL+"/api/v2/write", body, "As", as)
	var e errorAnswer
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &e); err != nil {
			b.t.Fatal(err)
		}
	}
	return resp.StatusCode, e
}

// ev is an event with attributes and relationships as they are given.
func ev(ref entity.Ref, source string, parts ...any) *entity.Event {
	e := &entity.Event{Ref: ref, Source: source, Time: time.Unix(1700000000, 0), Interval: 30 * time.Second}
	for _, p := range parts {
		switch p := p.(type) {
		case entity.Attr:
			e.Attributes = append(e.Attributes, p)
		case entity.Relationship:
			e.Relationships = append(e.Relationships, p)
		case entity.EventKind:
			e.Kind = p
		}
	}
	e.Attributes = e.Attributes.Normalize()
	if e.Kind == entity.Delete {
		e.Interval = 0
	}
	return e
}

func text(key, v string) entity.Attr { return entity.A(key, entity.String(v)) }

func to(typ string, ref entity.Ref) entity.Relationship {
	return entity.Relationship{Type: typ, Target: ref}
}

const (
	global  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	another = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

func netns(host string) entity.Ref  { return entity.NetNSRef(host, "4026531840", "4") }
func eth(host, n string) entity.Ref { return entity.InterfaceRef(host, "4026531840", n) }

// world is what a host says of itself, as Telegraf's inputs do.
func world(host, container string) (all []*entity.Event) {
	database := host + "/5f0a1c1"
	chassis := "mac:02:00:00:00:00:01"
	return []*entity.Event{
		ev(entity.HostRef(host), "host", text("Name", "name-"+host), text("Type", "host")),
		ev(netns(host), "netlink", text("Name", "root"), text("Type", "netns"), text("Path", "/proc/1/ns/net"), to(entity.RelPartOf, entity.HostRef(host))),
		ev(eth(host, "2"), "netlink", text("Name", "eth0"), text("Type", "device"), text("MAC", "02:00:00:00:00:02"), to(entity.RelPartOf, netns(host)), to(entity.RelMemberOf, eth(host, "3"))),
		ev(eth(host, "3"), "netlink", text("Name", "br0"), text("Type", "bridge"), to(entity.RelPartOf, netns(host))),
		ev(entity.ContainerRef(container), "docker", text("Name", "web"), text("Type", "container"), to(entity.RelPartOf, netns(host))),
		ev(entity.ContainerRef(container), "runc", text("Name", "web"), text("Type", "container"), to(entity.RelPartOf, netns(host))),
		ev(entity.ContainerRef(host+"/runc/web"), "runc", text("Name", "web"), text("Type", "container")),
		ev(entity.RowRef(entity.TypeOvsBridge, database, "b1"), "ovsdb", text("Name", "br-int"), text("Type", "ovsbridge"),
			entity.A("Ovs", entity.Map(entity.Attrs{text("HostID", host)})), to(entity.RelPartOf, entity.HostRef(host))),
		ev(entity.Ref{Type: entity.TypeOFRule, ID: entity.NewIdentity("bridge", "b1", entity.IDDatabase, database, "table", "0")}, "openflow",
			text("Type", "ofrule"), to(entity.RelPartOf, entity.RowRef(entity.TypeOvsBridge, database, "b1"))),
		ev(entity.SwitchRef(chassis), "lldp/"+host, text("Name", "sw1"), text("Type", "switch")),
		ev(entity.SwitchPortRef(chassis, "ifname:1"), "lldp/"+host, text("Name", "1"), text("Type", "switchport"),
			to(entity.RelPartOf, entity.SwitchRef(chassis)), to(entity.RelMemberOf, entity.SwitchRef(chassis)), to(entity.RelPeerOf, eth(host, "2"))),
	}
}

func encode(all ...*entity.Event) (b []byte) {
	for _, e := range all {
		b = lineproto.AppendEvent(b, e)
	}
	return b
}

// TestHostSaysAllOfItself: what a host's inputs say is taken, of several hosts, and
// known again by its fingerprint.
func TestHostSaysAllOfItself(t *testing.T) {
	b := newClaimsBench(t)
	for host, container := range map[string]string{"a": global, "b": another} {
		for range 2 {
			if code, e := b.write(host, encode(world(host, container)...)); code != http.StatusNoContent {
				t.Fatalf("host %s: %d %+v", host, code, e)
			}
		}
	}
	if n := b.counter("topologyd_ingest_events_total", "heartbeat"); n != 22 {
		t.Errorf("%v heartbeats, want 22", n)
	}
	if n := b.counter("topologyd_ingest_rejected_total", reasonForeign); n != 0 {
		t.Errorf("%v refused", n)
	}
	// The end of it too.
	var ends []byte
	for _, e := range world("a", global) {
		ends = append(ends, encode(ev(e.Ref, e.Source, entity.Delete))...)
	}
	if code, e := b.write("a", ends); code != http.StatusNoContent {
		t.Errorf("%d %+v", code, e)
	}
}

// TestForeignEvents: b's credentials say what is not b's.
func TestForeignEvents(t *testing.T) {
	rowOf := func(host string, ovs entity.Value) *entity.Event {
		return ev(entity.RowRef(entity.TypeOvsInterface, host+"/5f0a1c1", "i1"), "ovsdb", entity.A("Ovs", ovs))
	}
	hostID := func(v entity.Value) entity.Value { return entity.Map(entity.Attrs{entity.A("HostID", v)}) }
	for name, c := range map[string]struct {
		event *entity.Event
		want  string // "": taken
	}{
		"another host":                  {ev(entity.HostRef("a"), "host", text("Name", "x")), "host host.id=a\" is of another host"},
		"its interface":                 {ev(eth("a", "2"), "netlink", text("State", "DOWN")), "is of another host"},
		"its interface, own source":     {ev(eth("a", "2"), "netlink/b", text("State", "DOWN")), "is of another host"},
		"its interface, below own":      {ev(eth("a", "2"), "netlink", to(entity.RelPartOf, netns("b"))), "is of another host"},
		"its end":                       {ev(eth("a", "2"), "netlink", entity.Delete), "is of another host"},
		"a host that is not known":      {ev(entity.HostRef("z"), "host", text("Name", "z")), "is of another host"},
		"its row":                       {ev(entity.RowRef(entity.TypeOvsBridge, "a/5f0a1c1", "b1"), "ovsdb"), "is of another host"},
		"its rule":                      {ev(entity.Ref{Type: entity.TypeOFRule, ID: entity.NewIdentity("bridge", "b1", entity.IDDatabase, "a/5f0a1c1")}, "openflow"), "is of another host"},
		"both hosts'":                   {ev(entity.Ref{Type: "x", ID: entity.NewIdentity(entity.IDHost, "b", entity.IDDatabase, "a/u")}, "x"), "is of another host"},
		"its container":                 {ev(entity.ContainerRef(global), "docker", text("Name", "x")), "is of another host"},
		"its container, below own":      {ev(entity.ContainerRef(global), "docker", to(entity.RelPartOf, netns("b"))), "is of another host"},
		"the end of its container":      {ev(entity.ContainerRef(global), "runc", entity.Delete), "is of another host"},
		"its container by name":         {ev(entity.ContainerRef("a/runc/web"), "runc"), "is of another host"},
		"a switch by another's source":  {ev(entity.SwitchRef("mac:02:00:00:00:00:01"), "lldp/a", text("Name", "x")), "is no host's, and source \"lldp/a\" is not its own"},
		"the end of another's facet":    {ev(entity.SwitchRef("mac:02:00:00:00:00:01"), "lldp/a", entity.Delete), "is not its own"},
		"a switch by nobody's source":   {ev(entity.SwitchRef("mac:02:00:00:00:00:01"), "lldp", text("Name", "x")), "NAME/HOST.ID"},
		"a source that ends so":         {ev(entity.SwitchRef("mac:02:00:00:00:00:01"), "lldp/a/b", text("Name", "x")), "is not its own"},
		"a row of joins":                {ev(entity.JoinRef("lldp-port"), "x/b", text("Row", "{}")), "what users define"},
		"a rule's node":                 {ev(entity.Ref{Type: entity.TypeRule, ID: entity.NewIdentity("id", "1")}, "x/b"), "what users define"},
		"own, below another's":          {ev(eth("b", "2"), "netlink", to(entity.RelPartOf, netns("a"))), "relationship 0: part_of the entity \"netns"},
		"own, of another's function":    {ev(eth("b", "2"), "netlink", to(entity.RelPartOf, netns("b")), to(entity.RelFunctionOf, eth("a", "2"))), "relationship 1: function_of"},
		"own above another's":           {ev(netns("b"), "netlink", to(entity.Ownership, eth("a", "2"))), "relationship 0: ownership"},
		"own above another's container": {ev(netns("b"), "netlink", to(entity.Ownership, entity.ContainerRef(global))), "relationship 0: ownership"},
		"own as function":               {ev(eth("b", "2"), "netlink", to(entity.VF, eth("a", "2"))), "relationship 0: vf"},
		"switch below another's host":   {ev(entity.SwitchRef("mac:02:00:00:00:00:09"), "lldp/b", to(entity.RelPartOf, entity.HostRef("a"))), "relationship 0: part_of"},
		"the name of another host":      {ev(entity.HostRef("b"), "host", text("Name", "name-a")), "the name \"name-a\" is that of the host \"a\""},
		"the name by another facet":     {ev(entity.HostRef("b"), "other", text("Name", "name-a")), "give each host a name"},
		"a row that says another's":     {rowOf("b", hostID(entity.String("a"))), "Ovs.HostID says that it is of the host \"a\""},
		"among others":                  {rowOf("b", hostID(entity.List(entity.String("b"), entity.String("a")))), "Ovs.HostID"},
		"beside nothing":                {rowOf("b", hostID(entity.List(entity.String("a"), entity.String("")))), "Ovs.HostID says that it is of the host \"a\""},
		"nothing":                       {rowOf("b", hostID(entity.String(""))), "Ovs.HostID says"},
		"a container for good":          {&entity.Event{Ref: entity.ContainerRef(strings.Repeat("ab", 32)), Source: "docker", Time: time.Unix(1700000000, 0)}, "reported again within"},
		"a container for long":          {&entity.Event{Ref: entity.ContainerRef(strings.Repeat("ab", 32)), Source: "docker", Time: time.Unix(1700000000, 0), Interval: 24 * time.Hour}, "reported again within"},
		"a container of tomorrow":       {&entity.Event{Ref: entity.ContainerRef(strings.Repeat("ab", 32)), Source: "docker", Time: time.Unix(1700086400, 0), Interval: time.Minute}, "which is to come"},
		"the end of one of tomorrow":    {&entity.Event{Kind: entity.Delete, Ref: entity.ContainerRef(strings.Repeat("ab", 32)), Source: "docker", Time: time.Unix(1700086400, 0)}, "which is to come"},
		"in a list on the way":          {rowOf("b", entity.List(hostID(entity.String("b")), hostID(entity.String("a")))), "Ovs.HostID"},
		"with a dot in its key":         {ev(entity.RowRef(entity.TypeOvsInterface, "b/5f0a1c1", "i1"), "ovsdb", text("Ovs.HostID", "a")), "Ovs.HostID"},

		"own row":                      {rowOf("b", hostID(entity.String("b"))), ""},
		"own host of two":              {ev(entity.HostRef("b2"), "host", text("Name", "b2")), ""},
		"own, from another source":     {ev(eth("b", "2"), "gnmi", text("State", "UP")), ""},
		"a link to another's":          {ev(eth("b", "2"), "netlink", to(entity.RelPartOf, netns("b")), to(entity.RelPeerOf, eth("a", "2"))), ""},
		"a switch that it hears too":   {ev(entity.SwitchRef("mac:02:00:00:00:00:01"), "lldp/b", text("Name", "sw1")), ""},
		"a new container":              {ev(entity.ContainerRef(strings.Repeat("ab", 32)), "docker", to(entity.RelPartOf, netns("b"))), ""},
		"a container without process":  {ev(entity.ContainerRef(strings.Repeat("cd", 32)), "docker", text("Name", "x")), ""},
		"what says TID and Host":       {ev(eth("b", "2"), "netlink", text("TID", eth("a", "2").UUID().String()), text("Host", "a")), ""},
		"what never expires":           {&entity.Event{Ref: eth("b", "9"), Source: "netlink", Time: time.Unix(1700000000, 0)}, ""},
		"the end of what is not known": {ev(eth("b", "7"), "netlink", entity.Delete), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newClaimsBench(t)
			b.t = t
			b.write("relay", encode(append(world("a", global), world("b", another)...)...))
			before := stateOf(b.graph.View(), "a")
			own := encode(ev(eth("b", "4"), "netlink", text("Name", "eth4")))
			code, e := b.write("b", append(encode(c.event), own...))
			refused := b.counter("topologyd_ingest_rejected_total", protoLine, reasonForeign)
			if c.want == "" {
				if code != http.StatusNoContent || refused != 0 {
					t.Fatalf("%d %+v, %v refused", code, e, refused)
				}
			} else if code != http.StatusBadRequest || e.Error.Code != httpx.CodeForbidden || !strings.Contains(e.Message, c.want) ||
				e.Error.Accepted != 1 || e.Error.Rejected != 1 || e.Error.Position.Line != 1 || refused != 1 {
				t.Errorf("%d %+v, %v refused; want %q", code, e, refused, c.want)
			}
			if b.graph.View().SlotByID(eth("b", "4").UUID()) < 0 {
				t.Error("what is its own in the same request is not taken")
			}
			if after := stateOf(b.graph.View(), "a"); after != before {
				t.Errorf("host a changed:\n%s\nwas:\n%s", after, before)
			}
		})
	}
}

// stateOf writes what the graph says of the nodes of a host and of the containers
// in it: attributes with TIDs, facets with their times and assertions.
func stateOf(v *graph.View, host string) string {
	var b strings.Builder
	for n := range v.Nodes() {
		state := v.NodeState(n)
		of, _ := state.Ref.Host()
		if of != host && state.Ref.ID.Get(entity.IDContainer) != global {
			continue
		}
		said := func(a entity.Attrs) []byte { return a.AppendJSON(nil) }
		fmt.Fprintf(&b, "%v %s\n", state.Ref, said(n.Attrs))
		for _, f := range state.Facets {
			fmt.Fprintf(&b, "  %s %d %v %s %v\n", f.Source, f.Time, f.Interval, said(f.Attributes), f.Assertions)
		}
		for edge := range v.In(n.Slot) {
			if edge.RelationType == entity.Ownership {
				fmt.Fprintf(&b, "  below %v\n", edge.Parent)
			}
		}
	}
	return b.String()
}

// TestForeignHeartbeat: a line that another host said is not confirmed by whoever
// repeats it, nor by somebody who lost the host meanwhile.
func TestForeignHeartbeat(t *testing.T) {
	b := newClaimsBench(t)
	b.write("a", encode(world("a", global)...))
	b.graph.CollectHeard()
	before := stateOf(b.graph.View(), "a")
	later := bytes.ReplaceAll(encode(world("a", global)...), []byte(" 1700000000"), []byte(" 1700000030"))
	for _, as := range []string{"b", "none"} {
		b.graph.TakeHeard()
		code, e := b.write(as, later)
		if code != http.StatusBadRequest || e.Error.Rejected != 11 || e.Error.Accepted != 0 {
			t.Errorf("%s: %d %+v", as, code, e)
		}
		if heard := b.graph.TakeHeard(); len(heard) > 0 {
			t.Errorf("%s: reports were heard of %v", as, heard)
		}
	}
	if n := b.counter("topologyd_ingest_events_total", "heartbeat"); n != 0 {
		t.Errorf("%v heartbeats", n)
	}
	if after := stateOf(b.graph.View(), "a"); after != before {
		t.Errorf("host a changed:\n%s\nwas:\n%s", after, before)
	}
	// Who speaks for all repeats it: decoded once, nothing new.
	if code, _ := b.write("relay", later); code != http.StatusNoContent || b.counter("topologyd_ingest_events_total", "unchanged") != 11 {
		t.Errorf("relay: %d, %v unchanged", code, b.counter("topologyd_ingest_events_total", "unchanged"))
	}
	// The same hosts in another order are the same sender.
	x := b.in.claimsOf(auth.With(t.Context(), &auth.Identity{Roles: []auth.Role{auth.Host}, Hosts: []string{"a", "b"}}))
	y := b.in.claimsOf(auth.With(t.Context(), &auth.Identity{Roles: []auth.Role{auth.Host}, Hosts: []string{"b", "a"}}))
	if x.salt != y.salt || x.salt == 0 {
		t.Errorf("salts %x and %x", x.salt, y.salt)
	}
}

// TestForeignLog: what is refused is said once a minute, with who and what.
func TestForeignLog(t *testing.T) {
	b := newClaimsBench(t)
	forged := encode(ev(entity.HostRef("a"), "host", text("Name", "x")), ev(entity.HostRef("z"), "host"))
	for range 3 {
		b.write("b", forged)
	}
	b.write("none", forged)
	lines := strings.Split(strings.TrimSpace(b.log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "identity=b method=certificate hosts=\"b, b2\"") || !strings.Contains(lines[0], "host.id=a") || !strings.Contains(lines[1], "identity=none") {
		t.Fatalf("log:\n%s", b.log)
	}
	b.clock = b.clock.Add(foreignEvery)
	b.write("b", forged)
	if lines = strings.Split(strings.TrimSpace(b.log.String()), "\n"); len(lines) != 3 || !strings.Contains(lines[2], "refused_before=5") {
		t.Errorf("log:\n%s", b.log)
	}
	if n := b.counter("topologyd_ingest_rejected_total", reasonForeign); n != 10 {
		t.Errorf("%v refused, want 10", n)
	}
	var l foreignLog
	for i := range 10 * maxForeign {
		l.next(fmt.Sprint("subject ", i), 1, b.clock)
	}
	if len(l.told) > maxForeign {
		t.Errorf("%d senders are remembered", len(l.told))
	}
}
