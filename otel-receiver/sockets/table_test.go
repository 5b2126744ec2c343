package sockets

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

const (
	ns1 = 4026531841
	ns2 = 4026531842
	sec = int64(1e9)
)

func told(k kind, netns uint32, protocol uint8, local string, lport uint16, remote string, rport uint16) *event {
	return &event{kind: k, netns: netns, tuple: tuple{ip(local), ip(remote), lport, rport, protocol}}
}

func flow(protocol string, a string, pa uint16, b string, pb uint16) *flowrecord.Record {
	return &flowrecord.Record{
		TransportProtocol: protocol,
		NetworkA:          netip.MustParseAddr(a), NetworkB: netip.MustParseAddr(b),
		TransportA: pa, TransportB: pb,
		Metric: flowrecord.Metric{Start: time.Now().Add(-time.Second).UnixNano()},
	}
}

// who annotates a flow that began at a time and gives the ends.
func who(t *Table, netns uint64, start int64, protocol string, a string, pa uint16, b string, pb uint16) string {
	r := flow(protocol, a, pa, b, pb)
	r.Metric.Start = start
	t.AnnotateIn(r, netns)
	end := func(p flowrecord.Process) string {
		if p == (flowrecord.Process{}) {
			return "-"
		}
		return fmt.Sprintf("%s/%d@%d", p.Name, p.PID, p.NetNS%100)
	}
	return end(r.ProcessA) + " " + end(r.ProcessB)
}

func is(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, not %q", what, got, want)
	}
}

