package orders

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
)

const veths = "G.V().Has('Type','veth')"

func filter(f string) func(*capture.Spec) { return func(s *capture.Spec) { s.Filter = f } }

// TestFollow has captures follow the graph and the definitions.
func TestFollow(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), hostNode("b"), link("a", 2, "veth"), link("a", 3, "device"), link("b", 2, "veth"))
	w.define("one", veths)
	a, b := w.connect("a"), w.connect("b")
	a.follows("one:veth2")
	b.follows("one:veth2")
	w.shows("a veth2 one=running", "b veth2 one=running")

	w.report(link("a", 4, "veth")) // appears
	a.follows("one:veth2", "one:veth4")
	w.report(gone(link("a", 2, "veth"))) // goes
	a.follows("one:veth4")
	w.report(link("a", 3, "veth")) // becomes one
	a.follows("one:veth3", "one:veth4")
	w.report(link("a", 3, "device")) // and no more
	a.follows("one:veth4")
	w.shows("a veth4 one=running", "b veth2 one=running")

	w.define("two", "G.V().Has('Type',Within('veth','device'))", filter("tcp"))
	a.follows("one:veth4", "two:device3tcp", "two:veth4tcp")
	w.redefine("one", veths, filter("udp")) // other options
	a.follows("one:veth4udp", "two:device3tcp", "two:veth4tcp")
	w.redefine("one", "G.V().Has('Type','device')") // another query
	a.follows("one:device3", "two:device3tcp", "two:veth4tcp")
	b.follows("two:veth2tcp")
	w.shows("a veth4 two=running", "a device3 one=running two=running", "b veth2 two=running")
	w.remove("one")
	a.follows("two:device3tcp", "two:veth4tcp")
	w.remove("two")
	a.follows()
	b.follows()
	w.shows()
}

func TestExpire(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	d, err := w.defs.Create(t.Context(), &definition.Definition{Kind: capture.Kind, Expires: time.Now().Add(600 * time.Millisecond), Spec: &capture.Spec{Query: veths}})
	require.NoError(t, err)
	a := w.connect("a")
	a.follows(d.ID + ":veth2")
	require.WithinDuration(t, d.Expires, a.capture(t, d.ID).Expires, 0)
	require.Equal(t, d.ID, a.capture(t, d.ID).Name, "without a name the ID stands for it")
	a.follows()
	w.shows()
}

// TestOrder shows what an order says of its node.
func TestOrder(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), netns("a", "x"), inner("a", 5, "veth"), link("a", 6, "veth"))
	w.define("one", veths, func(s *capture.Spec) { s.CPU, s.Sampling = 50, 2 })
	a := w.connect("a")
	a.follows("one:veth5", "one:veth6")
	at := func(name string) order.Capture {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, c := range a.list.Captures {
			if c.Node.Interface == name {
				return c
			}
		}
		return order.Capture{}
	}
	c := at("veth5")
	tid := w.graph.View().Node(inner("a", 5, "veth").UUID()).Attrs.Get("TID").Str()
	require.NotEmpty(t, tid)
	require.Equal(t, order.Node{TID: tid, Interface: "veth5", IfIndex: 5, Type: "veth", NetNS: nsInode, NetNSDevice: nsDevice, NetNSPath: "/run/netns/x"}, c.Node)
	require.Equal(t, "cap-one", c.Name)
	require.Equal(t, 50, c.CPU)
	require.Equal(t, 2, c.Sampling)
	require.Equal(t, order.CaptureID("one", inner("a", 5, "veth").UUID().String()), c.ID)
	require.Equal(t, uint64(rootInode), at("veth6").Node.NetNS)
	require.Empty(t, at("veth6").Node.NetNSPath)
	// The namespace is found elsewhere, the interface gets another name.
	w.report(netns("a", "y"))
	eventually(t, "the path is followed", func() bool { return at("veth5").Node.NetNSPath == "/run/netns/y" }, func() any { return at("veth5").Node })
	w.report(link("a", 6, "veth", "Name", "uplink"))
	a.follows("one:uplink", "one:veth5")
	nodes := w.manager.Nodes("one")
	require.Len(t, nodes, 2)
	require.Equal(t, []string{"uplink", "veth5"}, []string{nodes[0].Interface, nodes[1].Interface})
	require.Equal(t, "y", nodes[1].NetNS)
	require.Equal(t, "a.example", nodes[1].HostName)
	require.Equal(t, c.ID, nodes[1].ID)
}

