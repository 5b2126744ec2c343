package lldp

import (
	"encoding/binary"
	"encoding/hex"
)

// Dot1 is what the TLVs of IEEE 802.1 say (802.1Q-2022, annex D; the link
// aggregation of 802.1AX). Pointers are nil for what was not sent.
type Dot1 struct {
	// PVID is the VLAN of untagged frames; 0: not supported or not known.
	PVID   *uint16
	PPVIDs []PPVID
	// VLANs are the names of VLANs, Protocols the protocol identities in
	// hexadecimal.
	VLANs           []VLAN
	Protocols       []string
	VIDUsageDigest  *uint32
	ManagementVID   *uint16
	LinkAggregation *LinkAggregation
	Congestion      *Congestion
	// ETS and ETSRecommended are the enhanced transmission selection of the port,
	// and what it recommends to its neighbour.
	ETS, ETSRecommended *ETS
	PFC                 *PFC
	Applications        []Application
	// EVB and CDCP are the values of edge virtual bridging and of S-channels in
	// hexadecimal.
	EVB, CDCP string
}

// PPVID is a port and protocol VLAN.
type PPVID struct {
	Supported, Enabled bool
	ID                 uint16
}

// VLAN is a VLAN and its name.
type VLAN struct {
	ID   uint16
	Name string
}

// LinkAggregation says whether the port is part of a link aggregation.
type LinkAggregation struct {
	Supported, Enabled bool
	// PortID is the number of the aggregated port, 0 for none.
	PortID uint32
	// PortType is bits 2 and 3 of the status (802.1AX): 0 not specified, 1 from
	// end station, 2 from bridge.
	PortType uint8
}

// Congestion says for which priorities congestion notification is on: bit 0 is
// priority 0.
type Congestion struct{ Supported, Ready uint8 }

// ETS is the enhanced transmission selection of a port. Of what it recommends
// Willing, CreditBased and Classes are not set.
type ETS struct {
	Willing, CreditBased bool
	Classes              uint8 // 0 means 8
	// Priorities tells the traffic class of each priority, Bandwidth the percents
	// and Algorithms the selection of each class.
	Priorities, Bandwidth, Algorithms [8]uint8
}

// PFC is the priority-based flow control of a port: Enabled has a bit for each
// priority.
type PFC struct {
	Willing, MACsecBypass bool
	Capability, Enabled   uint8
}

// Application is the priority of a protocol. Selector 1 is an EtherType, 2 a TCP
// or SCTP port, 3 a UDP or DCCP one, 4 a port of any, 5 a DSCP.
type Application struct {
	Priority, Selector uint8
	Protocol           uint16
}

func decodeLinkAggregation(to **LinkAggregation, v []byte) bool {
	if len(v) < 5 {
		return false
	}
	*to = &LinkAggregation{
		Supported: v[0]&1 != 0, Enabled: v[0]&2 != 0, PortType: v[0] >> 2 & 3,
		PortID: binary.BigEndian.Uint32(v[1:]),
	}
	return true
}

// dot1 decodes a TLV of IEEE 802.1.
func (p *PDU) dot1(subtype uint8, v []byte) (known, ok bool) {
	d := &p.Dot1
	switch subtype {
	case 1:
		return true, uint16At(&d.PVID, v)
	case 2:
		if len(v) < 3 {
			return true, false
		}
		d.PPVIDs = keep(p, d.PPVIDs, PPVID{v[0]&2 != 0, v[0]&4 != 0, binary.BigEndian.Uint16(v[1:])})
	case 3:
		if len(v) < 3 || len(v) < 3+int(v[2]) || v[2] > 32 {
			return true, false
		}
		d.VLANs = keep(p, d.VLANs, VLAN{binary.BigEndian.Uint16(v), text(v[3 : 3+int(v[2])])})
	case 4:
		if len(v) < 1 || len(v) < 1+int(v[0]) {
			return true, false
		}
		if v[0] > 0 {
			d.Protocols = keep(p, d.Protocols, hex.EncodeToString(v[1:1+int(v[0])]))
		}
	case 5:
		if len(v) < 4 {
			return true, false
		}
		u := binary.BigEndian.Uint32(v)
		d.VIDUsageDigest = &u
	case 6:
		return true, uint16At(&d.ManagementVID, v)
	case 7:
		return true, decodeLinkAggregation(&d.LinkAggregation, v)
	case 8:
		if len(v) < 2 {
			return true, false
		}
		d.Congestion = &Congestion{v[0], v[1]}
	case 9:
		return true, decodeETS(&d.ETS, v, false)
	case 10:
		return true, decodeETS(&d.ETSRecommended, v, true)
	case 11:
		if len(v) < 2 {
			return true, false
		}
		d.PFC = &PFC{v[0]&0x80 != 0, v[0]&0x40 != 0, v[0] & 15, v[1]}
	case 12:
		if len(v) < 1 || (len(v)-1)%3 != 0 {
			return true, false
		}
		for v = v[1:]; len(v) >= 3; v = v[3:] {
			d.Applications = keep(p, d.Applications, Application{v[0] >> 5, v[0] & 7, binary.BigEndian.Uint16(v[1:])})
		}
	case 13:
		d.EVB = hex.EncodeToString(v)
	case 14:
		d.CDCP = hex.EncodeToString(v)
	default:
		return false, false
	}
	return true, true
}

func decodeETS(to **ETS, v []byte, recommended bool) bool {
	if len(v) < 21 {
		return false
	}
	e := new(ETS)
	if !recommended {
		e.Willing, e.CreditBased, e.Classes = v[0]&0x80 != 0, v[0]&0x40 != 0, v[0]&7
	}
	for i := range 8 {
		e.Priorities[i] = v[1+i/2] >> (4 * (1 - i%2)) & 15
	}
	copy(e.Bandwidth[:], v[5:13])
	copy(e.Algorithms[:], v[13:21])
	*to = e
	return true
}

// uint16At sets a number that is the whole value.
func uint16At(to **uint16, v []byte) bool {
	if len(v) < 2 {
		return false
	}
	u := binary.BigEndian.Uint16(v)
	*to = &u
	return true
}
