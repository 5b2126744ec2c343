package orders

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkChange is the cost of one interface that appears, and goes, where 100
// captures of different queries match 10,000 nodes each: following, assigning,
// giving the host its new list, its answer, and writing it onto the node.
func BenchmarkChange(b *testing.B) {
	cfg := quick()
	cfg.Debounce, cfg.Recheck, cfg.LeadCheck, cfg.CountersEvery = 0, time.Minute, 250*time.Millisecond, time.Minute
	w := newWorld(b, cfg)
	const hosts, each = 1000, 10
	for h := range hosts {
		name := fmt.Sprint("h", h)
		w.report(hostNode(name))
		for i := range each {
			if h == 0 && i == each-1 {
				break // the one that comes and goes
			}
			w.report(link(name, i+1, "veth"))
		}
	}
	const captures = 100
	for i := range captures {
		w.define(fmt.Sprint("c", i), fmt.Sprintf("G.V().Has('Type',Within('veth','none%d'))", i))
	}
	eventually(b, "all are matched", func() bool {
		for i := range captures {
			if w.status(fmt.Sprint("c", i)).Matched != hosts*each-1 {
				return false
			}
		}
		return true
	}, func() any { return w.status("c0") })
	host := w.connect("h0")
	n := func() int {
		host.mu.Lock()
		defer host.mu.Unlock()
		if host.list == nil {
			return 0
		}
		return len(host.list.Captures)
	}
	e := link("h0", each, "veth")
	wait := func(want int, shows bool) {
		eventually(b, "it is followed", func() bool { return n() == want && w.captures(e).IsZero() != shows }, func() any { return n() })
	}
	comeAndGo := func() {
		w.report(e)
		wait(captures*each, true)
		w.report(gone(e))
		wait(captures*(each-1), false)
	}
	wait(captures*(each-1), false)
	eventually(b, "all nodes are written", func() bool {
		t := w.manager.term.Load()
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.settled && len(t.urgent) == 0
	}, func() any { return w.written() })
	comeAndGo()
	for b.Loop() {
		comeAndGo()
	}
}

// BenchmarkStates is a host's report on 1000 captures.
func BenchmarkStates(b *testing.B) {
	w := newWorld(b, quick())
	w.report(hostNode("a"))
	for i := range 1000 {
		w.report(link("a", i+1, "veth"))
	}
	w.define("one", veths)
	h := w.connect("a")
	eventually(b, "all run", func() bool { return w.status("one").Running == 1000 }, func() any { return w.status("one") })
	h.close()
	t := w.manager.term.Load()
	s := &session{term: t}
	t.mu.Lock()
	s.host = t.hosts["a"]
	s.host.session = s
	s.ctx, s.cancel = t.ctx, t.cancel
	t.mu.Unlock()
	state := stateOf(h)
	b.ReportAllocs()
	for b.Loop() {
		for i := range state.Captures {
			state.Captures[i].Packets++
		}
		t.report(s, state)
	}
	t.mu.Lock()
	s.host.session = nil
	t.mu.Unlock()
}
