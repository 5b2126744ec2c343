package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/fabric"
	"github.com/skein-net/skein/topologyd/graph"
)

const (
	hostA  = `{"Name":"a","Type":"host"}`
	eth0   = `{"Name":"eth0","Type":"device"}`
	eth1   = `{"Name":"eth1","Type":"device"}`
	ownsE0 = `a -ownership-> eth0 {}`
	ownsE1 = `a -ownership-> eth1 {}`
)

// TestNodeRuleCreate, and the two that follow, are those of Skydive.
func TestNodeRuleCreate(t *testing.T) {
	w := newWorld(t, quick())
	w.report(host("a"))
	w.define(KindNodeRule, "net", &NodeRule{Action: ActionCreate, Metadata: text("Name", "internet", "Type", "cloud")})
	w.shows(hostA, `{"Name":"internet","Type":"cloud"}`)
	require.Equal(t, "rule.net", w.graph.View().Node(Ref("net").UUID()).Origin)
	_, err := w.defs.Replace(t.Context(), &definition.Definition{Kind: KindNodeRule, ID: "net", Spec: &NodeRule{Action: ActionCreate, Metadata: text("Name", "wan", "Type", "cloud")}})
	require.NoError(t, err)
	w.shows(hostA, `{"Name":"wan","Type":"cloud"}`)
	w.remove(KindNodeRule, "net")
	w.shows(hostA)
}

func TestNodeRuleUpdate(t *testing.T) {
	w := newWorld(t, quick())
	w.report(host("a"))
	w.report(link("a", 0))
	w.define(KindNodeRule, "own", &NodeRule{Action: ActionUpdate, Query: "G.V().Has('Type','device')", Metadata: text("Owner", "netops")})
	w.shows(hostA, `{"Name":"eth0","Owner":"netops","Type":"device"}`, ownsE0)
	w.report(link("a", 1))
	w.shows(hostA, `{"Name":"eth0","Owner":"netops","Type":"device"}`, ownsE0, `{"Name":"eth1","Owner":"netops","Type":"device"}`, ownsE1)
	w.eventually("status", func(*graph.View) bool { return w.status(KindNodeRule, "own").Matched == 2 })
	s := w.status(KindNodeRule, "own")
	require.Equal(t, StateApplied, s.State)
	require.Empty(t, s.Error)
	require.NotZero(t, s.Revision)
	w.report(gone(link("a", 1)))
	w.shows(hostA, `{"Name":"eth0","Owner":"netops","Type":"device"}`, ownsE0)
	w.remove(KindNodeRule, "own")
	w.shows(hostA, eth0, ownsE0)
}

func TestEdgeRuleCreate(t *testing.T) {
	w := newWorld(t, quick())
	w.report(host("a"))
	w.report(link("a", 0))
	w.report(link("a", 1))
	w.define(KindEdgeRule, "join", &EdgeRule{Source: "G.V().Has('Name','eth0')", Destination: "G.V().Has('Type','device')",
		Metadata: text("RelationType", "layer2", "Type", "cable")})
	w.shows(hostA, eth0, eth1, ownsE0, ownsE1, `eth0 -layer2-> eth1 {"Type":"cable"}`)
	w.eventually("status", func(*graph.View) bool {
		s := w.status(KindEdgeRule, "join")
		return s.Matched == 1 && s.Destinations == 2 && s.Edges == 1
	})
	w.report(gone(link("a", 1)))
	w.shows(hostA, eth0, ownsE0)
	w.report(link("a", 1))
	w.shows(hostA, eth0, eth1, ownsE0, ownsE1, `eth0 -layer2-> eth1 {"Type":"cable"}`)
	w.remove(KindEdgeRule, "join")
	w.shows(hostA, eth0, eth1, ownsE0, ownsE1)
}

