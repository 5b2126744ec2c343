package openflow

import "strconv"

// Ethernet types and IP protocols that have names in a match.
const (
	etherIP    = 0x0800
	etherARP   = 0x0806
	etherRARP  = 0x8035
	etherIPv6  = 0x86dd
	etherMPLS  = 0x8847
	etherMPLSM = 0x8848
	etherNSH   = 0x894f

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132

	vlanPresent = 0x1000 // the CFI bit of a tag that is there
)

// printMatch prints the fields in the order in which ovs-ofctl does, whatever
// their order on the wire.
func (d *decoder) printMatch() {
	d.hex32(fPktMark, "pkt_mark")
	d.hex32(fRecircID, "recirc_id")
	d.hex32(fDPHash, "dp_hash")
	d.decimal(fConjID, "conj_id")
	d.plain(fActsetOutput, "actset_output")
	if s, ok := d.get(fCTState); ok {
		s.vague = number(s.mask)&^0xff != 0
		d.item("ct_state")
		d.text = appendFlagsMasked(d.text, ctStateName, uint32(number(s.value)), uint32(number(s.mask))&0xff, 0xff)
	}
	d.decimal(fCTZone, "ct_zone")
	d.hex32(fCTMark, "ct_mark")
	d.plain(fCTLabel, "ct_label")
	for _, id := range []fieldID{fCTNwSrc, fCTIPv6Src, fCTNwDst, fCTIPv6Dst} {
		d.plain(id, fields[id].name)
	}
	d.decimal(fCTNwProto, "ct_nw_proto")
	d.decimal(fCTTPSrc, "ct_tp_src")
	d.decimal(fCTTPDst, "ct_tp_dst")

	etherType := uint64(0)
	if s, ok := d.get(fEthType); ok {
		s.vague = !isOnes(s.mask)
		etherType = number(s.value)
	}
	if s, ok := d.get(fPacketType); ok {
		d.separate()
		d.text = appendPacketType(d.text, s.value, s.mask)
		if s.value[0] == 0 && s.value[1] == 1 {
			etherType = number(s.value[2:])
		}
	}
	typeShown, protoShown := d.protocol(etherType)
	for id := fReg0; id <= fReg31; id++ {
		d.hex32(id, fields[id].name)
	}
	d.tunnel()
	d.hex32(fMetadata, "metadata")
	d.plain(fInPort, "in_port")
	d.vlan()
	d.plain(fEthSrc, "dl_src")
	d.plain(fEthDst, "dl_dst")
	if _, ok := d.get(fEthType); ok && !typeShown {
		d.item("dl_type")
		d.text = appendHexPad(d.text, etherType, 4)
	}
	d.network(etherType, protoShown)
	d.mpls()
	if s, ok := d.get(fIPFrag); ok {
		s.vague = vagueFrag(s.value[0], s.mask[0])
		d.item("nw_frag")
		d.text = append(d.text, fragName(s.value[0], s.mask[0])...)
	}
	d.transport()
}

// protocol prints the short names: tcp, arp, mpls. It says whether with that the
// Ethernet type and the IP protocol have been said.
func (d *decoder) protocol(etherType uint64) (typeShown, protoShown bool) {
	if d.slotOf[fEthType] == 0 {
		return false, false
	}
	suffix := ""
	switch etherType {
	case etherIP:
	case etherIPv6:
		suffix = "6"
	case etherARP:
		d.word("arp")
		return true, false
	case etherRARP:
		d.word("rarp")
		return true, false
	case etherMPLS:
		d.word("mpls")
		return true, false
	case etherMPLSM:
		d.word("mplsm")
		return true, false
	default:
		return false, false
	}
	if s, ok := d.get(fNwProto); ok {
		proto := number(s.value)
		name := ""
		switch {
		case proto == protoICMP && suffix == "", proto == protoICMPv6 && suffix == "6":
			name = "icmp"
		case proto == protoTCP:
			name = "tcp"
		case proto == protoUDP:
			name = "udp"
		case proto == protoSCTP:
			name = "sctp"
		}
		if name != "" {
			s.vague = !isOnes(s.mask)
			d.word(name)
			d.text = append(d.text, suffix...)
			return true, true
		}
	}
	if suffix == "" {
		d.word("ip")
	} else {
		d.word("ipv6")
	}
	return true, false
}

