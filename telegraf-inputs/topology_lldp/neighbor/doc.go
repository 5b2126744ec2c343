// Package neighbor holds the devices that were heard on the interfaces of a host
// and tells of them as entities: a switch for each device, a switchport for each
// of its ports, and the link from a port to the interfaces that hear it.
//
// A [Table] belongs to one goroutine. It keeps no clock: who owns it says what
// time it is, and asks when to look again. It must never read from a network.
package neighbor

import (
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Protocols by which neighbours are heard; also the names of the attributes
// under which their facts are.
const (
	LLDP = "LLDP"
	CDP  = "CDP"
)

// Interface is where a neighbour is heard: an index in a network namespace, which
// the inode number of its nsfs file names.
type Interface struct {
	NetNS uint64
	Index int32
}

// Neighbor is what one frame says: a port of a device, for as long as Hold.
type Neighbor struct {
	Protocol string
	// Chassis and Port identify, each as subtype:value.
	Chassis, Port string
	// Device identifies the switch in place of Chassis when it is not empty.
	Device string
	// Hold is how long it holds. 0: the neighbour says that it goes.
	Hold time.Duration
	// System is the name by which the device knows itself, "" for none.
	System string
	// SwitchName and PortName are shown.
	SwitchName, PortName string
	// Switch and SwitchPort are the facts of the protocol; MTU is the longest frame
	// or packet of the port, 0 when it was not said.
	Switch, SwitchPort entity.Attrs
	MTU                int64
}

// target returns the switchport that it speaks of.
func (n *Neighbor) target() node { return node{first(n.Device, n.Chassis), n.Port} }

// same reports whether both say the same, however long it holds.
func (n *Neighbor) same(o *Neighbor) bool {
	return n.System == o.System && n.SwitchName == o.SwitchName && n.PortName == o.PortName && n.MTU == o.MTU &&
		n.Switch.Equal(o.Switch) && n.SwitchPort.Equal(o.SwitchPort)
}

// sameSystem reports whether a device that calls itself a in one protocol may be
// the one that calls itself b in another: domain and serial number may be there
// in one only.
func sameSystem(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	a, _, _ = strings.Cut(a, "(")
	b, _, _ = strings.Cut(b, "(")
	if strings.EqualFold(a, b) {
		return true
	}
	hostA, _, dotA := strings.Cut(a, ".")
	hostB, _, dotB := strings.Cut(b, ".")
	return dotA != dotB && strings.EqualFold(hostA, hostB)
}