func TestRulesOnRules(t *testing.T) {
	w := newWorld(t, quick(), Configured([]string{"TOR --> *[Type=host]", "oops ->", "# none"}))
	w.report(host("a"))
	w.define(KindNodeRule, "net", &NodeRule{Action: ActionCreate, Metadata: text("Name", "net", "Type", "cloud")})
	w.define(KindNodeRule, "mark", &NodeRule{Action: ActionUpdate, Query: "G.V().HasEither('Type','cloud','Probe','fabric')", Metadata: text("Mark", "1")})
	w.define(KindEdgeRule, "up", &EdgeRule{Source: "G.V().Has('Mark','1').Has('Type','cloud')", Destination: "G.V().Has('Mark','1').Has('Probe','fabric')", Metadata: text("RelationType", "uplink")})
	w.shows(hostA, `{"Mark":"1","Name":"net","Type":"cloud"}`, `{"Mark":"1","Name":"TOR","Probe":"fabric","Type":"device"}`,
		`TOR -layer2-> a {"Type":"fabric"}`, `net -uplink-> TOR {}`)
	require.Contains(t, w.status(KindFabric, ConfiguredID).Error, "line 2, column 8: found the end of the line")
	// The node's rule goes: what others say of it does not keep it.
	w.remove(KindNodeRule, "net")
	w.shows(hostA, `{"Mark":"1","Name":"TOR","Probe":"fabric","Type":"device"}`, `TOR -layer2-> a {"Type":"fabric"}`)
	w.define(KindFabric, "more", &fabric.Spec{Lines: []string{"TOR[Vendor=x] -> P"}})
	w.shows(hostA, `{"Mark":"1","Name":"TOR","Probe":"fabric","Type":"device","Vendor":"x"}`, `{"Mark":"1","Name":"P","Probe":"fabric","Type":"device"}`,
		`TOR -layer2-> a {"Type":"fabric"}`, `TOR -layer2-> P {"Type":"fabric"}`, `TOR -ownership-> P {}`)
	w.remove(KindFabric, "more")
	w.remove(KindNodeRule, "mark")
	w.shows(hostA, `{"Name":"TOR","Probe":"fabric","Type":"device"}`, `TOR -layer2-> a {"Type":"fabric"}`)
}

// TestNoGhosts: two rules that match each other's metadata do not keep a node
// that its source deleted.
func TestNoGhosts(t *testing.T) {
	w := newWorld(t, quick())
	w.report(host("a"))
	w.report(link("a", 0))
	w.define(KindNodeRule, "x", &NodeRule{Action: ActionUpdate, Query: "G.V().Has('Name','eth0')", Metadata: text("X", "1")})
	w.define(KindNodeRule, "y", &NodeRule{Action: ActionUpdate, Query: "G.V().Has('X','1')", Metadata: text("Y", "1")})
	w.define(KindNodeRule, "z", &NodeRule{Action: ActionUpdate, Query: "G.V().Has('Y','1')", Metadata: text("Z", "1")})
	w.shows(hostA, ownsE0, `{"Name":"eth0","Type":"device","X":"1","Y":"1","Z":"1"}`)
	w.report(gone(link("a", 0)))
	w.shows(hostA)
}

func TestOrphansAndLeading(t *testing.T) {
	w := newWorld(t, quick())
	w.report(host("a"))
	w.define(KindNodeRule, "net", &NodeRule{Action: ActionCreate, Metadata: text("Name", "net", "Type", "cloud")})
	w.define(KindNodeRule, "mark", &NodeRule{Action: ActionUpdate, Query: "G.V()", Metadata: text("Mark", "1")})
	marked := []string{`{"Mark":"1","Name":"a","Type":"host"}`, `{"Mark":"1","Name":"net","Type":"cloud"}`}
	w.shows(marked...)
	w.leads.Store(false)
	w.eventually("follower", func(*graph.View) bool { return w.status(KindNodeRule, "net").State == StateFollower })
	w.remove(KindNodeRule, "net")
	w.define(KindNodeRule, "late", &NodeRule{Action: ActionCreate, Metadata: text("Name", "late", "Type", "cloud")})
	w.shows(marked...)
	w.close()
	// Another daemon takes over; of the rule it never knew anything.
	w.kv.Remove(KindNodeRule + ".mark")
	w.open(quick())
	w.leads.Store(true)
	w.shows(hostA, `{"Name":"late","Type":"cloud"}`)
}

