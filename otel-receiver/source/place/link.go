package place

import (
	"errors"

	"github.com/skein-net/skein/internal/netns"
)

// ErrNoInterface is wrapped by the error about an index that no interface of the
// namespace has.
var ErrNoInterface = errors.New("no such interface")

// Link is an interface as the kernel tells of it now.
type Link struct {
	Name string
	// Type is the Type of its node.
	Type  string
	Index int
	// Up tells whether it was set up (IFF_UP).
	Up bool
	// Packets are those that it received and sent, where Counted says that the
	// kernel told.
	Packets uint64
	Counted bool
}

// ByIndex asks the kernel for the interface of a namespace that has an index.
func ByIndex(ns *netns.NS, index int) (Link, error) { return byIndex(ns, index) }
