// Package cdp decodes the Cisco Discovery Protocol, versions 1 and 2. There is no
// standard; the TLVs are those that Cisco published and that tcpdump, Wireshark
// and lldpd agree on.
//
// It is pure: it never reads outside its input, never panics, keeps no reference
// to it, and makes of it at most a small multiple of its length. A TLV that is
// too short for its type is left out and counted; one that is not known is kept
// as hexadecimal.
package cdp

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
)

// PDU is what one packet says.
type PDU struct {
	Version uint8
	// TTL is for how many seconds it holds. 0: the sender shuts down.
	TTL uint8

	DeviceID, PortID string
	Addresses        []netip.Addr
	Management       []netip.Addr
	HasCapabilities  bool
	Capabilities     Capabilities
	Software         string // of the kind of "show version"
	Platform         string
	Prefixes         []netip.Prefix // of on-demand routing
	VTPDomain        string
	NativeVLAN       *uint16
	Duplex           *bool // true: full
	VoiceVLAN        *uint16
	MTU              uint32
	SystemName       string
	SystemOID        string
	Location         string
	PowerConsumption *uint16  // milliwatts
	PowerRequested   []uint32 // milliwatts
	PowerAvailable   []uint32 // milliwatts
	ExtendedTrust    *uint8
	UntrustedCOS     *uint8
	ExternalPortID   string
	PortUnidirection bool
	Unknown          []Unknown
	Bad              int  // TLVs that were left out because they are too short
	Truncated        bool // there were more entries of some list than are kept
}

// Unknown is a TLV that the package does not know; Value is hexadecimal.
type Unknown struct {
	Type  uint16
	Value string
}

// Reasons why a packet is discarded.
var (
	ErrShort   = errors.New("CDP packet ends within a TLV")
	ErrVersion = errors.New("CDP packet of an unknown version")
	ErrNoID    = errors.New("CDP packet without device ID or port ID")
)

// Capabilities is a set of what a device can do.
type Capabilities uint32

var capabilityNames = [...]string{
	"Router", "Transparent Bridge", "Source Route Bridge", "Switch", "Host", "IGMP", "Repeater", "Phone", "Remote",
	"CVTA", "Two-port MAC Relay",
}

// Names returns the names of the set, in the order of their bits.
func (c Capabilities) Names() []string {
	var out []string
	for i, name := range capabilityNames {
		if c&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// TLV types.
const (
	tlvDevice         = 0x01
	tlvAddresses      = 0x02
	tlvPort           = 0x03
	tlvCapabilities   = 0x04
	tlvSoftware       = 0x05
	tlvPlatform       = 0x06
	tlvPrefixes       = 0x07
	tlvVTPDomain      = 0x09
	tlvNativeVLAN     = 0x0a
	tlvDuplex         = 0x0b
	tlvVoiceVLAN      = 0x0e
	tlvPower          = 0x10
	tlvMTU            = 0x11
	tlvExtendedTrust  = 0x12
	tlvUntrustedCOS   = 0x13
	tlvSystemName     = 0x14
	tlvSystemOID      = 0x15
	tlvManagement     = 0x16
	tlvLocation       = 0x17
	tlvExternalPort   = 0x18
	tlvPowerRequest   = 0x19
	tlvPowerAvailable = 0x1a
	tlvUnidirectional = 0x1b
)

// maxList bounds each list of a packet.
const maxList = 256

// Decode decodes a packet from its version on: what follows the LLC and SNAP
// headers. The checksum is not looked at, because of what old devices take it of
// is not agreed on; the frame's own has been checked by the hardware.
func Decode(b []byte) (*PDU, error) {
	if len(b) < 4 {
		return nil, ErrShort
	}
	p := &PDU{Version: b[0], TTL: b[1]}
	if p.Version != 1 && p.Version != 2 {
		return nil, ErrVersion
	}
	for b = b[4:]; len(b) > 0; {
		// Two bytes of type, two of length, which counts them.
		if len(b) < 4 {
			return nil, ErrShort
		}
		typ, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return nil, ErrShort
		}
		if !p.tlv(typ, b[4:n]) {
			p.Bad++
		}
		b = b[n:]
	}
	if p.DeviceID == "" || p.PortID == "" {
		return nil, ErrNoID
	}
	return p, nil
}

// tlv decodes one TLV; false: it is too short for its type.
func (p *PDU) tlv(typ uint16, v []byte) bool {
	if to := p.textOf(typ); to != nil {
		*to = text(v)
		if to == &p.DeviceID || to == &p.PortID {
			*to = printable(v)
		}
		return true
	}
	switch typ {
	case tlvAddresses:
		return p.addresses(&p.Addresses, v)
	case tlvManagement:
		return p.addresses(&p.Management, v)
	case tlvCapabilities:
		if len(v) < 4 {
			return false
		}
		p.HasCapabilities, p.Capabilities = true, Capabilities(binary.BigEndian.Uint32(v))
	case tlvPrefixes:
		return p.prefixes(v)
	case tlvNativeVLAN:
		return number(&p.NativeVLAN, v)
	case tlvPower:
		return number(&p.PowerConsumption, v)
	case tlvDuplex:
		if len(v) < 1 {
			return false
		}
		full := v[0] != 0
		p.Duplex = &full
	case tlvVoiceVLAN:
		// One byte of what it is for: 1 for voice.
		if len(v) < 3 {
			return false
		}
		return number(&p.VoiceVLAN, v[1:])
	case tlvMTU:
		if len(v) < 4 {
			return false
		}
		p.MTU = binary.BigEndian.Uint32(v)
	case tlvExtendedTrust:
		return octet(&p.ExtendedTrust, v)
	case tlvUntrustedCOS:
		return octet(&p.UntrustedCOS, v)
	case tlvLocation:
		// One byte of a kind that nobody explains.
		if len(v) < 1 {
			return false
		}
		p.Location = text(v[1:])
	case tlvPowerRequest:
		return p.watts(&p.PowerRequested, v)
	case tlvPowerAvailable:
		return p.watts(&p.PowerAvailable, v)
	case tlvUnidirectional:
		if len(v) < 1 {
			return false
		}
		p.PortUnidirection = v[0] != 0
	default:
		p.Unknown = keep(p, p.Unknown, Unknown{typ, hex.EncodeToString(v)})
	}
	return true
}

// textOf returns where the text of a type belongs, nil for other types.
func (p *PDU) textOf(typ uint16) *string {
	switch typ {
	case tlvDevice:
		return &p.DeviceID
	case tlvPort:
		return &p.PortID
	case tlvSoftware:
		return &p.Software
	case tlvPlatform:
		return &p.Platform
	case tlvVTPDomain:
		return &p.VTPDomain
	case tlvSystemName:
		return &p.SystemName
	case tlvSystemOID:
		return &p.SystemOID
	case tlvExternalPort:
		return &p.ExternalPortID
	}
	return nil
}
