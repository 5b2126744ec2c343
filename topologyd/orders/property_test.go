package orders

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// chaos is a world in which anything happens, in random order.
type chaos struct {
	*world
	*rand.Rand
	online map[string]*fakeHost
	// replaced are those for which another one came: it may have been let in first.
	replaced []*fakeHost
}

var (
	chaosHosts   = []string{"a", "b", "c"}
	chaosQueries = []string{
		veths, "G.V().Has('Type','device')", "G.V().Has('Type',Within('veth','device'))", "G.V().Has('Name','veth3')", "G.V().Has('Type','host').Out()",
		"G.V().Has('State','UP')", "G.V().Has('Type','host')", "G.V().Has('Name','a.example').Out().Has('Type','veth')", "G.V().Has('Type','veth').Limit(2)", "G.V()",
		"G.V().Has('Captures.Name','cap-d1')",
	}
)

func (c *chaos) pick(list []string) string { return list[c.IntN(len(list))] }

func (c *chaos) link() entity.Event {
	return link(c.pick(chaosHosts), c.IntN(4)+1, c.pick([]string{"veth", "device", "bridge"}), "State", c.pick([]string{"UP", "DOWN"}))
}

// step has one thing happen.
func (c *chaos) step() {
	id := fmt.Sprint("d", c.IntN(4))
	switch c.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		c.report(c.link())
	case 6, 7, 8:
		c.report(gone(c.link()))
	case 9:
		c.report(hostNode(c.pick(chaosHosts)))
	case 10:
		e := c.link()
		c.report(gone(e), e)
	case 11, 12, 13:
		if _, err := c.defs.Get(capture.Kind, id); err != nil {
			c.define(id, c.pick(chaosQueries), filter(c.pick([]string{"", "tcp", "udp"})))
		} else {
			c.redefine(id, c.pick(chaosQueries), filter(c.pick([]string{"", "tcp", "udp"})))
		}
	case 14:
		if _, err := c.defs.Get(capture.Kind, id); err == nil {
			c.remove(id)
		}
	case 15, 16:
		host := c.pick(chaosHosts)
		if h := c.online[host]; h != nil && c.IntN(3) > 0 {
			h.close()
			delete(c.online, host)
			return
		}
		if h := c.online[host]; h != nil {
			c.replaced = append(c.replaced, h)
		}
		c.leads.Store(true)
		seed := c.Uint64()
		c.online[host] = c.connect(host, func(h *fakeHost) {
			r := rand.New(rand.NewPCG(seed, 1))            //nolint:gosec // a test
			h.lose = func() bool { return r.IntN(3) == 0 } // guarded by the host's mutex
		})
	case 17, 18:
		if h := c.online[c.pick(chaosHosts)]; h != nil {
			s := order.CaptureState{State: c.pick([]string{order.StateRunning, order.StateFailed}), Error: c.pick([]string{"", "it is down"})}
			for range c.IntN(2) + 1 { // twice, perhaps
				h.set(id, func(x *order.CaptureState) { x.State, x.Error, x.Packets = s.State, s.Error, x.Packets+1 })
			}
		}
	case 19:
		c.leads.Store(c.IntN(2) == 0)
	}
}

// quiet ends all that is random, and has the hosts that are there say once more
// how they do.
func (c *chaos) quiet() {
	c.leads.Store(true)
	for _, h := range c.replaced {
		h.close()
	}
	c.replaced = nil
	for _, h := range c.online {
		h.mu.Lock()
		h.lose = nil
		h.mu.Unlock()
		h.whole()
	}
}

// revive has the hosts connect again whose session the daemon ended.
func (c *chaos) revive() {
	for _, host := range slices.Sorted(maps.Keys(c.online)) {
		h := c.online[host]
		select {
		case <-h.done:
			c.online[host] = c.connect(host, func(n *fakeHost) { n.states = h.states })
		default:
		}
	}
}

// naive works out what each host is to do by running each query once.
func (c *chaos) naive() (lists map[string][]string, nodes map[string][]string) {
	v := c.graph.View()
	lists, nodes = make(map[string][]string), make(map[string][]string)
	for _, d := range c.defs.List(capture.Kind) {
		s, _ := d.Spec.(*capture.Spec)
		q, err := gremlin.Parse(s.Query)
		require.NoError(c.t, err)
		r, err := q.Run(c.t.Context(), v, gremlin.DefaultLimits())
		require.NoError(c.t, err)
		for n := range r.Nodes() {
			nodes[n.ID.String()] = append(nodes[n.ID.String()], d.ID)
			if !n.Attrs.Get("IfIndex").IsZero() {
				lists[n.Host] = append(lists[n.Host], fmt.Sprint(order.CaptureID(d.ID, n.ID.String()), " ", d.Revision, " ", s.Filter, " ", n.Attrs.Get("Name").Str()))
			}
		}
	}
	for _, l := range lists {
		slices.Sort(l)
	}
	for _, l := range nodes {
		slices.Sort(l)
	}
	return lists, nodes
}

