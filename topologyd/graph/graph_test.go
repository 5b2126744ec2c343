package graph

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

var t0 = time.Unix(1_700_000_000, 0)

// world applies events to a graph at a time that the test moves.
type world struct {
	t   *testing.T
	g   *Graph
	now time.Time
}

func newWorld(t *testing.T) *world { return &world{t, New(DefaultConfig()), t0} }

func (w *world) apply(evs ...entity.Event) []Change {
	w.t.Helper()
	var out []Change
	for i := range evs {
		if evs[i].Time.IsZero() {
			evs[i].Time = w.now
		}
		if evs[i].Source == "" {
			evs[i].Source = "netlink"
		}
		evs[i].Attributes = evs[i].Attributes.Normalize()
		require.NoError(w.t, evs[i].Validate())
		p := w.g.Prepare(&evs[i], 0)
		var outcome Outcome
		if out, outcome = w.g.Check(&p, w.now, out); outcome == Changed {
			out, _ = w.g.Apply(&p, w.now, out)
		}
	}
	return out
}

func (w *world) tick(d time.Duration) { w.now = w.now.Add(d) }

// sweep runs a whole sweep and applies what expired.
func (w *world) sweep() []Change {
	var out []Change
	for from := int32(0); ; {
		var expired []entity.Event
		expired, from, out = w.g.Sweep(from, w.now, out)
		for i := range expired {
			p := w.g.Prepare(&expired[i], 0)
			out, _ = w.g.Apply(&p, w.now, out)
		}
		if from == 0 {
			return out
		}
	}
}

func host(name string) entity.Event {
	return entity.Event{
		Ref: entity.HostRef(name), Interval: 10 * time.Second, Source: "host",
		Attributes: entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String("host"))},
	}
}

func link(hostID, ns string, index int, name, typ string, attrs ...entity.Attr) entity.Event {
	return entity.Event{
		Ref: entity.InterfaceRef(hostID, ns, fmt.Sprint(index)), Interval: 10 * time.Second,
		Attributes: append(entity.Attrs{
			entity.A("Name", entity.String(name)), entity.A("Type", entity.String(typ)), entity.A("IfIndex", entity.Int(int64(index))),
		}, attrs...),
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(hostID)}},
	}
}

func related(e entity.Event, typ string, to entity.Ref, attrs ...entity.Attr) entity.Event {
	e.Relationships = append(slices.Clone(e.Relationships), entity.Relationship{Type: typ, Target: to, Attributes: attrs})
	return e
}

func ops(cs []Change) []string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Op.String())
	}
	return out
}

func TestApply(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, []string{"node_added"}, ops(w.apply(host("h1"))))
	cs := w.apply(link("h1", "1", 2, "eth0", "device"))
	require.Equal(t, []string{"node_added", "edge_added"}, ops(cs), "a node is seen before its edges")
	require.EqualValues(t, 3, w.g.View().Revision())

	w.tick(time.Second)
	require.Empty(t, w.apply(link("h1", "1", 2, "eth0", "device")), "the same report is no change")

	cs = w.apply(link("h1", "1", 2, "eth0", "device", entity.A("MTU", entity.Int(9000))))
	require.Equal(t, []string{"node_updated"}, ops(cs))
	require.EqualValues(t, 2, cs[0].Node.Revision)

	v := w.g.View()
	require.Equal(t, 2, v.NodeCount())
	require.Equal(t, 1, v.EdgeCount())
	n := v.Node(entity.InterfaceRef("h1", "1", "2").UUID())
	require.Equal(t, int64(9000), n.Attrs.Get("MTU").Int())
	require.Equal(t, entity.TID(entity.HostTID("h1"), "eth0", "device").String(), n.Attrs.Get("TID").Str())
	for e := range v.In(n.Slot) {
		require.Equal(t, entity.Ownership, e.RelationType)
		require.Equal(t, "h1", v.NodeAt(e.ParentSlot).Attrs.Get("Name").Str())
	}

	cs = w.apply(entity.Event{Kind: entity.Delete, Ref: entity.HostRef("h1"), Source: "host"})
	require.Equal(t, []string{"edge_deleted", "node_updated", "node_deleted"}, ops(cs), "the interface loses its TID with its owner")
	require.False(t, cs[1].Node.Attrs.Has("TID"))
	cs = w.apply(func() entity.Event { w.tick(time.Second); return host("h1") }())
	require.Equal(t, []string{"node_added", "edge_added", "node_updated"}, ops(cs), "the edge comes back with its other end")
}

