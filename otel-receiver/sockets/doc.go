// Package sockets says who has the socket at the ends of a flow: which process,
// in which container, cgroup and network namespace, as far as an end is on this
// host.
//
// Two programs of eBPF tell of sockets of TCP when they connect, listen, are
// accepted and closed (tracepoint sock:inet_sock_set_state), and of sockets of
// UDP when they are closed (cgroup/sock_release). What was there before, sockets
// of UDP that stay, and hosts without eBPF are asked for by sock_diag(7), in
// every network namespace. Sockets stay known for a while after they were closed,
// because flows are reported after the fact.
//
// It must never guess between two: when an address exists in several namespaces
// and the flow does not say in which it was seen, nothing is said and it is
// counted. It must never slow down what it watches: it reads no packet, its share
// of a core is bounded, and so is what it keeps.
package sockets
