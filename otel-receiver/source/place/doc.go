// Package place finds the node of the graph that an interface is: its TID,
// computed from the same facts that the input topology_host reports about it,
// the names of the host, of the namespace's file and of the interface, and the
// interface's kind.
//
// The two agree when they are configured alike: the host's name, the directories
// of named namespaces, and which namespace is the host's own. A TID changes with
// these names: look again when a capture finds its interface again.
//
// The package looks only, and starts nothing.
package place