func TestEdgesWaitForBothEnds(t *testing.T) {
	w := newWorld(t)
	a, b := entity.InterfaceRef("h1", "1", "2"), entity.InterfaceRef("h1", "2", "2")
	require.Equal(t, []string{"node_added"}, ops(w.apply(related(link("h1", "1", 2, "a", "veth"), entity.RelPeerOf, b, entity.A("Type", entity.String("veth"))))))
	require.Equal(t, 2, w.g.Stats().Dangling)
	cs := w.apply(related(link("h1", "2", 2, "b", "veth"), entity.RelPeerOf, a, entity.A("Type", entity.String("veth"))))
	require.Equal(t, []string{"node_added", "edge_added"}, ops(cs), "one edge, though both ends assert it")
	require.Equal(t, "veth", cs[1].Edge.Attrs.Get("Type").Str())

	w.tick(time.Second)
	require.Empty(t, w.apply(link("h1", "1", 2, "a", "veth")), "one end stops asserting it, the other goes on")
	require.Equal(t, []string{"edge_deleted"}, ops(w.apply(link("h1", "2", 2, "b", "veth"))))
	require.Equal(t, []string{"node_deleted"}, ops(w.apply(entity.Event{Kind: entity.Delete, Ref: a})))
	require.Equal(t, 1, w.g.Stats().Dangling)
	w.apply(entity.Event{Kind: entity.Delete, Ref: b})
	require.Zero(t, w.g.Stats().Dangling)
	require.Empty(t, w.g.dangling)
}

func TestFacets(t *testing.T) {
	w := newWorld(t)
	ref := entity.InterfaceRef("h1", "1", "2")
	ovs := entity.Event{Ref: ref, Source: "ovsdb", Attributes: entity.Attrs{
		entity.A("Ovs.Options", entity.Map(entity.Attrs{entity.A("key", entity.String("7"))})), entity.A("Name", entity.String("wrong")),
	}}
	w.apply(ovs, link("h1", "1", 2, "eth0", "device"))
	n := w.g.View().Node(ref.UUID())
	require.Equal(t, "netlink,ovsdb", n.Origin)
	require.Equal(t, "eth0", n.Attrs.Get("Name").Str(), "the source that sorts first decides")
	found := ""
	n.Lookup("Ovs.Options.key", func(v entity.Value) bool { found = v.Str(); return false })
	require.Equal(t, "7", found)

	w.tick(time.Second)
	w.apply(entity.Event{Kind: entity.Delete, Ref: ref})
	n = w.g.View().Node(ref.UUID())
	require.Equal(t, "ovsdb", n.Origin)
	require.Equal(t, "wrong", n.Attrs.Get("Name").Str())
	require.False(t, n.Attrs.Has("Type"), "what only the other facet said is gone")
	w.tick(time.Second)
	w.apply(entity.Event{Kind: entity.Delete, Ref: ref, Source: "ovsdb"})
	require.Nil(t, w.g.View().Node(ref.UUID()))
}

func TestReorderedAndDoubled(t *testing.T) {
	w := newWorld(t)
	at := func(d time.Duration, e entity.Event) entity.Event { e.Time = t0.Add(d); return e }
	e1, e2 := link("h1", "1", 2, "old", "veth"), link("h1", "1", 2, "new", "veth")
	w.apply(at(2*time.Second, e2))
	require.Empty(t, w.apply(at(time.Second, e1)), "an older report changes nothing")
	gone := entity.Event{Kind: entity.Delete, Ref: e1.Ref}
	require.Empty(t, w.apply(at(time.Second, gone)), "an older delete neither")
	require.Equal(t, []string{"node_deleted"}, ops(w.apply(at(3*time.Second, gone))))
	require.Empty(t, w.apply(at(2*time.Second, e2)), "a report from before the delete does not bring it back")
	require.Empty(t, w.apply(at(3*time.Second, gone)))
	require.Equal(t, []string{"node_added"}, ops(w.apply(at(4*time.Second, e2))))

	other := link("h1", "1", 3, "x", "veth")
	w.apply(at(9*time.Second, entity.Event{Kind: entity.Delete, Ref: other.Ref}))
	require.Empty(t, w.apply(at(8*time.Second, other)), "a delete may come before the state it ends")
	w.tick(time.Hour)
	w.sweep()
	require.Equal(t, []string{"node_added"}, ops(w.apply(at(8*time.Second, other))), "not remembered for ever")
}

