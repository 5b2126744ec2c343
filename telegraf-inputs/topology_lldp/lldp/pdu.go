package lldp

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
)

// EtherType is the protocol number of LLDP frames (802.1AB-2016, 7.3).
const EtherType = 0x88cc

// PDU is what one LLDPDU says.
type PDU struct {
	Chassis, Port ID
	// TTL is for how many seconds it holds. 0: the sender shuts down, and
	// everything else than the IDs is empty (802.1AB-2016, 9.1.2.1).
	TTL uint16

	PortDescription, SystemName, SystemDescription string
	// Capable and Enabled are the capabilities of the system; HasCapabilities
	// tells that they were sent.
	HasCapabilities  bool
	Capable, Enabled Capabilities
	Management       []Management

	Dot1 Dot1
	Dot3 Dot3
	MED  MED
	// Unknown are the TLVs that this package does not know, in their order.
	Unknown []Unknown

	// Bad counts optional TLVs that were left out because of a mistake in them.
	Bad int
	// Truncated tells that there were more entries of some list than are kept.
	Truncated bool
}

// Unknown is a TLV that the package does not know: one of a reserved type, or an
// organization's own.
type Unknown struct {
	Type uint8
	// OUI names the organization (hexadecimal with colons) and Subtype is its own
	// number, for Type 127 only.
	OUI     string
	Subtype uint8
	// Value is hexadecimal.
	Value string
}

// Reasons why a PDU is discarded.
var (
	// ErrShort tells that the PDU ends in the middle of a TLV.
	ErrShort = errors.New("LLDPDU ends within a TLV")
	// ErrMandatory tells that it does not begin with chassis ID, port ID and time
	// to live, in that order and once each (802.1AB-2016, 9.2.7.2).
	ErrMandatory = errors.New("LLDPDU does not begin with chassis ID, port ID and TTL, once each")
	// ErrID tells that an ID is empty or too long.
	ErrID = errors.New("LLDPDU has a malformed chassis ID, port ID or TTL")
)

// TLV types (802.1AB-2016, table 8-1).
const (
	tlvEnd               = 0
	tlvChassis           = 1
	tlvPort              = 2
	tlvTTL               = 3
	tlvPortDescription   = 4
	tlvSystemName        = 5
	tlvSystemDescription = 6
	tlvCapabilities      = 7
	tlvManagement        = 8
	tlvOrganization      = 127
)

// maxList bounds each list of a PDU. A frame of 1,500 bytes cannot reach it with
// anything but TLVs that nobody sends.
const maxList = 256

// Decode decodes the payload of a frame with the EtherType of LLDP. The error is
// one of those above; what is behind the end of the PDU is padding.
func Decode(b []byte) (*PDU, error) {
	p := new(PDU)
	for want := uint8(tlvChassis); want <= tlvTTL; want++ {
		typ, v, rest, err := next(b)
		switch {
		case err != nil && len(b) < 2:
			return nil, ErrMandatory
		case err != nil:
			return nil, err
		case typ != want:
			return nil, ErrMandatory
		}
		ok := true
		switch typ {
		case tlvChassis:
			p.Chassis, ok = decodeID(v, &chassisKinds)
		case tlvPort:
			p.Port, ok = decodeID(v, &portKinds)
		case tlvTTL:
			if ok = len(v) >= 2; ok {
				p.TTL = binary.BigEndian.Uint16(v)
			}
		}
		if !ok {
			return nil, ErrID
		}
		b = rest
	}
	if p.TTL == 0 {
		return p, nil
	}
	for len(b) > 0 {
		typ, v, rest, err := next(b)
		switch {
		case err != nil:
			return nil, err
		case typ == tlvEnd:
			return p, nil
		case typ <= tlvTTL:
			return nil, ErrMandatory
		}
		if !p.optional(typ, v) {
			p.Bad++
		}
		b = rest
	}
	return p, nil
}

// next splits the first TLV off: seven bits of type, nine of length.
func next(b []byte) (typ uint8, value, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, nil, ErrShort
	}
	h := binary.BigEndian.Uint16(b)
	n := int(h & 0x1ff)
	if len(b) < 2+n {
		return 0, nil, nil, ErrShort
	}
	return uint8(h >> 9), b[2 : 2+n], b[2+n:], nil
}

// optional decodes one TLV behind the mandatory ones; false: it is malformed.
func (p *PDU) optional(typ uint8, v []byte) bool {
	switch typ {
	case tlvPortDescription:
		return once(&p.PortDescription, v)
	case tlvSystemName:
		return once(&p.SystemName, v)
	case tlvSystemDescription:
		return once(&p.SystemDescription, v)
	case tlvCapabilities:
		if len(v) < 4 || p.HasCapabilities {
			return false
		}
		p.HasCapabilities = true
		p.Capable = Capabilities(binary.BigEndian.Uint16(v))
		p.Enabled = Capabilities(binary.BigEndian.Uint16(v[2:]))
		return true
	case tlvManagement:
		m, ok := decodeManagement(v)
		if ok {
			p.Management = keep(p, p.Management, m)
		}
		return ok
	case tlvOrganization:
		return p.organization(v)
	}
	p.Unknown = keep(p, p.Unknown, Unknown{Type: typ, Value: hex.EncodeToString(v)})
	return true
}

// organization decodes a TLV of an organization: three bytes of OUI, one of
// subtype.
func (p *PDU) organization(v []byte) bool {
	if len(v) < 4 {
		return false
	}
	subtype, value := v[3], v[4:]
	known, ok := false, false
	switch [3]byte(v[:3]) {
	case [3]byte{0x00, 0x80, 0xc2}:
		known, ok = p.dot1(subtype, value)
	case [3]byte{0x00, 0x12, 0x0f}:
		known, ok = p.Dot3.decode(subtype, value)
	case [3]byte{0x00, 0x12, 0xbb}:
		known, ok = p.med(subtype, value)
	}
	if known {
		return ok
	}
	p.Unknown = keep(p, p.Unknown, Unknown{
		Type: tlvOrganization, OUI: colons(v[:3]), Subtype: subtype, Value: hex.EncodeToString(value),
	})
	return true
}

// once sets a text that may be sent once (802.1AB-2016, 9.2.7.7.1).
func once(to *string, v []byte) bool {
	s := text(v)
	if *to != "" {
		return s == *to
	}
	*to = s
	return true
}

// keep appends to a list within the bound.
func keep[T any](p *PDU, list []T, v T) []T {
	if len(list) >= maxList {
		p.Truncated = true
		return list
	}
	return append(list, v)
}

func utoa(u uint) string { return strconv.FormatUint(uint64(u), 10) }