// TestRefused has a query find what cannot be captured.
func TestRefused(t *testing.T) {
	w := newWorld(t, quick())
	nameless := link("a", 9, "veth")
	nameless.Attributes = text("Type", "veth")
	odd := entity.Event{Ref: entity.Ref{Type: entity.TypeInterface, ID: entity.NewIdentity("serial", "1")}, Attributes: text("Name", "p1", "Type", "port")}
	w.report(hostNode("a"), netns("a", "x"), link("a", 2, "veth"), nameless, odd)
	w.define("all", "G.V()")
	a := w.connect("a")
	a.follows("all:veth2")
	want := map[string]string{
		"a.example": "capture its interfaces: put .Out().HasKey('IfIndex') behind the query",
		"x":         "this is a netns; capture its interfaces",
		"p1":        "does not say which host",
		"":          "does not know the name",
		"veth2":     "",
	}
	w.shows("a a.example all=refused", "a x all=refused", "a veth2 all=running", "a  all=refused", " p1 all=refused")
	nodes := w.manager.Nodes("all")
	require.Len(t, nodes, len(want))
	for _, n := range nodes {
		text, known := want[n.Interface]
		require.True(t, known, n.Interface)
		require.Contains(t, n.Error, text)
		require.Equal(t, text != "", n.State == order.StateRefused)
	}
	s := w.status("all")
	require.Equal(t, Status{State: StatePartial, Matched: 5, Running: 1, Refused: 4, Hosts: 1}, s)
	w.report(link("a", 9, "veth")) // its name is known now
	a.follows("all:veth2", "all:veth9")
}

func TestKeepsPackets(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		w := newWorld(t, quick())
		if allowed {
			w.restart(func() { w.raw = true })
		}
		w.report(hostNode("a"), link("a", 2, "veth"))
		w.define("one", veths, func(s *capture.Spec) { s.RawPackets = 3 })
		a := w.connect("a")
		if allowed {
			a.follows("one:veth2")
			continue
		}
		a.follows()
		w.shows("a veth2 one=refused")
		require.Contains(t, w.manager.Nodes("one")[0].Error, "--raw-packets")
	}
}

