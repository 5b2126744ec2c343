// Package overviewtest makes networks as they are found in data centres, for
// the tests and benchmarks of those who draw them: hosts with network
// namespaces, pairs of veth that lead from those to a bridge, and switches
// between the hosts. It must never be imported by anything but tests.
package overviewtest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Config says how large a network is.
type Config struct {
	Hosts int
	// Namespaces are those of each host, beside its own.
	Namespaces int
	// Pairs are the pairs of veth of each namespace.
	Pairs int
	// PerSwitch is how many hosts share a switch; 0 is no switches.
	PerSwitch int
	// At is when everything was reported.
	At time.Time
}

// Time is when the networks of these configurations were reported.
func Time() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// Large is a network of about 5,000 nodes and 8,600 edges.
func Large() Config { return Config{Hosts: 20, Namespaces: 30, Pairs: 3, PerSwitch: 10, At: Time()} }

// Huge is a network of about 100,000 nodes and 175,000 edges.
func Huge() Config { return Config{Hosts: 250, Namespaces: 50, Pairs: 3, PerSwitch: 25, At: Time()} }

// HostID returns the host.id of host h, HostName its name.
func HostID(h int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", h) }

// HostName returns the name of host h.
func HostName(h int) string { return fmt.Sprintf("host-%d", h) }

// NamespaceRef names namespace n of host h, counted from 1.
func NamespaceRef(h, n int) entity.Ref { return entity.NetNSRef(HostID(h), inode(n), "4") }

// inode is that of a namespace; 0 is the host's own.
func inode(n int) string { return strconv.Itoa(4026531840 + n) }

// Events returns the reports of the network, each what it is part of before
// what is part of it.
func (c Config) Events() []entity.Event {
	w := &world{at: c.At}
	for h := range c.Hosts {
		c.host(w, h)
	}
	if c.PerSwitch > 0 {
		for h := 0; h < c.Hosts; h += c.PerSwitch {
			c.fabric(w, h)
		}
	}
	return w.events
}

// Graph returns the network as a graph, its interfaces with counters.
func (c Config) Graph() *graph.Graph {
	g := graph.New(graph.DefaultConfig())
	events := c.Events()
	for i := range events {
		x := g.Prepare(&events[i], 0)
		g.Apply(&x, c.At, nil)
	}
	for i := range events {
		if e := &events[i]; e.Type == entity.TypeInterface {
			for k := range int64(2) {
				n := k * int64(i%50+1) * 1000
				g.SetMetric(e.UUID(), c.At.Add(time.Duration(10*k)*time.Second), entity.Attrs{
					entity.A("RxBytes", entity.Int(n+1)), entity.A("TxBytes", entity.Int(2*n+1))})
			}
		}
	}
	return g
}

// world collects events.
type world struct {
	at     time.Time
	events []entity.Event
}

func (w *world) add(ref entity.Ref, source, name, typ string, attrs entity.Attrs, rel ...entity.Relationship) {
	attrs = append(attrs, entity.A("Name", entity.String(name)), entity.A("Type", entity.String(typ)))
	w.events = append(w.events, entity.Event{Ref: ref, Source: source, Time: w.at, Interval: time.Minute, Attributes: attrs.Normalize(), Relationships: rel})
}

func partOf(r entity.Ref) entity.Relationship {
	return entity.Relationship{Type: entity.RelPartOf, Target: r}
}

func memberOf(r entity.Ref) entity.Relationship {
	return entity.Relationship{Type: entity.RelMemberOf, Target: r, Attributes: entity.Attrs{entity.A("Type", entity.String("bridge"))}}
}

func peerOf(r entity.Ref) entity.Relationship {
	return entity.Relationship{Type: entity.RelPeerOf, Target: r, Attributes: entity.Attrs{entity.A("Type", entity.String("veth"))}}
}

// attrs are those that every interface has.
func attrs(h, ns, index int, state string) entity.Attrs {
	return entity.Attrs{
		entity.A("IfIndex", entity.Int(int64(index))), entity.A("MTU", entity.Int(1500)), entity.A("State", entity.String(state)),
		entity.A("MAC", entity.String(fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", h>>8&255, h&255, ns&255, index>>8&255, index&255))),
		entity.A("IPV4", entity.Strings(fmt.Sprintf("10.%d.%d.%d/24", h&255, ns&255, index&255))),
	}
}

// host has lo, eth0 and a bridge; of each pair of veth one end is in a namespace
// and the other one in the bridge. Every tenth pair is down.
func (c Config) host(w *world, h int) {
	id, host := HostID(h), entity.HostRef(HostID(h))
	link := func(ns, index int) entity.Ref { return entity.InterfaceRef(id, inode(ns), strconv.Itoa(index)) }
	w.add(host, "host", HostName(h), "host", entity.Attrs{entity.A("OS", entity.String("linux"))})
	w.add(link(0, 1), "netlink", "lo", "loopback", attrs(h, 0, 1, "UP"), partOf(host))
	w.add(link(0, 2), "netlink", "eth0", "device", attrs(h, 0, 2, "UP"), partOf(host))
	w.add(link(0, 3), "netlink", "br0", "bridge", attrs(h, 0, 3, "UP"), partOf(host))
	next := 4
	for n := 1; n <= c.Namespaces; n++ {
		ns := NamespaceRef(h, n)
		name := fmt.Sprintf("ns-%d", n)
		w.add(ns, "netns", name, "netns", entity.Attrs{entity.A("Path", entity.String("/run/netns/"+name))}, partOf(host))
		w.add(link(n, 1), "netlink", "lo", "loopback", attrs(h, n, 1, "UP"), partOf(ns))
		for k := range c.Pairs {
			state := "UP"
			if next%10 == 0 {
				state = "DOWN"
			}
			inner, outer := link(n, 2+k), link(0, next)
			w.add(inner, "netlink", fmt.Sprintf("eth%d", k), "veth", attrs(h, n, 2+k, state), partOf(ns), peerOf(outer))
			w.add(outer, "netlink", fmt.Sprintf("veth%d-%d", n, k), "veth", attrs(h, 0, next, state), partOf(host), peerOf(inner), memberOf(link(0, 3)))
			next++
		}
	}
}

// fabric is a switch with a port for each of its hosts, which has no host.id.
func (c Config) fabric(w *world, first int) {
	name := fmt.Sprintf("switch-%d", first/c.PerSwitch)
	ref := func(name string) entity.Ref {
		return entity.Ref{Type: "switch", ID: entity.NewIdentity("switch.name", name)}
	}
	w.add(ref(name), "lldp", name, "switch", nil)
	for h := first; h < min(first+c.PerSwitch, c.Hosts); h++ {
		port := fmt.Sprintf("%s/%d", name, h-first)
		w.add(ref(port), "lldp", port, "switchport", nil, partOf(ref(name)), peerOf(entity.InterfaceRef(HostID(h), inode(0), "2")))
	}
}