func (d *decoder) tunnel() {
	d.hex32(fTunID, "tun_id")
	for id := fTunSrc; id <= fTunIPv6Dst; id++ {
		d.plain(id, fields[id].name)
	}
	d.decimal(fTunGBPID, "tun_gbp_id")
	d.hexSmall(fTunGBPFlags, "tun_gbp_flags")
	d.small(fTunERSPANVer, "tun_erspan_ver")
	d.hexSmall(fTunERSPANIdx, "tun_erspan_idx")
	d.small(fTunERSPANDir, "tun_erspan_dir")
	d.hexSmall(fTunERSPANHwID, "tun_erspan_hwid")
	d.hexSmall(fTunGTPUFlags, "gtpu_flags")
	d.small(fTunGTPUMsgType, "gtpu_msgtype")
	if s, ok := d.get(fTunFlags); ok {
		s.vague = number(s.mask)&^1 != 0
		d.item("tun_flags")
		// Bits that only the switch itself sees are never in the mask.
		d.text = appendFlagsMasked(d.text, tunFlagName, uint32(number(s.value)), uint32(number(s.mask))&1, 0xffff)
	}
	for id := fTunMetadata0; id <= fTunMetadata63; id++ {
		s, ok := d.get(id)
		if !ok {
			continue
		}
		d.word(id.info().name)
		s.vague = d.tunMetadata(s.value, s.mask)
	}
}

// tunMetadata prints a value that may be shorter than its field: leading bytes
// that neither value nor mask have do not count. With none left the field must
// be there, with any value. vague tells that an exact value has the same text.
func (d *decoder) tunMetadata(v, mask []byte) (vague bool) {
	for len(mask) > 0 && v[0] == 0 && mask[0] == 0 {
		v, mask, vague = v[1:], mask[1:], true
	}
	if len(mask) == 0 {
		return false
	}
	d.text = appendHex(append(d.text, '='), v)
	if !isOnes(mask) {
		d.text = appendHex(append(d.text, '/'), mask)
		return false
	}
	return vague
}

// vlan prints what is known of the outer tag, which the versions say in three
// ways: as a tag control word, as ID and priority, and as those of 1.0.
func (d *decoder) vlan() {
	var tci, mask uint64
	if s, ok := d.get(fVLANTCI); ok {
		tci, mask = number(s.value), number(s.mask)
	}
	if s, ok := d.get(fVLANVID); ok {
		m := number(s.mask) & 0x1fff
		tci, mask = tci&^0x1fff|number(s.value)&m, mask&^0x1fff|m
	}
	if s, ok := d.get(fDLVLAN); ok {
		if number(s.value) == 0xffff {
			tci, mask = 0, 0xffff
		} else {
			tci, mask = number(s.value)&0xfff|vlanPresent, 0x1fff
		}
	}
	for _, id := range []fieldID{fVLANPCP, fDLVLANPCP} {
		if s, ok := d.get(id); ok {
			s.vague = !isOnes(s.mask)
			tci, mask = tci&^0xe000|number(s.value)&7<<13|vlanPresent, mask|0xf000
		}
	}
	if mask == 0 {
		return
	}
	id, pcp := mask&0xfff, mask&0xe000
	switch {
	case mask&vlanPresent != 0 && tci&vlanPresent != 0 && (id == 0 || id == 0xfff) && (pcp == 0 || pcp == 0xe000) && id|pcp != 0:
		if id != 0 {
			d.item("dl_vlan")
			d.text = strconv.AppendUint(d.text, tci&0xfff, 10)
		}
		if pcp != 0 {
			d.item("dl_vlan_pcp")
			d.text = strconv.AppendUint(d.text, tci>>13, 10)
		}
	default:
		d.item("vlan_tci")
		d.text = appendHexPad(d.text, tci, 4)
		if mask != 0xffff {
			d.text = appendHexPad(append(d.text, '/'), mask, 4)
		}
	}
}