// TestStates has a host tell how it goes, and go.
func TestStates(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	d := w.define("one", veths)
	w.shows("a veth2 one=waiting")
	require.Contains(t, w.manager.Nodes("one")[0].Error, "the collector of host a.example (a) is not connected and was not since")
	a := w.connect("a", func(h *fakeHost) { h.mute = true })
	a.follows("one:veth2")
	w.shows("a veth2 one=starting") // nothing was said
	a.set("one", func(s *order.CaptureState) { s.State, s.Error = order.StateFailed, "interface is down" })
	w.shows("a veth2 one=failed")
	require.Equal(t, Status{State: StatePartial, Matched: 1, Failed: 1, Hosts: 1}, w.status("one"))
	a.set("one", func(s *order.CaptureState) {
		s.State, s.Error, s.Proof, s.Packets, s.Bytes, s.Dropped = order.StateRunning, "", order.ProofPacket, 5, 500, map[string]int64{"ring": 2, "x": 1}
		s.Sampling, s.Warning = 4, "no tcx"
	})
	w.shows("a veth2 one=running")
	require.Equal(t, Status{State: StateRunning, Matched: 1, Running: 1, Hosts: 1, Packets: 5, Bytes: 500, Dropped: 3}, w.status("one"))
	require.JSONEq(t, `[{"Bytes":500,"Dropped":3,"ID":"one","Name":"cap-one","Packets":5,"Proof":"packet","Sampling":4,"State":"running","Type":"afpacket","Warning":"no tcx"}]`,
		string(entity.Attrs{entity.A("C", w.captures(link("a", 2, "veth")))}.AppendJSON(nil)[5:][:len(entity.Attrs{entity.A("C", w.captures(link("a", 2, "veth")))}.AppendJSON(nil))-6]))
	a.set("one", func(s *order.CaptureState) { s.Packets = 9 }) // counters follow
	eventually(t, "counters are written", func() bool { return w.captures(link("a", 2, "veth")).List()[0].Map().Get("Packets").Int() == 9 }, func() any { return w.shown() })
	before := w.written()
	a.set("one", func(s *order.CaptureState) { s.CPU = 9 }) // not shown
	eventually(t, "all is told", func() bool { return w.manager.Nodes("one")[0].CPU == 9 }, func() any { return w.manager.Nodes("one") })
	a.close()
	w.shows("a veth2 one=waiting")
	require.Equal(t, before+1, w.written())
	n := w.manager.Nodes("one")[0]
	require.Contains(t, n.Error, "the collector of host a.example (a) is not connected since")
	require.Equal(t, int64(9), n.Packets, "what was counted stays")
	require.Equal(t, Status{State: StatePartial, Matched: 1, Waiting: 1, Hosts: 1, Packets: 9, Bytes: 500, Dropped: 3}, w.status("one"))
	hosts := w.manager.Hosts()
	require.Len(t, hosts, 1)
	require.False(t, hosts[0].Connected)
	require.Equal(t, 1, hosts[0].Captures)
	w.connect("a")
	w.shows("a veth2 one=running")
	h := w.manager.Hosts()[0]
	require.True(t, h.Connected)
	require.Equal(t, []any{"a", "a.example", "1", []string{"afpacket"}, true, 1, 1}, []any{h.ID, h.Name, h.Version, h.Types, h.RawPackets, h.Captures, h.Running})
	w.remove("one")
	w.shows()
	require.Equal(t, StatePending, w.manager.Status(d).State)
}

// TestStateMessages has a host say what is of no use.
func TestStateMessages(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), hostNode("b"), link("a", 2, "veth"), link("b", 2, "veth"))
	w.define("one", veths)
	a, b := w.connect("a"), w.connect("b")
	w.shows("a veth2 one=running", "b veth2 one=running")
	id, other := a.capture(t, "one"), b.capture(t, "one")
	state := func(id string, revision uint64, s string) order.CaptureState {
		return order.CaptureState{ID: id, Revision: revision, State: s, Error: "\xff" + strings.Repeat("x", 3000)}
	}
	a.send(&order.Envelope{State: &order.State{Captures: []order.CaptureState{
		state(other.ID, other.Revision, order.StateFailed), state(id.ID, id.Revision-1, order.StateFailed), state(id.ID, id.Revision, "fine"),
		state("", 0, order.StateRunning), state("x/y", 1, order.StateRunning), state(strings.Repeat("z", 1000), 1, order.StateRunning),
		{ID: id.ID, Revision: id.Revision, State: order.StateRunning, Counters: order.Counters{Packets: -5, Bytes: 1 << 62, Dropped: map[string]int64{"a": -1}}},
	}}})
	eventually(t, "the last is taken", func() bool { return w.status("one").Bytes == 1<<42 }, func() any { return w.status("one") })
	require.Equal(t, 2, w.status("one").Running)
	require.Zero(t, w.status("one").Packets)
	a.send(&order.Envelope{State: &order.State{Captures: []order.CaptureState{state(id.ID, id.Revision, order.StateFailed)}}})
	w.shows("a veth2 one=failed", "b veth2 one=running")
	for _, n := range w.manager.Nodes("one") {
		require.LessOrEqual(t, len(n.Error), maxText+3)
	}
	a.send(&order.Envelope{State: &order.State{Whole: true, Captures: []order.CaptureState{}}}) // it knows nothing of it
	w.shows("a veth2 one=starting", "b veth2 one=running")
}

