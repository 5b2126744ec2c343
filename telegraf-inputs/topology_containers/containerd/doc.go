// Package containerd watches the containers of containerd, in all of its
// namespaces, by its gRPC API: it lists them, and then asks for a container again
// whenever an event names it. Containers of Docker are in the namespace moby,
// those of Kubernetes in k8s.io; they are the same entities that Docker and others
// report.
//
// The package must never change anything: all that it sends are requests to read.
package containerd
