package openflow

import "encoding/binary"

// Wildcards of 1.0 (OFPFW10): a bit that is set makes its field match anything.
const (
	wild10InPort  = 1 << 0
	wild10VLAN    = 1 << 1
	wild10EthSrc  = 1 << 2
	wild10EthDst  = 1 << 3
	wild10EthType = 1 << 4
	wild10Proto   = 1 << 5
	wild10TPSrc   = 1 << 6
	wild10TPDst   = 1 << 7
	wild10PCP     = 1 << 20
	wild10TOS     = 1 << 21
	vlanNone      = 0xffff // no tag
)

// match10 reads struct ofp10_match, 40 bytes.
func (d *decoder) match10(r *Rule, b []byte) {
	d.reset()
	w := binary.BigEndian.Uint32(b)
	exact := func(wild uint32, id fieldID, v []byte) {
		if w&wild == 0 {
			d.set(id, v, d.ones(len(v)))
		}
	}
	exact(wild10InPort, fInPort, b[4:6])
	exact(wild10EthSrc, fEthSrc, b[6:12])
	exact(wild10EthDst, fEthDst, b[12:18])
	exact(wild10VLAN, fDLVLAN, b[18:20])
	if binary.BigEndian.Uint16(b[18:]) != vlanNone || w&wild10VLAN != 0 {
		exact(wild10PCP, fDLVLANPCP, b[20:21])
	}
	exact(wild10EthType, fEthType, b[22:24])
	etherType, proto := 0, 0
	if w&wild10EthType == 0 {
		etherType = int(binary.BigEndian.Uint16(b[22:]))
	}
	src, dst := fIPSrc, fIPDst
	if etherType == etherARP || etherType == etherRARP {
		src, dst = fARPSPA, fARPTPA
		if w&wild10Proto == 0 {
			d.set(fARPOp, d.keep(0, b[25]), d.ones(2))
		}
	} else {
		// The specification has these for IPv4 only; Open vSwitch also says them of
		// IPv6, and addresses of packets that are no Ethernet.
		exact(wild10TOS, fNwTOS, b[24:25])
		exact(wild10Proto, fNwProto, b[25:26])
		if w&wild10Proto == 0 {
			proto = int(b[25])
		}
	}
	prefix := func(wild uint32, id fieldID, v []byte) {
		if wild < 32 && etherType != etherIPv6 {
			d.set(id, v, binary.BigEndian.AppendUint32(nil, ^uint32(0)<<wild))
		}
	}
	prefix(w>>8&0x3f, src, b[28:32])
	prefix(w>>14&0x3f, dst, b[32:36])
	d.ports(proto, b[36:38], b[38:40], w&wild10TPSrc == 0, w&wild10TPDst == 0)
	d.finishMatch(r)
}

// ports notes the ports of a fixed match, which for ICMP are type and code.
func (d *decoder) ports(proto int, src, dst []byte, hasSrc, hasDst bool) {
	var srcID, dstID fieldID
	switch proto {
	case protoTCP:
		srcID, dstID = fTCPSrc, fTCPDst
	case protoUDP:
		srcID, dstID = fUDPSrc, fUDPDst
	case protoSCTP:
		srcID, dstID = fSCTPSrc, fSCTPDst
	case protoICMP:
		srcID, dstID, src, dst = fICMPType, fICMPCode, src[1:], dst[1:]
	case protoICMPv6:
		srcID, dstID, src, dst = fICMPv6Type, fICMPv6Code, src[1:], dst[1:]
	default:
		return
	}
	if hasSrc {
		d.set(srcID, src, d.ones(len(src)))
	}
	if hasDst {
		d.set(dstID, dst, d.ones(len(dst)))
	}
}

// Wildcards of 1.1 (OFPFW11); addresses and metadata have masks, in which a bit
// that is set is wild.
const (
	wild11InPort    = 1 << 0
	wild11VLAN      = 1 << 1
	wild11PCP       = 1 << 2
	wild11EthType   = 1 << 3
	wild11TOS       = 1 << 4
	wild11Proto     = 1 << 5
	wild11TPSrc     = 1 << 6
	wild11TPDst     = 1 << 7
	wild11MPLSLabel = 1 << 8
	wild11MPLSTC    = 1 << 9
	vlan11Any       = 0xfffe // a tag, whatever its ID
)

// match11 reads struct ofp11_match (OFPMT_STANDARD), 88 bytes. Open vSwitch
// sends OXM in 1.1 too; other switches send this.
func (d *decoder) match11(r *Rule, b []byte) {
	d.reset()
	w := binary.BigEndian.Uint32(b[8:])
	exact := func(wild uint32, id fieldID, v []byte) {
		if w&wild == 0 {
			d.set(id, v, d.ones(len(v)))
		}
	}
	masked := func(id fieldID, v, wild []byte) {
		mask := d.keep(wild...)
		for i := range mask {
			mask[i] = ^mask[i]
		}
		if !isZero(mask) {
			d.set(id, v, mask)
		}
	}
	exact(wild11InPort, fInPort, b[6:8])
	masked(fEthSrc, b[12:18], b[18:24])
	masked(fEthDst, b[24:30], b[30:36])
	if w&wild11VLAN == 0 {
		switch binary.BigEndian.Uint16(b[36:]) {
		case vlan11Any:
			d.set(fVLANTCI, d.keep(vlanPresent>>8, 0), d.keep(vlanPresent>>8, 0))
			exact(wild11PCP, fDLVLANPCP, b[38:39])
		case vlanNone:
			d.set(fDLVLAN, b[36:38], d.ones(2))
		default:
			d.set(fDLVLAN, b[36:38], d.ones(2))
			exact(wild11PCP, fDLVLANPCP, b[38:39])
		}
	}
	exact(wild11EthType, fEthType, b[40:42])
	etherType, proto := 0, 0
	if w&wild11EthType == 0 {
		etherType = int(binary.BigEndian.Uint16(b[40:]))
	}
	switch etherType {
	case etherIP, etherIPv6:
		exact(wild11TOS, fNwTOS, b[42:43])
		exact(wild11Proto, fNwProto, b[43:44])
		if w&wild11Proto == 0 {
			proto = int(b[43])
		}
		if etherType == etherIP {
			masked(fIPSrc, b[44:48], b[48:52])
			masked(fIPDst, b[52:56], b[56:60])
		}
	case etherARP, etherRARP:
		if w&wild11Proto == 0 {
			d.set(fARPOp, d.keep(0, b[43]), d.ones(2))
		}
		masked(fARPSPA, b[44:48], b[48:52])
		masked(fARPTPA, b[52:56], b[56:60])
	case etherMPLS, etherMPLSM:
		exact(wild11MPLSLabel, fMPLSLabel, b[64:68])
		exact(wild11MPLSTC, fMPLSTC, b[68:69])
	}
	d.ports(proto, b[60:62], b[62:64], w&wild11TPSrc == 0, w&wild11TPDst == 0)
	masked(fMetadata, b[72:80], b[80:88])
	d.finishMatch(r)
}