func TestUnreadableDefinitionIsLeftAlone(t *testing.T) {
	w := newWorld(t, quick())
	w.report(host("a"))
	w.define(KindNodeRule, "mark", &NodeRule{Action: ActionUpdate, Query: "G.V()", Metadata: text("Mark", "1")})
	w.define(KindNodeRule, "net", &NodeRule{Action: ActionCreate, Metadata: text("Name", "net", "Type", "cloud")})
	marked := []string{`{"Mark":"1","Name":"a","Type":"host"}`, `{"Mark":"1","Name":"net","Type":"cloud"}`}
	w.shows(marked...)
	w.kv.Put(KindNodeRule+".mark", []byte(`{"version":2}`))
	w.kv.Put(KindNodeRule+".net", []byte(`{"version":2}`))
	w.eventually("the problem is told", func(*graph.View) bool {
		s := w.status(KindNodeRule, "net")
		return s.State == StateFailed && s.Failed != nil
	})
	require.Contains(t, w.status(KindNodeRule, "net").Error, "update the daemon")
	w.report(host("b"))
	w.define(KindNodeRule, "other", &NodeRule{Action: ActionCreate, Metadata: text("Name", "other", "Type", "cloud")})
	w.shows(append(marked, `{"Name":"b","Type":"host"}`, `{"Name":"other","Type":"cloud"}`)...)
	w.remove(KindNodeRule, "mark")
	w.remove(KindNodeRule, "net")
	w.shows(hostA, `{"Name":"b","Type":"host"}`, `{"Name":"other","Type":"cloud"}`)
}

func TestLimitsKeepWhatIs(t *testing.T) {
	cfg := quick()
	cfg.MaxNodes, cfg.MaxEdges = 3, 4
	w := newWorld(t, cfg)
	for i := range 2 {
		w.report(host(fmt.Sprint("h", i)))
	}
	w.define(KindNodeRule, "mark", &NodeRule{Action: ActionUpdate, Query: "G.V().Has('Type','host')", Metadata: text("Mark", "1")})
	w.define(KindEdgeRule, "mesh", &EdgeRule{Source: "G.V().Has('Type','host')", Destination: "G.V().Has('Type','host')", Metadata: text("RelationType", "mesh")})
	two := []string{`{"Mark":"1","Name":"h0","Type":"host"}`, `{"Mark":"1","Name":"h1","Type":"host"}`, `h0 -mesh-> h1 {}`, `h1 -mesh-> h0 {}`}
	w.shows(two...)
	for i := range 2 {
		w.report(host(fmt.Sprint("i", i)))
	}
	w.eventually("both fail", func(*graph.View) bool {
		return w.status(KindNodeRule, "mark").State == StateFailed && w.status(KindEdgeRule, "mesh").State == StateFailed
	})
	require.Contains(t, w.status(KindNodeRule, "mark").Error, "query: it finds more than 3 nodes; narrow it with Has")
	w.report(gone(host("i1")))
	w.eventually("edges", func(*graph.View) bool {
		return w.status(KindNodeRule, "mark").State == StateApplied && w.status(KindEdgeRule, "mesh").State == StateFailed
	})
	require.Contains(t, w.status(KindEdgeRule, "mesh").Error, "3 nodes joined to 3 are 9 edges, more than 4")
	w.shows(append(two, `{"Mark":"1","Name":"i0","Type":"host"}`)...)
}

func TestRefusedIsTriedAgain(t *testing.T) {
	w := newWorld(t, quick())
	w.refuseAll(errors.New("the log is full"))
	w.define(KindNodeRule, "net", &NodeRule{Action: ActionCreate, Metadata: text("Name", "net", "Type", "cloud")})
	w.eventually("told", func(*graph.View) bool { return w.status(KindNodeRule, "net").State == StateFailed })
	require.Equal(t, "the log is full", w.status(KindNodeRule, "net").Error)
	w.refuseAll(nil)
	w.shows(`{"Name":"net","Type":"cloud"}`)
	w.eventually("well again", func(*graph.View) bool { return w.status(KindNodeRule, "net").State == StateApplied })
}

// TestOscillation: a rule that unmakes what it matches is held, and let go when
// it is mended.
func TestOscillation(t *testing.T) {
	cfg := quick()
	cfg.FlapLimit, cfg.HoldMin, cfg.HoldMax = 3, time.Hour, time.Hour
	w := newWorld(t, cfg)
	w.report(host("a"))
	w.define(KindNodeRule, "odd", &NodeRule{Action: ActionUpdate, Query: "G.V().HasNot('Mark')", Metadata: text("Mark", "1")})
	w.eventually("held", func(*graph.View) bool { return w.status(KindNodeRule, "odd").Held == 1 })
	require.Equal(t, StateHeld, w.status(KindNodeRule, "odd").State)
	require.Contains(t, w.status(KindNodeRule, "odd").Error, "does it change what its query finds?")
	n := w.graph.View().Node(entity.HostRef("a").UUID())
	require.LessOrEqual(t, n.Revision, uint64(10))
	w.report(gone(host("a")))
	w.shows()
	w.report(host("a"))
	_, err := w.defs.Replace(t.Context(), &definition.Definition{Kind: KindNodeRule, ID: "odd", Spec: &NodeRule{Action: ActionUpdate, Query: "G.V()", Metadata: text("Mark", "2")}})
	require.NoError(t, err)
	w.shows(`{"Mark":"2","Name":"a","Type":"host"}`)
	w.remove(KindNodeRule, "odd")
	w.shows(hostA)
}