func TestHeartbeatMovesTime(t *testing.T) {
	w := newWorld(t)
	a, b := link("h1", "1", 2, "a", "veth"), link("h1", "1", 2, "b", "veth")
	a.Time = t0
	w.apply(a)
	a.Time = t0.Add(2 * time.Second)
	w.apply(a)
	b.Time = t0.Add(time.Second)
	require.Empty(t, w.apply(b), "older than the last report of the same content")
}

func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	e := link("h1", "1", 2, "a", "veth")
	w.apply(e)
	e = link("h1", "1", 2, "b", "veth")
	e.Time = t0.Add(-time.Hour)
	require.Empty(t, w.apply(e))
	w.tick(2 * time.Minute)
	require.Equal(t, []string{"node_updated"}, ops(w.apply(e)), "after a silence, the source's clock counts anew")
}

func TestStaleAndExpiry(t *testing.T) {
	w := newWorld(t)
	w.apply(host("h1"), link("h1", "1", 2, "a", "veth"))
	w.tick(14 * time.Second)
	require.Empty(t, w.sweep())
	w.tick(2 * time.Second)
	rev := w.g.View().Revision()
	require.ElementsMatch(t, []string{"node_updated", "node_updated", "edge_updated"}, ops(w.sweep()))
	require.Equal(t, rev, w.g.View().Revision(), "a mark is no revision")
	n := w.g.View().Node(entity.InterfaceRef("h1", "1", "2").UUID())
	require.True(t, n.Stale)
	require.EqualValues(t, 1, n.Revision)
	require.Equal(t, 2, w.g.Stats().Stale)

	require.Equal(t, []string{"node_updated", "edge_updated"}, ops(w.apply(link("h1", "1", 2, "a", "veth"))), "a report takes the mark away")
	w.tick(15 * time.Second)
	require.ElementsMatch(t, []string{"node_updated", "edge_updated", "edge_deleted", "node_updated", "node_deleted"}, ops(w.sweep()), "the host expired")
	w.tick(20 * time.Second)
	w.sweep()
	require.Zero(t, w.g.View().NodeCount())
	s := w.g.Stats()
	require.EqualValues(t, 2, s.Expired)
	require.Zero(t, s.Stale)
	require.Zero(t, s.Facets)
}

func TestTouchByFingerprint(t *testing.T) {
	w := newWorld(t)
	e := link("h1", "1", 2, "a", "veth")
	e.Time = t0
	p := w.g.Prepare(&e, 42)
	_, outcome := w.g.Apply(&p, w.now, nil)
	require.Equal(t, Changed, outcome)
	w.tick(16 * time.Second)
	w.sweep()
	hit := make([]bool, 2)
	cs := w.g.Touch([]uint64{41, 42}, []int64{0, w.now.UnixNano()}, hit, w.now, nil)
	require.Equal(t, []bool{false, true}, hit)
	require.Equal(t, []string{"node_updated"}, ops(cs))
	require.False(t, w.g.View().Node(e.Ref.UUID()).Stale)

	e2 := link("h1", "1", 2, "b", "veth")
	e2.Time = w.now.Add(time.Second)
	p = w.g.Prepare(&e2, 43)
	w.g.Apply(&p, w.now, nil)
	hit = make([]bool, 1)
	w.g.Touch([]uint64{42}, []int64{0}, hit, w.now, nil)
	require.False(t, hit[0], "the old form is no longer the state")
}