// wrong tells what is not as it should be, "" when all is.
func (c *chaos) wrong() string {
	if c.revive(); c.manager.term.Load() == nil {
		return "nobody leads"
	}
	lists, nodes := c.naive()
	said := make(map[string]order.CaptureState)
	for _, host := range slices.Sorted(maps.Keys(c.online)) {
		h := c.online[host]
		h.mu.Lock()
		var got []string
		if h.list != nil {
			for i := range h.list.Captures {
				x := &h.list.Captures[i]
				got = append(got, fmt.Sprint(x.ID, " ", x.Revision, " ", x.Filter, " ", x.Node.Interface))
			}
		}
		maps.Copy(said, h.states)
		none := h.list == nil
		h.mu.Unlock()
		slices.Sort(got)
		if none || !slices.Equal(got, lists[host]) {
			return fmt.Sprintf("host %s has\n%s\ninstead of\n%s", host, strings.Join(got, "\n"), strings.Join(lists[host], "\n"))
		}
	}
	for n := range c.graph.View().Nodes() {
		var ids []string
		for _, v := range n.Attrs.Get(entity.KeyCaptures).List() {
			m := v.Map()
			ids = append(ids, m.Get("ID").Str())
			got := []any{m.Get("State").Str(), m.Get("Error").Str(), m.Get("Packets").Int()}
			s, some := said[order.CaptureID(m.Get("ID").Str(), n.ID.String())]
			want := []any{s.State, s.Error, s.Packets}
			switch {
			case n.Attrs.Get("IfIndex").IsZero():
				want = []any{order.StateRefused, got[1], int64(0)}
			case !some:
				want = []any{order.StateWaiting, got[1], got[2]}
			}
			if fmt.Sprint(got...) != fmt.Sprint(want...) {
				return fmt.Sprintf("node %s of %s says %v of %s, not %v", n.Attrs.Get("Name").Str(), n.Host, got, m.Get("ID").Str(), want)
			}
		}
		if !slices.Equal(ids, nodes[n.ID.String()]) {
			return fmt.Sprintf("node %s of %s says %v, not %v", n.Attrs.Get("Name").Str(), n.Host, ids, nodes[n.ID.String()])
		}
	}
	return ""
}

// TestProperty has anything happen; after it, hosts do what a run of each query
// says, and nodes say what hosts said.
func TestProperty(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cfg := quick()
			if seed%2 == 1 {
				cfg.Debounce = 0
			}
			c := &chaos{world: newWorld(t, cfg), Rand: rand.New(rand.NewPCG(seed, 7)), online: make(map[string]*fakeHost)} //nolint:gosec // a test
			for range 5 {
				for range 60 {
					c.step()
				}
				if c.IntN(3) == 0 {
					c.restart(nil)
				}
				c.quiet()
				eventually(t, "all is as it should be", func() bool { return c.wrong() == "" }, func() any { return c.wrong() })
				c.consistent()
			}
		})
	}
}

// consistent checks what is counted against what is there.
func (c *chaos) consistent() {
	c.t.Helper()
	m := c.manager.term.Load()
	require.NotNil(c.t, m)
	m.mu.Lock()
	defer m.mu.Unlock()
	var all tally
	plans, hosts := make(map[*plan]*tally), make(map[*host]*tally)
	total := 0
	for id, p := range m.places {
		require.Equal(c.t, id, p.id)
		holders := 0
		for _, q := range m.queries {
			if q.nodes[id] == p {
				holders++
			}
		}
		require.Equal(c.t, holders, p.holders)
		for _, a := range p.list {
			total++
			all.add(a.state, 1)
			if plans[a.plan] == nil {
				plans[a.plan] = &tally{}
			}
			plans[a.plan].add(a.state, 1)
			if hosts[p.host] == nil {
				hosts[p.host] = &tally{}
			}
			hosts[p.host].add(a.state, 1)
			require.Same(c.t, a.plan, m.plans[a.plan.id])
		}
	}
	show := func(t *tally) string {
		if t == nil {
			t = &tally{}
		}
		b, err := json.Marshal([]any{t.waiting, t.starting, t.running, t.failed, t.refused, t.packets, t.bytes, t.dropped})
		require.NoError(c.t, err)
		return string(b)
	}
	require.Equal(c.t, total, m.total)
	require.Equal(c.t, show(&all), show(&m.states))
	for _, p := range m.plans {
		require.Equal(c.t, show(plans[p]), show(&p.tally), p.id)
	}
	for _, h := range m.hosts {
		require.Equal(c.t, show(hosts[h]), show(&h.tally), h.id)
	}
}