func (d *decoder) network(etherType uint64, protoShown bool) {
	switch etherType {
	case etherIPv6:
		d.plain(fIPv6Src, "ipv6_src")
		d.plain(fIPv6Dst, "ipv6_dst")
		if s, ok := d.get(fIPv6Label); ok {
			d.item("ipv6_label")
			d.text = appendHexPad(d.text, number(s.value), 5)
			s.vague = !isOnes(s.mask) && number(s.mask)&0xfffff == 0xfffff
			if m := number(s.mask); m&0xfffff != 0xfffff {
				d.text = appendHexPad(append(d.text, '/'), m, 5)
			}
		}
	case etherARP, etherRARP:
		d.plain(fARPSPA, "arp_spa")
		d.plain(fARPTPA, "arp_tpa")
		d.small(fARPOp, "arp_op")
		d.plain(fARPSHA, "arp_sha")
		d.plain(fARPTHA, "arp_tha")
	case etherNSH:
		d.nsh()
	default:
		d.plain(fIPSrc, "nw_src")
		d.plain(fIPDst, "nw_dst")
	}
	if !protoShown {
		d.small(fNwProto, "nw_proto")
	}
	if s, ok := d.get(fNwTOS); ok {
		s.vague = !isOnes(s.mask)
		d.item("nw_tos")
		d.text = strconv.AppendUint(d.text, number(s.value)&0xfc, 10)
	}
	if s, ok := d.get(fIPDSCP); ok {
		s.vague = !isOnes(s.mask)
		d.item("nw_tos")
		d.text = strconv.AppendUint(d.text, number(s.value)<<2&0xfc, 10)
	}
	if s, ok := d.get(fNwECN); ok {
		s.vague = !isOnes(s.mask)
		d.item("nw_ecn")
		d.text = strconv.AppendUint(d.text, number(s.value)&3, 10)
	}
	d.small(fNwTTL, "nw_ttl")
}

func (d *decoder) nsh() {
	d.padded(fNSHFlags, "nsh_flags", 2)
	d.padded(fNSHTTL, "nsh_ttl", 2)
	d.padded(fNSHMDType, "nsh_mdtype", 2)
	d.padded(fNSHNP, "nsh_np", 2)
	d.hexFull(fNSHSPI, "nsh_spi", 0xffffff)
	d.padded(fNSHSI, "nsh_si", 2)
	for id := fNSHC1; id <= fNSHC4; id++ {
		d.hexFull(id, fields[id].name, 0xffffffff)
	}
}

func (d *decoder) mpls() {
	d.small(fMPLSLabel, "mpls_label")
	d.small(fMPLSTC, "mpls_tc")
	d.small(fMPLSTTL, "mpls_ttl")
	d.small(fMPLSBOS, "mpls_bos")
}

func (d *decoder) transport() {
	d.decimal(fICMPType, "icmp_type")
	d.decimal(fICMPCode, "icmp_code")
	d.decimal(fICMPv6Type, "icmp_type")
	d.decimal(fICMPv6Code, "icmp_code")
	d.plain(fNDTarget, "nd_target")
	d.plain(fNDSLL, "nd_sll")
	d.plain(fNDTLL, "nd_tll")
	d.padded(fNDReserved, "nd_reserved", 8)
	d.decimal(fNDOptionsType, "nd_options_type")
	for _, id := range []fieldID{fTCPSrc, fUDPSrc, fSCTPSrc} {
		d.decimal(id, "tp_src")
	}
	for _, id := range []fieldID{fTCPDst, fUDPDst, fSCTPDst} {
		d.decimal(id, "tp_dst")
	}
	if s, ok := d.get(fTCPFlags); ok {
		m := number(s.mask)
		s.vague = m != 0xffff && (m&^0xfff != 0 || m == 0xfff)
		d.item("tcp_flags")
		d.text = appendFlagsMasked(d.text, tcpFlagName, uint32(number(s.value)), uint32(number(s.mask))&0xfff, 0xfff)
	}
}
