package sockets

import (
	"testing"
	"time"
)

func at(s int64) time.Time { return time.Unix(s, 0) }

// What the kernel lists and what events tell go together.
func TestApply(t *testing.T) {
	root := fakeProc(t, map[int][]string{5: {"socket:[500]", "socket:[502]"}, 6: {"socket:[501]"}})
	table := New(DefaultConfig(), nil)
	p := &poller{t: table, scan: newScanner(root), ps: newProcesses(root, newCgroups(root)), paths: map[uint64]string{}}
	scan := func() { p.scan.run(at(100), never, p.found) }
	round := func(s int64, list ...socket) {
		p.apply(ns1, &inside{sockets: list, addresses: []address{ip("10.0.0.1")}}, at(s))
		table.sweep(map[uint64]int64{ns1: at(s).UnixNano()}, true, 0)
		scan()
	}
	client := socket{tuple: tuple{ip("10.0.0.1"), ip("10.0.0.2"), 4000, 80, 6}, inode: 500}
	server := socket{tuple: tuple{ip("10.0.0.1"), ip("10.0.0.2"), 80, 4001, 6}, inode: 501}
	listener := socket{tuple: tuple{anyIPv6, anyIPv6, 80, 0, 6}, inode: 502, listen: true}
	// Nothing was known.
	round(10, client, server, listener)
	is(t, "client", who(table, 0, 10*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "comm5/5@41 -")
	is(t, "server", who(table, 0, 10*sec, "TCP", "10.0.0.2", 4001, "10.0.0.1", 80), "- comm6/6@41")
	is(t, "listener", who(table, 0, 10*sec, "TCP", "10.0.0.2", 4999, "10.0.0.1", 80), "- comm5/5@41")

	// A guess is replaced, what an event said is not.
	table.apply(told(kindAccepted, ns1, 6, "10.0.0.1", 80, "10.0.0.2", 4002), nil, 11*sec)
	is(t, "a guess", who(table, 0, 11*sec, "TCP", "10.0.0.2", 4002, "10.0.0.1", 80), "- comm5/5@41")
	accepted := socket{tuple: tuple{ip("10.0.0.1"), ip("10.0.0.2"), 80, 4002, 6}, inode: 501}
	server.inode = 0
	round(12, client, server, listener, accepted)
	is(t, "no guess", who(table, 0, 11*sec, "TCP", "10.0.0.2", 4002, "10.0.0.1", 80), "- comm6/6@41")
	table.apply(told(kindConnected, ns1, 6, "10.0.0.1", 4000, "10.0.0.2", 80), &process{pid: 9, name: "said"}, 13*sec)
	round(14, client, listener, accepted)
	is(t, "by the event", who(table, 0, 13*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "said/9@41 -")
	// Whose process has closed it, it was his.
	client.inode = 0
	round(15, client, listener, accepted)
	is(t, "closing", who(table, 0, 13*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "said/9@41 -")
	client.inode = 500
	round(16, client, listener, accepted)
	// The server is not there any more, its port is another's.
	is(t, "gone", who(table, 0, 30*sec, "TCP", "10.0.0.2", 4001, "10.0.0.1", 80), "- comm5/5@41")
	client.inode = 501
	round(40, client)
	is(t, "another's", who(table, 0, 40*sec, "TCP", "10.0.0.1", 4000, "10.0.0.2", 80), "comm6/6@41 -")
	is(t, "nobody listens", who(table, 0, 60*sec, "TCP", "10.0.0.2", 4999, "10.0.0.1", 80), "- -")
	// What an event told of since the namespace was asked stays.
	table.apply(told(kindConnected, ns1, 6, "10.0.0.1", 5000, "10.0.0.2", 80), &process{pid: 9, name: "said"}, 50*sec)
	p.apply(ns1, &inside{}, at(49))
	table.sweep(map[uint64]int64{ns1: at(49).UnixNano()}, true, 0)
	is(t, "younger", who(table, 0, 90*sec, "TCP", "10.0.0.1", 5000, "10.0.0.2", 80), "said/9@41 -")
	// A round without TCP ends nothing of it.
	table.sweep(map[uint64]int64{ns1: at(60).UnixNano()}, false, 0)
	is(t, "not asked", who(table, 0, 90*sec, "TCP", "10.0.0.1", 5000, "10.0.0.2", 80), "said/9@41 -")
	// The namespace goes.
	asked := map[uint64]int64{}
	p.forget(ns1, asked)
	table.sweep(asked, true, 0)
	if s := table.Stats(); s.Namespaces != 0 || len(table.local) != 0 {
		t.Errorf("%+v, %v", s, table.local)
	}
}