// TestLead has the lead go and come.
func TestLead(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	d := w.define("one", veths)
	a := w.connect("a")
	w.shows("a veth2 one=running")
	w.leads.Store(false)
	require.Equal(t, websocket.StatusTryAgainLater, websocket.CloseStatus(a.ended()))
	require.Contains(t, a.ended().Error(), "another topologyd leads")
	_, code, err := w.dial("a")
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code)
	r, err := http.Get(w.server.URL + order.Path("a")) //nolint:noctx // a test
	require.NoError(t, err)
	require.Equal(t, "1", r.Header.Get("Retry-After"))
	require.NoError(t, r.Body.Close())
	require.Equal(t, StateFollower, w.manager.Status(d).State)
	require.Nil(t, w.manager.Nodes("one"))
	require.Nil(t, w.manager.Hosts())
	w.report(gone(link("a", 2, "veth")), link("a", 3, "veth"))
	w.leads.Store(true)
	w.connect("a").follows("one:veth3")
	w.shows("a veth3 one=running")
}

// TestAboutToLead has a manager that does not work yet.
func TestAboutToLead(t *testing.T) {
	w := newWorld(t, quick())
	d := w.define("one", veths)
	deps := w.manager.deps
	deps.Registerer = prometheus.NewRegistry()
	m, err := New(quick(), deps)
	require.NoError(t, err)
	require.Equal(t, StatePending, m.Status(d).State)
	w.leads.Store(false)
	require.Equal(t, StateFollower, m.Status(d).State)
}

// TestLeadBlinks has the lead go and come back before anybody looked, while a
// node is to be written.
func TestLeadBlinks(t *testing.T) {
	cfg := quick()
	cfg.LeadCheck = time.Hour
	w := newWorld(t, cfg)
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	a := w.connect("a")
	w.shows("a veth2 one=running")
	m := w.manager.term.Load()
	look := func(ok func(p *place) bool) func() bool {
		return func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return ok(m.places[link("a", 2, "veth").UUID()])
		}
	}
	eventually(t, "the node was compared", look(func(p *place) bool { return p.checked != check{} }), func() any { return nil })
	w.leads.Store(false)
	a.set("one", func(s *order.CaptureState) { s.State = order.StateFailed })
	eventually(t, "the node is to be written", look(func(p *place) bool {
		return len(p.shown.List()) == 1 && p.shown.List()[0].Map().Get(showState).Str() == order.StateFailed
	}), func() any { return nil })
	w.leads.Store(true)
	w.shows("a veth2 one=failed")
}

// TestRestart has the daemon restart: what still holds stays as it is, what does
// not goes.
func TestRestart(t *testing.T) {
	cfg := quick()
	cfg.Grace = time.Minute // hosts are given their time
	w := newWorld(t, cfg)
	w.report(hostNode("a"), hostNode("b"), link("a", 2, "veth"), link("b", 2, "veth"), link("a", 3, "device"))
	w.define("one", veths)
	w.define("two", "G.V().Has('Type','device')")
	a, b := w.connect("a"), w.connect("b")
	a.follows("one:veth2", "two:device3")
	b.follows("one:veth2")
	b.set("one", func(s *order.CaptureState) { s.Packets = 7 })
	w.shows("a veth2 one=running", "a device3 two=running", "b veth2 one=running")
	eventually(t, "counters are written", func() bool { return w.captures(link("b", 2, "veth")).List()[0].Map().Get("Packets").Int() == 7 }, func() any { return w.shown() })
	var before int
	w.restart(func() {
		require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(a.ended()))
		w.kv.Remove("capture.two")
		before = w.written()
	})
	// Nobody is connected, but the graph says that it runs.
	w.shows("a veth2 one=running", "b veth2 one=running")
	require.Equal(t, before+1, w.written(), "what goes is all that is written")
	require.Equal(t, Status{State: StateRunning, Matched: 2, Running: 2, Hosts: 2, Packets: 7}, w.status("one"))
	w.connect("a", func(h *fakeHost) { h.states = a.states }).follows("one:veth2")
	w.shows("a veth2 one=running", "b veth2 one=running")
	require.Equal(t, before+1, w.written())
}

