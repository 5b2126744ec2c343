package packet

import (
	"fmt"
	"slices"
)

// Config says which UDP ports carry tunnels. It is always the destination port
// that counts: the source port of VXLAN, Geneve and MPLS in UDP is a hash of
// what is inside, and may be any port (RFC 7348 5, RFC 8926 3.3, RFC 7510 3).
// GTP-U sends what it carries to its port from any port (3GPP TS 29.281 4.4.2).
type Config struct {
	VXLAN    []uint16
	VXLANGPE []uint16
	Geneve   []uint16
	GTPU     []uint16
	MPLS     []uint16
}

// DefaultConfig returns the ports that IANA assigned, the port of VXLAN in
// Linux before (8472), and that of MPLS in UDP in OpenContrail (51234).
func DefaultConfig() Config {
	return Config{
		VXLAN:    []uint16{4789, 8472},
		VXLANGPE: []uint16{4790},
		Geneve:   []uint16{6081},
		GTPU:     []uint16{2152},
		MPLS:     []uint16{6635, 51234},
	}
}

// Validate reports a port that is 0 or has two meanings.
func (c *Config) Validate() error {
	seen := map[uint16]string{}
	for _, t := range c.tunnels() {
		for _, port := range t.ports {
			switch other, taken := seen[port]; {
			case port == 0:
				return fmt.Errorf("port 0 of %s: ports are 1 to 65535", t.name)
			case taken && other != t.name:
				return fmt.Errorf("port %d is that of %s and of %s", port, other, t.name)
			}
			seen[port] = t.name
		}
	}
	return nil
}

type tunnelPorts struct {
	name  string
	kind  tunnelKind
	ports []uint16
}

func (c *Config) tunnels() []tunnelPorts {
	return []tunnelPorts{
		{"VXLAN", tunnelVXLAN, c.VXLAN},
		{"VXLAN-GPE", tunnelVXLANGPE, c.VXLANGPE},
		{"Geneve", tunnelGeneve, c.Geneve},
		{"GTP-U", tunnelGTPU, c.GTPU},
		{"MPLS", tunnelMPLS, c.MPLS},
	}
}

// tunnelKind is what a UDP port carries.
type tunnelKind uint8

const (
	tunnelNone tunnelKind = iota
	tunnelVXLAN
	tunnelVXLANGPE
	tunnelGeneve
	tunnelGTPU
	tunnelMPLS
)

// Decoder decodes frames. It is not changed by decoding: any number of
// goroutines may use one, each with a Packet of its own.
type Decoder struct {
	// some has the bit of the last 10 bits of each port: nearly all ports that
	// carry no tunnel are told by it.
	some  [16]uint64
	ports []tunnelPort
}

type tunnelPort struct {
	port uint16
	kind tunnelKind
}

// New returns a decoder that knows the ports of DefaultConfig.
func New() *Decoder { return NewWith(DefaultConfig()) }

// NewWith returns a decoder with other ports. A port with two meanings has the
// first of them, in the order of the fields of Config; see Config.Validate.
func NewWith(cfg Config) *Decoder {
	d := &Decoder{}
	for _, t := range cfg.tunnels() {
		for _, port := range t.ports {
			if slices.ContainsFunc(d.ports, func(p tunnelPort) bool { return p.port == port }) {
				continue
			}
			d.ports = append(d.ports, tunnelPort{port, t.kind})
			d.some[port>>6&15] |= 1 << (port & 63)
		}
	}
	return d
}

// tunnel returns what datagrams to a port carry.
func (d *Decoder) tunnel(port uint16) tunnelKind {
	for _, t := range d.ports {
		if t.port == port {
			return t.kind
		}
	}
	return tunnelNone
}
