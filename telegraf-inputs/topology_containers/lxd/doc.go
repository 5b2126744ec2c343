// Package lxd follows the instances of LXD, and of Incus, whose interface is the
// same, by the REST interface at the daemon's Unix socket.
//
// What is asked, and nothing else; all are GET:
//
//   - /1.0: whether we are trusted, and the name of this cluster member;
//   - /1.0/events, a WebSocket with the life of instances of all projects;
//   - /1.0/instances?recursion=2&all-projects=true: all instances and their
//     states, at first and every [Config].Relist, for what has no event
//     (addresses);
//   - /1.0/instances/NAME?recursion=1 of an instance of which an event told.
//
// Of a cluster only the instances of this member are told: the processes of the
// others are on other hosts.
//
// Configuration that may hold secrets is left out, see [Secret]. The package must
// never change anything at the daemon, and must not wake one that was never set
// up: a socket next to which there is no server.crt counts as absent, as systemd
// may listen there in the place of a daemon that nobody uses.
package lxd
