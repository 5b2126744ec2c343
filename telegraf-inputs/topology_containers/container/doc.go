// Package container is what all container runtimes have in common: the model of
// one container, and the entity event that says it. A runtime's own package
// fills in a [Container] and asks a [Mapper] for the event; it needs to know
// neither identities nor limits nor namespaces.
//
// One container is one entity, whichever runtimes report it: they give the same
// ID and their own source. All write the same bare keys (Name, Manager, Type,
// Container, K8s); what only one of them knows goes into a map of its own
// (Docker, Podman, Containerd, Runc, Crio, LXD, LXC).
//
// The network namespace of a container is another entity, which topology_host
// reports. Here it is only named, by the identity of its nsfs file; a container
// that uses the namespace of the host is part of the host instead. A container
// that has no process has no namespace, and its status says so.
//
// The package reads files below /proc and namespaces' files, nothing else. It
// must never enter a namespace, keep one open, talk to a runtime or write
// anything.
package container
