package lldp

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// Dot3 is what the TLVs of IEEE 802.3 say (802.3-2022, clause 79). Pointers are
// nil for what was not sent.
type Dot3 struct {
	PHY   *PHY
	Power *Power
	// LinkAggregation is deprecated in favour of the one of [Dot1].
	LinkAggregation *LinkAggregation
	// MaxFrameSize is in bytes, 0 when it was not sent.
	MaxFrameSize uint16
	EEE          *EEE
	// Ethernet is the value of additional Ethernet capabilities (frame preemption)
	// in hexadecimal.
	Ethernet string
}

// PHY is the configuration of the physical layer.
type PHY struct {
	Supported, Enabled bool // auto-negotiation
	// Advertised are bits of ifMauAutoNegCapAdvertisedBits (RFC 4836); the first
	// bit, "other", is 0x8000.
	Advertised uint16
	// MAU is the operational type, a number of dot3MauType (RFC 4836), and MAUName
	// what it is called, "" for one without a name here.
	MAU     uint16
	MAUName string
}

var advertisedNames = [16]string{
	"other", "10BASE-T", "10BASE-T full", "100BASE-T4", "100BASE-TX", "100BASE-TX full", "100BASE-T2", "100BASE-T2 full",
	"PAUSE", "asymmetric PAUSE", "symmetric PAUSE", "both PAUSE", "1000BASE-X", "1000BASE-X full", "1000BASE-T", "1000BASE-T full",
}

// AdvertisedNames returns the names of what is advertised.
func (p *PHY) AdvertisedNames() []string {
	var out []string
	for i, name := range advertisedNames {
		if p.Advertised&(0x8000>>i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// mauNames are the types of IANA-MAU-MIB that devices of today send.
var mauNames = map[uint16]string{
	1: "AUI", 2: "10BASE-5", 4: "10BASE-2", 5: "10BASE-T", 6: "10BASE-FP", 7: "10BASE-FB", 8: "10BASE-FL",
	10: "10BASE-T half", 11: "10BASE-T full", 12: "10BASE-FL half", 13: "10BASE-FL full",
	14: "100BASE-T4", 15: "100BASE-TX half", 16: "100BASE-TX full", 17: "100BASE-FX half", 18: "100BASE-FX full",
	19: "100BASE-T2 half", 20: "100BASE-T2 full", 21: "1000BASE-X half", 22: "1000BASE-X full",
	23: "1000BASE-LX half", 24: "1000BASE-LX full", 25: "1000BASE-SX half", 26: "1000BASE-SX full",
	27: "1000BASE-CX half", 28: "1000BASE-CX full", 29: "1000BASE-T half", 30: "1000BASE-T full",
	31: "10GBASE-X", 32: "10GBASE-LX4", 33: "10GBASE-R", 34: "10GBASE-ER", 35: "10GBASE-LR", 36: "10GBASE-SR",
	37: "10GBASE-W", 38: "10GBASE-EW", 39: "10GBASE-LW", 40: "10GBASE-SW", 41: "10GBASE-CX4",
	42: "2BASE-TL", 43: "10PASS-TS", 44: "100BASE-BX10D", 45: "100BASE-BX10U", 46: "100BASE-LX10",
	47: "1000BASE-BX10D", 48: "1000BASE-BX10U", 49: "1000BASE-LX10", 50: "1000BASE-PX10D", 51: "1000BASE-PX10U",
	52: "1000BASE-PX20D", 53: "1000BASE-PX20U", 54: "10GBASE-T", 55: "10GBASE-LRM", 56: "1000BASE-KX",
	57: "10GBASE-KX4", 58: "10GBASE-KR", 70: "40GBASE-KR4", 71: "40GBASE-CR4", 72: "40GBASE-SR4", 73: "40GBASE-FR",
	74: "40GBASE-LR4", 75: "100GBASE-CR10", 76: "100GBASE-SR10", 77: "100GBASE-LR4", 78: "100GBASE-ER4",
}

// FindMAU returns the type of a name in the spelling of lldpd, for example
// "100BaseTXFD", and its name here; 0 and the name as it is for one that is not
// known.
func FindMAU(name string) (mau uint16, known string) {
	spelling := strings.NewReplacer("-", "", " full", "fd", " half", "hd")
	for n, s := range mauNames {
		if strings.EqualFold(spelling.Replace(s), name) {
			return n, s
		}
	}
	return 0, name
}

// Power is power over Ethernet (power via MDI).
type Power struct {
	// PSE tells that the port gives power; else it takes it.
	PSE                          bool
	Supported, Enabled, Switched bool
	// Pairs is 1 for the signal pairs, 2 for the spare ones. Class is the class of
	// power plus one.
	Pairs, Class uint8
	// HasDLL tells that the extension of 802.3at is there: the three below.
	HasDLL bool
	// Type is bits 7 and 6, Source bits 5 and 4, Priority bits 1 and 0 of the
	// octet: 1 critical, 2 high, 3 low.
	Type, Source, Priority uint8
	// Requested and Allocated are in tenths of a watt.
	Requested, Allocated uint16
}

// EEE is energy efficient Ethernet, all in microseconds.
type EEE struct{ Transmit, Receive, Fallback, EchoTransmit, EchoReceive uint16 }

func (d *Dot3) decode(subtype uint8, v []byte) (known, ok bool) {
	switch subtype {
	case 1:
		if len(v) < 5 {
			return true, false
		}
		mau := binary.BigEndian.Uint16(v[3:])
		d.PHY = &PHY{v[0]&1 != 0, v[0]&2 != 0, binary.BigEndian.Uint16(v[1:]), mau, mauNames[mau]}
	case 2:
		if len(v) < 3 {
			return true, false
		}
		w := &Power{
			PSE: v[0]&1 != 0, Supported: v[0]&2 != 0, Enabled: v[0]&4 != 0, Switched: v[0]&8 != 0, Pairs: v[1], Class: v[2],
		}
		if len(v) >= 8 {
			w.HasDLL = true
			w.Type, w.Source, w.Priority = v[3]>>6, v[3]>>4&3, v[3]&3
			w.Requested, w.Allocated = binary.BigEndian.Uint16(v[4:]), binary.BigEndian.Uint16(v[6:])
		}
		d.Power = w
	case 3:
		return true, decodeLinkAggregation(&d.LinkAggregation, v)
	case 4:
		if len(v) < 2 {
			return true, false
		}
		d.MaxFrameSize = binary.BigEndian.Uint16(v)
	case 5:
		if len(v) < 10 {
			return true, false
		}
		at := func(i int) uint16 { return binary.BigEndian.Uint16(v[2*i:]) }
		d.EEE = &EEE{at(0), at(1), at(2), at(3), at(4)}
	case 7:
		d.Ethernet = hex.EncodeToString(v)
	default:
		return false, false
	}
	return true, true
}