// TestGrace has hosts not come back after a restart.
func TestGrace(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	w.connect("a")
	w.shows("a veth2 one=running")
	w.restart(func() { w.cfg.Grace = 200 * time.Millisecond })
	require.Equal(t, "a veth2 one=running", w.shown())
	w.shows("a veth2 one=waiting")
}

// TestNothingTooEarly has a host connect before anything is known.
func TestNothingTooEarly(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	first := w.connect("a")
	first.follows("one:veth2")
	w.restart(nil)
	a := w.connect("a")
	a.follows("one:veth2")
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Zero(t, a.empty, "it was told to do nothing before")
	require.Greater(t, a.list.Revision, first.list.Revision)
}

// TestProblem has a definition become one that cannot be read.
func TestProblem(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	a := w.connect("a")
	w.shows("a veth2 one=running")
	w.kv.Put("capture.one", []byte(`{"version":2}`))
	eventually(t, "the problem is told", func() bool { return w.status("one").State == StateFailed }, func() any { return w.status("one") })
	require.Contains(t, w.status("one").Error, "update the daemon")
	require.Equal(t, 1, w.status("one").Running)
	w.report(link("a", 3, "veth"))
	a.follows("one:veth2", "one:veth3")
	w.shows("a veth2 one=running", "a veth3 one=running")
	// After a restart nothing is known of it, and what the graph says stays.
	w.restart(nil)
	a = w.connect("a")
	a.follows()
	w.define("two", "G.V().Has('Name','veth2')")
	w.shows("a veth2 one=running two=running", "a veth3 one=running")
	w.remove("one")
	w.shows("a veth2 two=running")
}

// TestBounds has captures match too much.
func TestBounds(t *testing.T) {
	cfg := quick()
	cfg.MaxNodes, cfg.MaxPerHost, cfg.MaxAssignments = 5, 4, 8
	w := newWorld(t, cfg)
	w.report(hostNode("a"))
	for i := range 5 {
		w.report(link("a", i+1, "veth"))
	}
	w.define("one", veths)
	a := w.connect("a")
	eventually(t, "one is left out", func() bool { s := w.status("one"); return s.Running == 4 && s.Refused == 1 }, func() any { return w.status("one") })
	require.Contains(t, fmt.Sprint(w.manager.Nodes("one")), "as many as one host is given")
	w.report(link("a", 6, "veth"))
	a.follows()
	w.shows()
	require.Equal(t, StateFailed, w.status("one").State)
	require.Contains(t, w.status("one").Error, "finds 6 nodes, more than 5")
	w.report(gone(link("a", 6, "veth")), gone(link("a", 5, "veth")))
	a.follows("one:veth1", "one:veth2", "one:veth3", "one:veth4")
	w.report(link("b", 7, "device"))
	w.define("two", "G.V().HasKey('IfIndex')")
	eventually(t, "there is no room", func() bool { return w.status("two").State == StateFailed }, func() any { return w.status("two") })
	require.Contains(t, w.status("two").Error, "more than 8")
	w.remove("one")
	eventually(t, "there is room", func() bool { return w.status("two").Running == 4 }, func() any { return w.status("two") })
}

// TestRefusedEvents has the log not take events for a while.
func TestRefusedEvents(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.refuseAll(errors.New("the disk is full"))
	w.define("one", veths)
	a := w.connect("a")
	a.follows("one:veth2") // goes on all the same
	w.refuseAll(nil)
	w.shows("a veth2 one=running")
	w.refuseAll(errors.New("the disk is full"))
	w.remove("one")
	a.follows()
	w.refuseAll(nil)
	w.shows()
}

// TestReturn has a node go and come back, perhaps unnoticed: what it said of
// captures went with it.
func TestReturn(t *testing.T) {
	w := newWorld(t, quick())
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	a := w.connect("a")
	for range 8 {
		w.shows("a veth2 one=running")
		w.report(gone(link("a", 2, "veth")), link("a", 2, "veth"))
	}
	w.shows("a veth2 one=running")
	a.follows("one:veth2")
}