func TestConnections(t *testing.T) {
	table := New(DefaultConfig(), nil)
	curl, nginx, worker := &process{pid: 5, name: "curl"}, &process{pid: 6, name: "nginx"}, &process{pid: 7, name: "worker"}
	table.apply(told(kindListening, ns2, 6, "::", 80, "::", 0), nginx, sec)
	table.apply(told(kindConnected, ns1, 6, "10.0.0.1", 4000, "10.0.0.2", 80), curl, 2*sec)
	table.apply(told(kindAccepted, ns2, 6, "10.0.0.2", 80, "10.0.0.1", 4000), nil, 2*sec)
	is(t, "connected", who(table, 0, 2*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "curl/5@41 nginx/6@42")
	is(t, "the other way", who(table, 0, 2*sec, "TCP", "10.0.0.2", 80, "10.0.0.1", 4000), "nginx/6@42 curl/5@41")
	is(t, "another protocol", who(table, 0, 2*sec, "UDP", "10.0.0.1", 4000, "10.0.0.2", 80), "- -")
	is(t, "no protocol", who(table, 0, 2*sec, "SCTP", "10.0.0.1", 4000, "10.0.0.2", 80), "- -")
	is(t, "another port", who(table, 0, 2*sec, "TCP", "10.0.0.1", 4001, "10.0.0.2", 80), "- -")

	// Who closes has it.
	table.apply(told(kindOwned, ns2, 6, "10.0.0.2", 80, "10.0.0.1", 4000), worker, 3*sec)
	table.apply(told(kindClosed, ns2, 6, "10.0.0.2", 80, "10.0.0.1", 4000), nil, 4*sec)
	table.apply(told(kindClosed, ns1, 6, "10.0.0.1", 4000, "10.0.0.2", 80), nil, 4*sec)
	is(t, "closed", who(table, 0, 2*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "curl/5@41 worker/7@42")
	is(t, "a later flow", who(table, 0, 20*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "- -")

	// The same port again.
	table.apply(told(kindConnected, ns1, 6, "10.0.0.1", 4000, "10.0.0.2", 80), worker, 20*sec)
	is(t, "again", who(table, 0, 20*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "worker/7@41 -")
	// What closes that nobody knows of is nothing new.
	table.apply(told(kindClosed, ns1, 6, "10.0.0.1", 4999, "10.0.0.2", 80), nil, 21*sec)
	if s := table.Stats(); s.Connections != 2 || s.Listeners != 1 || s.Ambiguous != 0 || s.Found == 0 || s.Missed == 0 {
		t.Errorf("%+v", s)
	}
	table.sweep(nil, true, 10*sec)
	if s := table.Stats(); s.Connections != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNamespaces(t *testing.T) {
	table := New(DefaultConfig(), nil)
	a, b := &process{pid: 5, name: "a"}, &process{pid: 6, name: "b"}
	table.apply(told(kindConnected, ns1, 6, "10.0.0.1", 4000, "10.0.0.2", 80), a, sec)
	table.apply(told(kindConnected, ns2, 6, "10.0.0.1", 4000, "10.0.0.2", 80), b, sec)
	is(t, "either", who(table, 0, sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "- -")
	if n := table.Stats().Ambiguous; n != 1 {
		t.Errorf("ambiguous: %d", n)
	}
	is(t, "the first", who(table, ns1, sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "a/5@41 -")
	is(t, "the second", who(table, ns2, sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "b/6@42 -")
	// One of them ended before the flow began.
	table.apply(told(kindClosed, ns1, 6, "10.0.0.1", 4000, "10.0.0.2", 80), nil, 2*sec)
	is(t, "who is left", who(table, 0, 30*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "b/6@42 -")
}

func TestListening(t *testing.T) {
	table := New(DefaultConfig(), nil)
	dns, web, web2, any6 := &process{pid: 5, name: "dns"}, &process{pid: 6, name: "web"}, &process{pid: 7, name: "web"}, &process{pid: 8, name: "any"}
	listen := func(netns uint32, protocol uint8, local string, port uint16, p *process) {
		zero := "0.0.0.0"
		if local == "::" {
			zero = "::"
		}
		table.apply(told(kindListening, netns, protocol, local, port, zero, 0), p, sec)
	}
	listen(ns1, 17, "0.0.0.0", 53, dns)
	listen(ns1, 6, "10.0.0.1", 80, web)
	listen(ns1, 6, "10.0.0.1", 80, web2)
	listen(ns1, 6, "::", 81, any6)
	// Addresses have to be of the namespace: what only passes by is of nobody here.
	is(t, "unknown", who(table, 0, sec, "UDP", "10.9.9.9", 999, "10.0.0.1", 53), "- -")
	table.setAddresses(ns1, []address{ip("10.0.0.1"), ip("2001:db8::1")})
	is(t, "wildcard", who(table, 0, sec, "UDP", "10.9.9.9", 999, "10.0.0.1", 53), "- dns/5@41")
	is(t, "passes by", who(table, 0, sec, "UDP", "10.9.9.9", 999, "10.0.0.2", 53), "- -")
	is(t, "two of one name", who(table, 0, sec, "TCP", "10.9.9.9", 999, "10.0.0.1", 80), "- web/0@41")
	is(t, "IPv4 on IPv6", who(table, 0, sec, "TCP", "10.9.9.9", 999, "10.0.0.1", 81), "- any/8@41")
	is(t, "IPv6", who(table, 0, sec, "TCP", "2001:db8::9", 999, "2001:db8::1", 81), "- any/8@41")
	is(t, "no IPv6 on IPv4", who(table, 0, sec, "UDP", "2001:db8::9", 999, "2001:db8::1", 53), "- -")

	// The same address in another namespace.
	table.setAddresses(ns2, []address{ip("10.0.0.1")})
	is(t, "only one listens", who(table, 0, sec, "UDP", "10.9.9.9", 999, "10.0.0.1", 53), "- dns/5@41")
	listen(ns2, 17, "10.0.0.1", 53, web)
	is(t, "both listen", who(table, 0, sec, "UDP", "10.9.9.9", 999, "10.0.0.1", 53), "- -")
	is(t, "in the second", who(table, ns2, sec, "UDP", "10.9.9.9", 999, "10.0.0.1", 53), "- web/6@42")
	table.setAddresses(ns2, nil)
	is(t, "the address is gone", who(table, 0, sec, "UDP", "10.9.9.9", 999, "10.0.0.1", 53), "- dns/5@41")

	// Loopback is in all namespaces.
	table.spaces[ns1], table.spaces[ns2] = true, true
	is(t, "loopback", who(table, 0, sec, "UDP", "127.0.0.1", 999, "127.0.0.5", 53), "- dns/5@41")
	listen(ns2, 17, "127.0.0.5", 53, web)
	is(t, "both loopbacks", who(table, 0, sec, "UDP", "127.0.0.1", 999, "127.0.0.5", 53), "- -")
	is(t, "this loopback", who(table, ns2, sec, "UDP", "127.0.0.1", 999, "127.0.0.5", 53), "- web/6@42")

	// What is closed is known for flows from before.
	table.apply(told(kindReleased, ns1, 17, "0.0.0.0", 5353, "0.0.0.0", 0), web, 2*sec)
	is(t, "released", who(table, 0, sec, "UDP", "10.0.0.1", 5353, "10.9.9.9", 53), "web/6@41 -")
	table.apply(told(kindClosed, ns1, 6, "::", 81, "::", 0), nil, 2*sec)
	is(t, "closed", who(table, 0, sec, "TCP", "10.9.9.9", 999, "10.0.0.1", 81), "- any/8@41")
	is(t, "after it was closed", who(table, 0, 9*sec, "TCP", "10.9.9.9", 999, "10.0.0.1", 81), "- -")
	table.sweep(nil, true, 5*sec)
	if s := table.Stats(); s.Listeners != 5 {
		t.Errorf("%+v", s)
	}
}

// Without a process, the namespace is known at least.
func TestNoProcess(t *testing.T) {
	table := New(DefaultConfig(), nil)
	table.apply(told(kindAccepted, ns2, 6, "10.0.0.2", 80, "10.0.0.1", 4000), nil, sec)
	is(t, "accepted", who(table, 0, sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "- /0@42")
}

func TestBounds(t *testing.T) {
	table := New(Config{MaxSockets: 10}, nil)
	p := &process{pid: 1}
	for i := range uint16(30) {
		table.apply(told(kindConnected, ns1, 6, "10.0.0.1", 1000+i, "10.0.0.2", 80), p, sec)
		table.apply(told(kindListening, ns1, 6, "10.0.0.1", 1000+i, "0.0.0.0", 0), p, sec)
		// This one is used all the time.
		table.apply(told(kindConnected, ns1, 6, "10.0.0.1", 1000, "10.0.0.2", 80), p, sec)
	}
	if s := table.Stats(); s.Connections != 10 || s.Evicted != 20 || s.Listeners != 10 || s.Refused != 20 {
		t.Errorf("%+v", s)
	}
	is(t, "in use", who(table, 0, sec, "TCP", "10.0.0.1", 1000, "10.0.0.2", 80), "/1@41 -")
}

// The store is what a plain map would be, whatever happens.
func TestConnsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := newConns(1000)
	type key struct {
		port  uint16
		netns uint64
	}
	model := make(map[key]int64)
	for now := int64(1); now < 20000; now++ {
		k := key{uint16(r.IntN(40)), uint64(1 + r.IntN(3))}
		u := tuple{lport: k.port}
		switch r.IntN(5) {
		case 0, 1:
			s.put(&u, k.netns).closed = 0
			model[k] = 0
		case 2, 3:
			c := s.get(&u, k.netns)
			if _, ok := model[k]; ok != (c != nil) {
				t.Fatalf("%v: %v", k, c)
			}
			if c != nil {
				c.closed, model[k] = now, now
			}
		default:
			before := now - int64(r.IntN(100))
			s.expire(before)
			for k, closed := range model {
				if closed != 0 && closed < before {
					delete(model, k)
				}
			}
		}
		if s.n != len(model) {
			t.Fatalf("%d, not %d", s.n, len(model))
		}
	}
	n := 0
	for c := s.newest; c != nil; c = c.older {
		n++
	}
	if n != len(model) {
		t.Errorf("%d in order, not %d", n, len(model))
	}
}

func BenchmarkAnnotate(b *testing.B) {
	table := New(DefaultConfig(), nil)
	p := &process{pid: 5, name: "curl", containerID: "x", cgroup: "/y"}
	for i := range 50000 {
		e := told(kindConnected, ns1, 6, "10.0.0.1", uint16(1000+i), "10.0.0.2", 80)
		table.apply(e, p, sec)
	}
	for what, port := range map[string]uint16{"found": 5000, "missed": 60000} {
		b.Run(what, func(b *testing.B) {
			r := flow("TCP", "10.0.0.1", port, "10.0.0.2", 80)
			r.Metric.Start = sec
			b.ReportAllocs()
			for range b.N {
				table.Annotate(r)
			}
		})
	}
}

// TestSharedPort has more sockets listen at one place than are looked at.
func TestSharedPort(t *testing.T) {
	table := New(DefaultConfig(), nil)
	l := listening{netns: ns1, local: ip("10.0.0.1"), lport: 53, protocol: 17}
	const more = 10
	for range 2 {
		known := 0
		for i := range uint64(maxHolders + more) {
			if table.listeners.diag(l, 1+i, sec) != nil {
				known++
			}
		}
		if known != maxHolders || table.Stats().Listeners != maxHolders {
			t.Errorf("%d of %d are known, %+v", known, maxHolders, table.Stats())
		}
	}
	if n := table.Stats().Refused; n != 2*more {
		t.Errorf("%d were refused, want %d", n, 2*more)
	}
}