func TestDampingBacksOff(t *testing.T) {
	cfg := Config{FlapLimit: 2, FlapWindow: time.Minute, HoldMin: 10 * time.Second, HoldMax: 25 * time.Second}
	p := newDamping(cfg)
	k := key{source: "rule.a"}
	on, off := &step{key: k, from: 0, to: 7}, &step{key: k, from: 7, to: 0}
	now := time.Unix(1000, 0)
	for _, s := range []*step{on, off, on} { // comes back twice
		_, held := p.holds(s, now)
		require.False(t, held)
	}
	for _, want := range []time.Duration{10, 20, 25, 25} {
		until, held := p.holds(off, now)
		require.True(t, held)
		require.Equal(t, want*time.Second, until.Sub(now))
		_, held = p.holds(&step{key: k, from: 7, to: 9}, now)
		require.True(t, held, "nothing else is done either")
		_, held = p.holds(&step{key: k, sure: true}, now)
		require.False(t, held)
		now = until
		for _, s := range []*step{off, on} {
			_, held = p.holds(s, now)
			require.False(t, held)
		}
	}
	p.begin(&definitions{nodes: []*definition.Definition{{ID: "a", Revision: 1}}}, now)
	require.Empty(t, p.facet, "the definition changed")
	p.holds(on, now)
	p.begin(&definitions{nodes: []*definition.Definition{{ID: "a", Revision: 1}}}, now)
	require.Len(t, p.facet, 1)
	p.begin(&definitions{nodes: []*definition.Definition{{ID: "a", Revision: 1}}}, now.Add(time.Hour))
	require.Empty(t, p.facet, "long ago")

	for i := range uint64(1000) { // what grows, shrinks or just changes is not held
		_, held := p.holds(&step{key: k, from: i, to: i + 1}, now)
		require.False(t, held)
	}
	for i := range uint64(100) { // nor what comes back now and then
		_, held := p.holds(&step{key: k, from: i % 2, to: (i + 1) % 2}, now)
		require.False(t, held)
		now = now.Add(2 * time.Minute)
	}
}

// TestNotBeforeDefinitionsAreRead: without them all that rules made would be
// taken for orphans.
func TestNotBeforeDefinitionsAreRead(t *testing.T) {
	w := newWorld(t, quick())
	w.report(host("a"))
	w.define(KindNodeRule, "mark", &NodeRule{Action: ActionUpdate, Query: "G.V()", Metadata: text("Mark", "1")})
	w.shows(`{"Mark":"1","Name":"a","Type":"host"}`)
	w.close()
	before := w.batches

	var asked atomic.Int64
	gate := make(chan struct{})
	log := slog.New(slog.DiscardHandler)
	defs, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: w.leads.Load, Now: time.Now}, Kinds())
	require.NoError(t, err)
	defs.Begin(func(ctx context.Context) (definition.KV, error) {
		select {
		case <-gate:
		case <-ctx.Done():
		}
		return w.kv, nil
	})
	defer defs.Stop()
	m, err := New(quick(), Deps{
		Definitions: defs, View: w.graph.View, Log: log, Registerer: prometheus.NewRegistry(), Submit: w.submit,
		Subscribe: func() (Changes, error) { return w.subscribe(), nil },
		Leads:     func() bool { asked.Add(1); return true },
	})
	require.NoError(t, err)
	m.Start()
	defer m.Stop()
	w.eventually("it leads for a while", func(*graph.View) bool { return asked.Load() > 10 })
	require.Equal(t, before, w.batches)
	close(gate)
	w.eventually("it is applied", func(*graph.View) bool {
		d, err := defs.Get(KindNodeRule, "mark")
		return err == nil && m.Status(d).State == StateApplied
	})
	require.Equal(t, before, w.batches, "there was nothing to do")
}