func TestIndex(t *testing.T) {
	w := newWorld(t)
	long := entity.String(string(make([]byte, 300)))
	w.apply(
		link("h1", "1", 1, "lo", "device", entity.A("IPV4", entity.Strings("127.0.0.1/8", "10.0.0.1/8")), entity.A("MTU", entity.Int(65536))),
		link("h1", "1", 2, "a", "veth", entity.A("IPV4", entity.Strings("10.0.0.1/8")), entity.A("Up", entity.Bool(true))),
		link("h1", "1", 3, "b", "veth", entity.A("Note", long), entity.A("Ovs", entity.Map(entity.Attrs{entity.A("x", entity.Int(1))}))),
	)
	count := func(key string, v entity.Value) int {
		nodes, n := w.g.View().NodesWith(key, v)
		require.Len(t, slices.Collect(nodes), max(n, 0))
		return n
	}
	require.Equal(t, 2, count("Type", entity.String("veth")))
	require.Equal(t, 0, count("Type", entity.String("bond")))
	require.Equal(t, 2, count("IPV4", entity.String("10.0.0.1/8")))
	require.Equal(t, 1, count("MTU", entity.Float(65536)))
	require.Equal(t, 0, count("MTU", entity.Float(65536.5)))
	require.Equal(t, 1, count("Up", entity.Bool(true)))
	require.Equal(t, -1, count("Note", entity.String("x")), "one node's note is too long to be indexed")
	require.Equal(t, -1, count("Name", long))
	require.Equal(t, -1, count("Ovs.x", entity.Int(1)), "leads into a map")
	require.Equal(t, 0, count("Docker.x", entity.Int(1)))
	require.Equal(t, -1, count("@ID", entity.String("x")))
	require.Equal(t, -1, count("Metric.RxBytes", entity.Int(1)))

	w.tick(time.Second)
	w.apply(link("h1", "1", 2, "a", "bond"), entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h1", "1", "3")})
	require.Equal(t, 0, count("Type", entity.String("veth")))
	require.Equal(t, 1, count("Type", entity.String("bond")))
	require.Equal(t, 1, count("IPV4", entity.String("10.0.0.1/8")))
	require.Equal(t, 0, count("Note", entity.String("x")))
	require.Equal(t, 0, count("Ovs.x", entity.Int(1)))
}

func TestMetric(t *testing.T) {
	w := newWorld(t)
	e := link("h1", "1", 2, "a", "veth")
	require.False(t, w.g.SetMetric(e.Ref.UUID(), t0, nil), "unknown node")
	w.apply(e)
	rev := w.g.View().Revision()
	set := func(sec int, rx, tx int64) bool {
		return w.g.SetMetric(e.Ref.UUID(), t0.Add(time.Duration(sec)*time.Second), entity.Attrs{
			entity.A("RxBytes", entity.Int(rx)), entity.A("TxBytes", entity.Int(tx)),
		})
	}
	require.True(t, set(0, 100, 0))
	require.True(t, set(10, 250, 0))
	require.False(t, set(5, 200, 0), "older than what is known")
	n := w.g.View().Node(e.Ref.UUID())
	require.JSONEq(t, `{"RxBytes":250,"Start":1700000000000,"Last":1700000010000}`, n.Metric.Text())
	require.JSONEq(t, `{"RxBytes":150,"Start":1700000000000,"Last":1700000010000}`, n.LastUpdateMetric.Text())
	require.True(t, set(20, 7, 1))
	n = w.g.View().Node(e.Ref.UUID())
	require.JSONEq(t, `{"RxBytes":7,"TxBytes":1,"Start":1700000010000,"Last":1700000020000}`, n.LastUpdateMetric.Text(), "a counter that went back starts anew")
	require.Equal(t, rev, w.g.View().Revision())
	var got entity.Value
	n.Lookup("Metric.RxBytes", func(v entity.Value) bool { got = v; return false })
	require.EqualValues(t, 7, got.Int())
	require.Contains(t, string(n.AppendJSON(nil)), `"LastUpdateMetric":{`)
}

func TestViewDoesNotMove(t *testing.T) {
	w := newWorld(t)
	w.apply(host("h1"))
	for i := range 1000 {
		w.apply(link("h1", "1", i, fmt.Sprintf("eth%d", i), "veth"))
	}
	v := w.g.View()
	require.Same(t, v, w.g.View(), "no change, no new view")
	before := dump(v)
	for i := range 1000 {
		w.tick(time.Second)
		switch i % 3 {
		case 0:
			w.apply(entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h1", "1", fmt.Sprint(i))})
		case 1:
			w.apply(link("h1", "1", i, fmt.Sprintf("new%d", i), "bond"))
		case 2:
			w.apply(link("h1", "2", i, fmt.Sprintf("more%d", i), "veth"))
		}
	}
	require.Equal(t, before, dump(v))
	_, n := v.NodesWith("Type", entity.String("veth"))
	require.Equal(t, 1000, n)
	require.NotEqual(t, before, dump(w.g.View()))
}

func dump(v *View) (out []string) {
	for n := range v.Nodes() {
		out = append(out, string(n.AppendJSON(nil)))
		for e := range v.Out(n.Slot) {
			out = append(out, string(e.AppendJSON(nil)))
		}
	}
	slices.Sort(out)
	return out
}

func TestTIDFollowsNamesAndOwners(t *testing.T) {
	w := newWorld(t)
	ns := entity.Event{
		Ref: entity.NetNSRef("h1", "77", "4"),
		Attributes: entity.Attrs{
			entity.A("Name", entity.String("blue")), entity.A("Type", entity.String("netns")), entity.A("Path", entity.String("/run/netns/blue")),
		},
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef("h1")}},
	}
	in := link("h1", "77", 2, "eth0", "veth")
	in.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: ns.Ref}}
	w.apply(in, ns, host("h1")) // the wrong way round
	tid := func(r entity.Ref) string { return w.g.View().Node(r.UUID()).Attrs.Get("TID").Str() }
	want := entity.TID(entity.TID(entity.HostTID("h1"), "/run/netns/blue", "netns"), "eth0", "veth")
	require.Equal(t, want.String(), tid(in.Ref))
	w.tick(time.Second)
	h := host("h1")
	h.Attributes[0].Value = entity.String("renamed")
	w.apply(h)
	require.Equal(t, entity.TID(entity.TID(entity.HostTID("renamed"), "/run/netns/blue", "netns"), "eth0", "veth").String(), tid(in.Ref))
	w.tick(time.Second)
	in = link("h1", "77", 2, "eth1", "veth")
	in.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: ns.Ref}}
	w.apply(in)
	require.Equal(t, entity.TID(entity.TID(entity.HostTID("renamed"), "/run/netns/blue", "netns"), "eth1", "veth").String(), tid(in.Ref))
}

