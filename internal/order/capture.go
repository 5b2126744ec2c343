package order

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Types of captures that can be ordered.
const (
	// TypeAuto is the host's preferred one that can do what is asked.
	TypeAuto = ""
	// TypeAFPacket looks at each packet (packet(7)).
	TypeAFPacket = "afpacket"
	// TypeEBPF aggregates in the kernel.
	TypeEBPF = "ebpf"
)

// Options say how packets are captured. The zero value is a capture with the
// defaults of the collector.
type Options struct {
	// Type is one of the types above.
	Type string `json:"type,omitempty"`
	// Filter chooses packets, in the language of pcap-filter(7).
	Filter string `json:"filter,omitempty"`
	// SnapLen is how many bytes of each packet are looked at, 0 the default.
	SnapLen int `json:"snaplen,omitempty"`
	// Promiscuous has the interface take what is not addressed to it.
	Promiscuous bool `json:"promiscuous,omitempty"`
	// KeyMode is what makes two packets one flow: "l2", "l3", "" the default (l2).
	KeyMode string `json:"key_mode,omitempty"`
	// Layers are protocols whose messages are decoded: dns, dhcpv4, vrrp.
	Layers []string `json:"layers,omitempty"`
	// NoDefrag leaves fragments apart from the flow that they belong to.
	NoDefrag bool `json:"no_defrag,omitempty"`
	// Flows is how many flows are held at a time, 0 the default.
	Flows int `json:"flows,omitempty"`
	// Sampling counts one packet of so many, 0 and 1 all of them. With a CPU budget
	// it is the least rate.
	Sampling int `json:"sampling,omitempty"`
	// CPU is the budget in thousandths of a core, 0 none. Above it, the capture
	// samples.
	CPU int `json:"cpu,omitempty"`
	// Memory is the budget in bytes: rings, tables and kept packets together; 0 the
	// default.
	Memory int64 `json:"memory,omitempty"`
	// RawPackets keeps the first packets of each flow: how many, 0 none.
	RawPackets int `json:"raw_packets,omitempty"`
	// RawRing keeps the last packets of the capture: so many bytes, 0 none.
	RawRing int64 `json:"raw_ring,omitempty"`
}

// Bounds of options.
const (
	MaxSnapLen    = 262_144
	MaxFlows      = 1 << 20
	MaxSampling   = 1 << 16
	MaxCPU        = 4000
	MinMemory     = 1 << 20
	MaxMemory     = 4 << 30
	MaxRawPackets = 1000
	MinRawRing    = 64 << 10
	MaxRawRing    = 1 << 30
)

// Validate says what is wrong and what to do. It does not compile the filter.
func (o *Options) Validate() error {
	if !slices.Contains([]string{TypeAuto, TypeAFPacket, TypeEBPF}, o.Type) {
		return fmt.Errorf("type %q is not known; use %s or %s, or leave it out", o.Type, TypeAFPacket, TypeEBPF)
	}
	if !slices.Contains([]string{"", "l2", "l3"}, o.KeyMode) {
		return fmt.Errorf("key_mode %q is not known; use l2 or l3", o.KeyMode)
	}
	for _, l := range o.Layers {
		if !slices.Contains([]string{"dns", "dhcpv4", "vrrp"}, l) {
			return fmt.Errorf("layer %q is not known; use dns, dhcpv4 or vrrp", l)
		}
	}
	for _, b := range []struct {
		name         string
		v, low, high int64
	}{
		{"snaplen", int64(o.SnapLen), 64, MaxSnapLen},
		{"flows", int64(o.Flows), 16, MaxFlows},
		{"sampling", int64(o.Sampling), 1, MaxSampling},
		{"cpu", int64(o.CPU), 1, MaxCPU},
		{"memory", o.Memory, MinMemory, MaxMemory},
		{"raw_packets", int64(o.RawPackets), 1, MaxRawPackets},
		{"raw_ring", o.RawRing, MinRawRing, MaxRawRing},
	} {
		if b.v != 0 && (b.v < b.low || b.v > b.high) {
			return fmt.Errorf("%s %d is out of bounds; use %d to %d, or 0 for the default", b.name, b.v, b.low, b.high)
		}
	}
	if o.Type == TypeEBPF {
		return o.validateEBPF()
	}
	return nil
}

// validateEBPF refuses what needs to look at each packet.
func (o *Options) validateEBPF() error {
	switch {
	case len(o.Layers) > 0:
		return errors.New("layers need every packet, which type ebpf does not look at; use type afpacket")
	case o.RawPackets > 0 || o.RawRing > 0:
		return errors.New("raw packets need every packet, which type ebpf does not look at; use type afpacket")
	case o.Promiscuous:
		return errors.New("type ebpf cannot make an interface promiscuous; use type afpacket")
	}
	return nil
}

// KeepsPackets reports whether packets are kept.
func (o *Options) KeepsPackets() bool { return o.RawPackets > 0 || o.RawRing > 0 }

// Capture is an order to capture at one node.
type Capture struct {
	// ID is the definition's ID and the node's ID, with "/" between.
	ID string `json:"id"`
	// Name is the definition's name, or its ID when it has none. Flow records carry
	// it as their capture ID.
	Name string `json:"name"`
	// Revision is that of the definition; a change of it begins the capture anew.
	Revision uint64 `json:"revision"`
	Node     Node   `json:"node"`
	// Expires is when the capture ends by itself, zero: never.
	Expires time.Time `json:"expires,omitzero"`
	Options
}

// Definition returns the ID of the definition.
func (c *Capture) Definition() string {
	d, _, _ := strings.Cut(c.ID, "/")
	return d
}

// CaptureID makes the ID of an assignment.
func CaptureID(definition, node string) string { return definition + "/" + node }

// Node is where to capture.
type Node struct {
	// TID is that of the interface's node; flow records carry it.
	TID string `json:"tid"`
	// Interface is its name, IfIndex its index; together they must be found on the
	// host. Type is the Type of the node.
	Interface string `json:"interface"`
	IfIndex   int    `json:"ifindex"`
	Type      string `json:"type,omitempty"`
	// NetNS is the inode number of its network namespace's file, NetNSDevice the
	// device (0 when not known), NetNSPath where it was found last ("" for the
	// host's own). The number is what counts: the path is a hint.
	NetNS       uint64 `json:"netns"`
	NetNSDevice uint64 `json:"netns_device,omitempty"`
	NetNSPath   string `json:"netns_path,omitempty"`
}

// Validate tells what makes an order one that cannot be followed.
func (c *Capture) Validate() error {
	switch {
	case c.ID == "" || c.Name == "":
		return errors.New("the order has no ID or no name")
	case c.Node.Interface == "" || c.Node.IfIndex <= 0:
		return fmt.Errorf("the order %s names no interface", c.ID)
	}
	return c.Options.Validate()
}
