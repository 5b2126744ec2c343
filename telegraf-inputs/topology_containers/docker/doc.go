// Package docker watches the containers of an engine that speaks Docker's API:
// Docker itself, or Podman. It lists them, and then asks for a container again
// whenever an event names it; it polls nothing.
//
// Events are subscribed to from a moment before the listing on, so that nothing
// is missed between the two. After a break of the connection everything is
// listed again.
//
// The package must never change anything: all that it sends are requests to read.
// It reports neither environment nor command line of a container, which may hold
// secrets.
package docker