func TestOwnershipLoopEnds(t *testing.T) {
	w := newWorld(t)
	a, b := entity.InterfaceRef("h1", "1", "1"), entity.InterfaceRef("h1", "1", "2")
	w.apply(host("h1"),
		related(link("h1", "1", 1, "a", "x"), entity.RelPartOf, b),
		related(link("h1", "1", 2, "b", "x"), entity.RelPartOf, a))
	w.tick(time.Second)
	w.apply(entity.Event{Kind: entity.Delete, Ref: entity.HostRef("h1"), Source: "host"})
	require.Equal(t, 2, w.g.View().NodeCount())
}

func TestRestore(t *testing.T) {
	w := newWorld(t)
	w.apply(host("h1"))
	for i := range 50 {
		w.apply(related(link("h1", "1", i, fmt.Sprintf("eth%d", i), "veth"), entity.RelPeerOf, entity.InterfaceRef("h1", "1", fmt.Sprint(i^1))))
		w.apply(entity.Event{Ref: entity.InterfaceRef("h1", "1", fmt.Sprint(i)), Source: "ovsdb", Attributes: entity.Attrs{entity.A("Ovs.Port", entity.Int(int64(i)))}})
	}
	v := w.g.View()
	g := New(DefaultConfig())
	for n := range v.NodeStates() {
		g.RestoreNode(&n, t0.Add(time.Hour))
	}
	g.RestoreHistory(v.NodeStates(), v.EdgeStates(), v.Revision())
	require.Equal(t, dump(v), dump(g.View()))
	require.Equal(t, v.Revision(), g.View().Revision())
	// A source that goes on after the restart changes nothing.
	e := related(link("h1", "1", 3, "eth3", "veth"), entity.RelPeerOf, entity.InterfaceRef("h1", "1", "2"))
	e.Time, e.Source = t0.Add(time.Hour), "netlink"
	e.Attributes = e.Attributes.Normalize()
	p := g.Prepare(&e, 0)
	_, outcome := g.Check(&p, t0.Add(time.Hour), nil)
	require.Equal(t, Unchanged, outcome)
}