// TestReuse has an interface go and another one get its index before anybody was
// told.
func TestReuse(t *testing.T) {
	cfg := quick()
	cfg.Debounce, cfg.Recheck = 300*time.Millisecond, time.Hour
	w := newWorld(t, cfg)
	next := link("a", 2, "veth", "Name", "other")
	next.Relationships = nil // which would be a second change
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", veths)
	w.shows("a veth2 one=waiting")
	w.report(gone(next))
	eventually(t, "it is gone", func() bool { return w.status("one").Matched == 0 }, func() any { return w.status("one") })
	w.report(next)
	w.shows("a other one=waiting")
	w.connect("a").follows("one:other")
}

// TestMissed has interfaces change while more happens than the hub can follow.
func TestMissed(t *testing.T) {
	cfg := quick()
	cfg.Recheck = time.Hour
	w := newWorld(t, cfg)
	w.report(hostNode("a"), link("a", 2, "veth"), link("a", 3, "veth"))
	w.define("one", veths)
	a := w.connect("a")
	w.shows("a veth2 one=running", "a veth3 one=running")
	many := []entity.Event{gone(link("a", 3, "veth")), link("a", 3, "veth"), link("a", 2, "veth", "Name", "other")}
	for i := range 6000 {
		e := hostNode("a")
		e.Attributes = append(e.Attributes, entity.A("Seq", entity.Int(int64(i)))).Normalize()
		many = append(many, e)
	}
	w.report(many...)
	a.follows("one:other", "one:veth3")
	w.shows("a other one=running", "a veth3 one=running")
}

// TestKeepsLittle has texts cut off: what is left must not hold on to the rest.
func TestKeepsLittle(t *testing.T) {
	long, short := strings.Repeat("x", 1<<20), ""
	require.Equal(t, 1.0, testing.AllocsPerRun(10, func() { short = clean(long, maxName) }))
	require.Len(t, short, maxName)
}

// TestDamping has a query ask for what its capture changes.
func TestDamping(t *testing.T) {
	cfg := quick()
	cfg.FlapLimit, cfg.HoldMin = 3, time.Hour
	w := newWorld(t, cfg)
	w.report(hostNode("a"), link("a", 2, "veth"))
	w.define("one", "G.V().Has('Type','veth').HasNot('Captures')")
	w.connect("a")
	eventually(t, "it is held", func() bool {
		return strings.Contains(w.status("one").Error, "does the capture change what its query finds?")
	}, func() any { return w.status("one") })
	require.Equal(t, 1, w.status("one").Waiting)
	w.shows()
	require.LessOrEqual(t, w.written(), 12)
}

// TestFlood has a host change its mind all the time.
func TestFlood(t *testing.T) {
	cfg := quick()
	cfg.Writes, cfg.WriteEvery = 10, time.Second
	w := newWorld(t, cfg)
	w.report(hostNode("a"), hostNode("b"), link("a", 2, "veth"), link("b", 2, "veth"))
	w.define("one", veths)
	a, b := w.connect("a"), w.connect("b")
	w.shows("a veth2 one=running", "b veth2 one=running")
	before := w.written()
	for i := range 500 {
		a.set("one", func(s *order.CaptureState) { s.State, s.Error = order.StateFailed, fmt.Sprint("error ", i) })
	}
	b.set("one", func(s *order.CaptureState) { s.State = order.StateFailed })
	eventually(t, "all is read", func() bool {
		n := w.manager.Nodes("one")
		return n[0].Error == "error 499" && n[1].State == order.StateFailed
	}, func() any { return w.manager.Nodes("one") })
	require.LessOrEqual(t, w.written()-before, 30, "the log was filled")
	eventually(t, "the last is written", func() bool { return w.captures(link("a", 2, "veth")).List()[0].Map().Get("Error").Str() == "error 499" }, func() any { return w.shown() })
}
