package lldp

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// Capabilities is a set of what a system can do (802.1AB-2016, table 8-4).
type Capabilities uint16

var capabilityNames = [...]string{
	"Other", "Repeater", "Bridge", "WLAN", "Router", "Telephone", "DOCSIS", "Station", "CVLAN", "SVLAN", "TPMR",
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

// Management is an address by which a system is managed (802.1AB-2016, 8.5.9).
type Management struct {
	// Family is the number of IANA's address family, Address its usual form.
	Family  uint8
	Address string
	// Numbering says what Number is: "ifindex", "port" or "" for unknown.
	Numbering string
	Number    uint32
	// OID is an object identifier in dotted form, "" for none.
	OID string
}

func decodeManagement(v []byte) (m Management, ok bool) {
	// One byte of length, which counts the family and the address.
	if len(v) < 1 || v[0] < 2 || v[0] > 32 || len(v) < 1+int(v[0])+6 {
		return m, false
	}
	n := int(v[0])
	m.Family = v[1]
	m.Address = address(m.Family, v[2:1+n])
	v = v[1+n:]
	switch v[0] {
	case 2:
		m.Numbering = "ifindex"
	case 3:
		m.Numbering = "port"
	}
	m.Number = binary.BigEndian.Uint32(v[1:])
	n = int(v[5])
	if len(v) < 6+n {
		return m, false
	}
	m.OID = oid(v[6 : 6+n])
	return m, true
}

// oid returns an object identifier in dotted form (ITU-T X.690, 8.19), or in
// hexadecimal where it is none.
func oid(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	var out []byte
	var arc uint64
	for i, c := range b {
		if arc > 1<<56 || i == len(b)-1 && c&0x80 != 0 {
			return hex.EncodeToString(b)
		}
		if arc = arc<<7 | uint64(c&0x7f); c&0x80 != 0 {
			continue
		}
		if out == nil {
			first := min(arc/40, 2)
			out = strconv.AppendUint(out, first, 10)
			arc -= first * 40
		}
		out = strconv.AppendUint(append(out, '.'), arc, 10)
		arc = 0
	}
	return string(out)
}