func TestHeard(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	a.g.CollectHeard()
	for _, w := range []*world{a, b} {
		w.apply(host("h"), link("h", "1", 1, "eth0", "veth"))
	}
	require.Empty(t, a.g.TakeHeard(), "what is logged needs no telling")
	for range 4 {
		a.tick(5 * time.Second)
		b.now = a.now
		a.apply(host("h"), host("h"), link("h", "1", 1, "eth0", "veth"))
		heard := a.g.TakeHeard()
		require.Len(t, heard, 2)
		require.Empty(t, a.g.TakeHeard())
		b.g.Hear(append(heard, Heard{Source: "nobody"}), b.now, nil)
	}
	require.Empty(t, b.sweep(), "what another replica heard is not overdue")
	a.tick(16 * time.Second)
	b.now = a.now
	require.Len(t, b.sweep(), 3, "node, node and edge are stale")
	a.apply(host("h"))
	a.apply(host("h"), link("h", "1", 1, "eth1", "veth"))
	a.apply(entity.Event{Kind: entity.Delete, Ref: entity.HostRef("h"), Source: "host"})
	require.Empty(t, a.g.TakeHeard(), "of what is gone nothing is told")
}

// TestGuests has a rule speak of an entity that it does not own.
func TestGuests(t *testing.T) {
	w := newWorld(t)
	rule := func(key, value string) entity.Event {
		e := link("h", "1", 1, "", "")
		e.Source, e.Interval, e.Attributes = "rule.r1", 0, entity.Attrs{entity.A(key, entity.String(value))}
		e.Relationships = []entity.Relationship{{Type: "uses", Target: entity.HostRef("h")}}
		return e
	}
	require.Empty(t, w.apply(rule("Owner", "a")), "there is nothing to add to")
	w.apply(host("h"), link("h", "1", 1, "eth0", "veth"))
	require.NotEmpty(t, w.apply(rule("Owner", "a")))
	n := w.g.View().Node(entity.InterfaceRef("h", "1", "1").UUID())
	require.Equal(t, "a", n.Attrs.Get("Owner").Str())
	require.Equal(t, 2, w.g.View().EdgeCount())
	w.apply(rule("Name", "mine"))
	n = w.g.View().Node(n.ID)
	require.Equal(t, "eth0", n.Attrs.Get("Name").Str(), "its own source stands")
	require.True(t, n.Attrs.Get("Owner").IsZero())

	w.tick(time.Second)
	gone := entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h", "1", "1")}
	ops := map[Op]int{}
	for _, c := range w.apply(gone) {
		ops[c.Op]++
	}
	require.Equal(t, map[Op]int{EdgeDeleted: 2, NodeDeleted: 1}, ops, "a guest does not keep it")
	require.Equal(t, 1, w.g.Stats().Facets)
	require.Zero(t, w.g.Stats().Dangling)
}

// TestVersion: states of one graph have different versions, also when it was
// emptied in between.
func TestVersion(t *testing.T) {
	w := newWorld(t)
	seen := map[uint64]bool{}
	look := func() {
		v := w.g.View().Version()
		require.NotZero(t, v)
		require.False(t, seen[v], "version %d again", v)
		require.Equal(t, v, w.g.View().Version(), "the same state")
		seen[v] = true
	}
	for range 3 {
		look()
		w.apply(host("h"))
		look()
		w.g.Reset()
	}
}
