package lldp

import (
	"encoding/binary"
	"encoding/hex"
)

// MED is what the TLVs of LLDP-MED say (ANSI/TIA-1057). Pointers are nil for
// what was not sent.
type MED struct {
	Capabilities *MEDCapabilities
	Policies     []Policy
	Locations    []Location
	Power        *MEDPower
	Inventory    Inventory
}

// MEDCapabilities says what an endpoint can do.
type MEDCapabilities struct {
	Capable MEDSet
	// Class is 1 to 3 for endpoints, 4 for a network device.
	Class uint8
}

// MEDSet is a set of capabilities of LLDP-MED.
type MEDSet uint16

var medNames = [...]string{"Capabilities", "Policy", "Location", "MDI/PSE", "MDI/PD", "Inventory"}

// Names returns the names of the set.
func (s MEDSet) Names() []string {
	var out []string
	for i, name := range medNames {
		if s&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// Policy is the VLAN and the priorities of an application.
type Policy struct {
	// Application is 1 for voice, 2 voice signaling, 3 guest voice, 4 guest voice
	// signaling, 5 softphone voice, 6 video conferencing, 7 streaming video, 8
	// video signaling.
	Application     uint8
	Unknown, Tagged bool
	VLAN            uint16
	Priority, DSCP  uint8
}

var applicationNames = [...]string{
	1: "Voice", 2: "Voice Signaling", 3: "Guest Voice", 4: "Guest Voice Signaling", 5: "Softphone Voice",
	6: "Video Conferencing", 7: "Streaming Video", 8: "Video Signaling",
}

// ApplicationName returns the name of the application, or its number.
func (p *Policy) ApplicationName() string {
	if p.Application > 0 && int(p.Application) < len(applicationNames) {
		return applicationNames[p.Application]
	}
	return utoa(uint(p.Application))
}

// Location is where an endpoint is, in one of three forms.
type Location struct {
	// Format is 1 for coordinates (RFC 6225), 2 for a civic address (RFC 4776), 3
	// for the number of an emergency call service.
	Format uint8
	// Latitude and Longitude are in degrees, Altitude in the unit that AltitudeType
	// says: 1 meters, 2 floors.
	Latitude, Longitude, Altitude float64
	AltitudeType                  uint8
	// Country is a code of two letters, Civic the elements of the address.
	Country string
	Civic   []CivicElement
	// ELIN is the number of format 3. Value is hexadecimal for every other format.
	ELIN, Value string
}

// CivicElement is one part of a civic address: the type of RFC 4776, 3.4.
type CivicElement struct {
	Type  uint8
	Value string
}

// MEDPower is the extended power via MDI.
type MEDPower struct {
	// Type is 0 for what gives power, 1 for what takes it. Priority is 1 critical,
	// 2 high, 3 low, 0 unknown.
	Type, Source, Priority uint8
	// Value is in tenths of a watt.
	Value uint16
}

// Inventory is what an endpoint says of itself.
type Inventory struct {
	Hardware, Firmware, Software, Serial, Manufacturer, Model, Asset string
}

func (p *PDU) med(subtype uint8, v []byte) (known, ok bool) {
	m := &p.MED
	switch subtype {
	case 1:
		if len(v) < 3 {
			return true, false
		}
		m.Capabilities = &MEDCapabilities{MEDSet(binary.BigEndian.Uint16(v)), v[2]}
	case 2:
		if len(v) < 4 {
			return true, false
		}
		// U, T, a reserved bit, 12 bits of VLAN, 3 of priority, 6 of DSCP.
		w := uint32(v[1])<<16 | uint32(v[2])<<8 | uint32(v[3])
		m.Policies = keep(p, m.Policies, Policy{
			Application: v[0], Unknown: w>>23&1 != 0, Tagged: w>>22&1 != 0,
			VLAN: uint16(w >> 9 & 0xfff), Priority: uint8(w >> 6 & 7), DSCP: uint8(w & 0x3f),
		})
	case 3:
		l, ok := decodeLocation(v)
		if ok {
			m.Locations = keep(p, m.Locations, l)
		}
		return true, ok
	case 4:
		if len(v) < 3 {
			return true, false
		}
		m.Power = &MEDPower{v[0] >> 6, v[0] >> 4 & 3, v[0] & 15, binary.BigEndian.Uint16(v[1:])}
	case 5, 6, 7, 8, 9, 10, 11:
		i := &m.Inventory
		to := [...]*string{&i.Hardware, &i.Firmware, &i.Software, &i.Serial, &i.Manufacturer, &i.Model, &i.Asset}
		return true, once(to[subtype-5], v)
	default:
		return false, false
	}
	return true, true
}

func decodeLocation(v []byte) (l Location, ok bool) {
	if len(v) < 1 {
		return l, false
	}
	l.Format, v = v[0], v[1:]
	switch l.Format {
	case 1:
		if len(v) < 16 {
			return l, false
		}
		l.coordinates(v)
	case 2:
		return l, l.civic(v)
	case 3:
		l.ELIN = text(v)
	default:
		l.Value = hex.EncodeToString(v)
	}
	return l, true
}

// coordinates decodes location configuration information (RFC 6225, 2.2.1): 6
// bits of resolution and 34 of latitude, the same of longitude, 4 bits of
// altitude type, 6 of resolution and 30 of altitude, then the datum.
func (l *Location) coordinates(v []byte) {
	five := func(b []byte) uint64 {
		return uint64(b[0])<<32 | uint64(binary.BigEndian.Uint32(b[1:]))
	}
	degrees := func(u uint64) float64 {
		// 34 bits of two's complement, 25 of them behind the point.
		return float64(int64(u<<30)>>30) / (1 << 25)
	}
	l.Latitude, l.Longitude = degrees(five(v)), degrees(five(v[5:]))
	a := five(v[10:])
	l.AltitudeType = uint8(a >> 36)
	l.Altitude = float64(int64(a<<34)>>34) / (1 << 8)
}

// civic decodes a civic address: its length, what it describes, the country and
// elements of a type, a length and a value.
func (l *Location) civic(v []byte) bool {
	if len(v) < 4 || int(v[0]) > len(v)-1 || v[0] < 3 {
		return false
	}
	v = v[1 : 1+int(v[0])]
	l.Country, v = text(v[1:3]), v[3:]
	for len(v) >= 2 && len(l.Civic) < maxList {
		n := int(v[1])
		if len(v) < 2+n {
			return false
		}
		l.Civic = append(l.Civic, CivicElement{v[0], text(v[2 : 2+n])})
		v = v[2+n:]
	}
	return true
}
