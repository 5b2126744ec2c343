package openflow

import "strconv"

// form is how a field's value is printed.
type form uint8

const (
	formDecimal form = iota
	formHex
	formMAC
	formIPv4
	formIPv6
	formPort   // two bytes, numbers of 1.0
	formPort11 // four bytes, numbers of 1.1 and later
	formFrag
	formTunFlags
	formTCPFlags
	formCTState
	formPacketType
)

// field is one field of a packet or of its metadata, by the names and numbers
// of ovs-fields(7).
type field struct {
	name string
	// oxm is the name of the field where a part of it is named: that of its
	// older number when it has two (NXM_OF_ETH_SRC, not OXM_OF_ETH_SRC).
	oxm   string
	bits  int
	bytes int // 0: any number (tun_metadata)
	form  form
}

// fieldID is a field's place in fields.
type fieldID uint8

// noField is what is not known.
const noField fieldID = 255

// fields are all fields that have a number on the wire, in Open vSwitch's
// order, in which lists of fields are printed.
var fields = [...]field{
	fDPHash:         {"dp_hash", "NXM_NX_DP_HASH", 32, 4, formHex},
	fRecircID:       {"recirc_id", "NXM_NX_RECIRC_ID", 32, 4, formDecimal},
	fPacketType:     {"packet_type", "OXM_OF_PACKET_TYPE", 32, 4, formPacketType},
	fConjID:         {"conj_id", "NXM_NX_CONJ_ID", 32, 4, formDecimal},
	fTunID:          {"tun_id", "NXM_NX_TUN_ID", 64, 8, formHex},
	fTunSrc:         {"tun_src", "NXM_NX_TUN_IPV4_SRC", 32, 4, formIPv4},
	fTunDst:         {"tun_dst", "NXM_NX_TUN_IPV4_DST", 32, 4, formIPv4},
	fTunIPv6Src:     {"tun_ipv6_src", "NXM_NX_TUN_IPV6_SRC", 128, 16, formIPv6},
	fTunIPv6Dst:     {"tun_ipv6_dst", "NXM_NX_TUN_IPV6_DST", 128, 16, formIPv6},
	fTunFlags:       {"tun_flags", "NXM_NX_TUN_FLAGS", 1, 2, formTunFlags},
	fTunGBPID:       {"tun_gbp_id", "NXM_NX_TUN_GBP_ID", 16, 2, formDecimal},
	fTunGBPFlags:    {"tun_gbp_flags", "NXM_NX_TUN_GBP_FLAGS", 8, 1, formHex},
	fTunERSPANIdx:   {"tun_erspan_idx", "NXOXM_ET_ERSPAN_IDX", 20, 4, formHex},
	fTunERSPANVer:   {"tun_erspan_ver", "NXOXM_ET_ERSPAN_VER", 4, 1, formDecimal},
	fTunERSPANDir:   {"tun_erspan_dir", "NXOXM_ET_ERSPAN_DIR", 1, 1, formDecimal},
	fTunERSPANHwID:  {"tun_erspan_hwid", "NXOXM_ET_ERSPAN_HWID", 6, 1, formHex},
	fTunGTPUFlags:   {"tun_gtpu_flags", "NXOXM_ET_GTPU_FLAGS", 8, 1, formHex},
	fTunGTPUMsgType: {"tun_gtpu_msgtype", "NXOXM_ET_GTPU_MSGTYPE", 8, 1, formDecimal},
	// tun_metadata0 to 63 are made by fieldOf
	fMetadata:      {"metadata", "OXM_OF_METADATA", 64, 8, formHex},
	fInPort:        {"in_port", "NXM_OF_IN_PORT", 16, 2, formPort},
	fInPortOXM:     {"in_port_oxm", "OXM_OF_IN_PORT", 32, 4, formPort11},
	fInPhyPort:     {"in_phy_port", "OXM_OF_IN_PHY_PORT", 32, 4, formPort11},
	fActsetOutput:  {"actset_output", "ONFOXM_ET_ACTSET_OUTPUT", 32, 4, formPort11},
	fPktMark:       {"pkt_mark", "NXM_NX_PKT_MARK", 32, 4, formHex},
	fCTState:       {"ct_state", "NXM_NX_CT_STATE", 32, 4, formCTState},
	fCTZone:        {"ct_zone", "NXM_NX_CT_ZONE", 16, 2, formHex},
	fCTMark:        {"ct_mark", "NXM_NX_CT_MARK", 32, 4, formHex},
	fCTLabel:       {"ct_label", "NXM_NX_CT_LABEL", 128, 16, formHex},
	fCTNwProto:     {"ct_nw_proto", "NXM_NX_CT_NW_PROTO", 8, 1, formDecimal},
	fCTNwSrc:       {"ct_nw_src", "NXM_NX_CT_NW_SRC", 32, 4, formIPv4},
	fCTNwDst:       {"ct_nw_dst", "NXM_NX_CT_NW_DST", 32, 4, formIPv4},
	fCTIPv6Src:     {"ct_ipv6_src", "NXM_NX_CT_IPV6_SRC", 128, 16, formIPv6},
	fCTIPv6Dst:     {"ct_ipv6_dst", "NXM_NX_CT_IPV6_DST", 128, 16, formIPv6},
	fCTTPSrc:       {"ct_tp_src", "NXM_NX_CT_TP_SRC", 16, 2, formDecimal},
	fCTTPDst:       {"ct_tp_dst", "NXM_NX_CT_TP_DST", 16, 2, formDecimal},
	fReg0:          {"reg0", "NXM_NX_REG0", 32, 4, formHex},
	fReg0 + 1:      {"reg1", "NXM_NX_REG1", 32, 4, formHex},
	fReg0 + 2:      {"reg2", "NXM_NX_REG2", 32, 4, formHex},
	fReg0 + 3:      {"reg3", "NXM_NX_REG3", 32, 4, formHex},
	fReg0 + 4:      {"reg4", "NXM_NX_REG4", 32, 4, formHex},
	fReg0 + 5:      {"reg5", "NXM_NX_REG5", 32, 4, formHex},
	fReg0 + 6:      {"reg6", "NXM_NX_REG6", 32, 4, formHex},
	fReg0 + 7:      {"reg7", "NXM_NX_REG7", 32, 4, formHex},
	fReg0 + 8:      {"reg8", "NXM_NX_REG8", 32, 4, formHex},
	fReg0 + 9:      {"reg9", "NXM_NX_REG9", 32, 4, formHex},
	fReg0 + 10:     {"reg10", "NXM_NX_REG10", 32, 4, formHex},
	fReg0 + 11:     {"reg11", "NXM_NX_REG11", 32, 4, formHex},
	fReg0 + 12:     {"reg12", "NXM_NX_REG12", 32, 4, formHex},
	fReg0 + 13:     {"reg13", "NXM_NX_REG13", 32, 4, formHex},
	fReg0 + 14:     {"reg14", "NXM_NX_REG14", 32, 4, formHex},
	fReg0 + 15:     {"reg15", "NXM_NX_REG15", 32, 4, formHex},
	fReg0 + 16:     {"reg16", "NXOXM_ET_REG16", 32, 4, formHex},
	fReg0 + 17:     {"reg17", "NXOXM_ET_REG17", 32, 4, formHex},
	fReg0 + 18:     {"reg18", "NXOXM_ET_REG18", 32, 4, formHex},
	fReg0 + 19:     {"reg19", "NXOXM_ET_REG19", 32, 4, formHex},
	fReg0 + 20:     {"reg20", "NXOXM_ET_REG20", 32, 4, formHex},
	fReg0 + 21:     {"reg21", "NXOXM_ET_REG21", 32, 4, formHex},
	fReg0 + 22:     {"reg22", "NXOXM_ET_REG22", 32, 4, formHex},
	fReg0 + 23:     {"reg23", "NXOXM_ET_REG23", 32, 4, formHex},
	fReg0 + 24:     {"reg24", "NXOXM_ET_REG24", 32, 4, formHex},
	fReg0 + 25:     {"reg25", "NXOXM_ET_REG25", 32, 4, formHex},
	fReg0 + 26:     {"reg26", "NXOXM_ET_REG26", 32, 4, formHex},
	fReg0 + 27:     {"reg27", "NXOXM_ET_REG27", 32, 4, formHex},
	fReg0 + 28:     {"reg28", "NXOXM_ET_REG28", 32, 4, formHex},
	fReg0 + 29:     {"reg29", "NXOXM_ET_REG29", 32, 4, formHex},
	fReg0 + 30:     {"reg30", "NXOXM_ET_REG30", 32, 4, formHex},
	fReg31:         {"reg31", "NXOXM_ET_REG31", 32, 4, formHex},
	fXReg0:         {"xreg0", "OXM_OF_PKT_REG0", 64, 8, formHex},
	fXReg0 + 1:     {"xreg1", "OXM_OF_PKT_REG1", 64, 8, formHex},
	fXReg0 + 2:     {"xreg2", "OXM_OF_PKT_REG2", 64, 8, formHex},
	fXReg0 + 3:     {"xreg3", "OXM_OF_PKT_REG3", 64, 8, formHex},
	fXReg0 + 4:     {"xreg4", "OXM_OF_PKT_REG4", 64, 8, formHex},
	fXReg0 + 5:     {"xreg5", "OXM_OF_PKT_REG5", 64, 8, formHex},
	fXReg0 + 6:     {"xreg6", "OXM_OF_PKT_REG6", 64, 8, formHex},
	fXReg0 + 7:     {"xreg7", "OXM_OF_PKT_REG7", 64, 8, formHex},
	fXReg0 + 8:     {"xreg8", "OXM_OF_PKT_REG8", 64, 8, formHex},
	fXReg0 + 9:     {"xreg9", "OXM_OF_PKT_REG9", 64, 8, formHex},
	fXReg0 + 10:    {"xreg10", "OXM_OF_PKT_REG10", 64, 8, formHex},
	fXReg0 + 11:    {"xreg11", "OXM_OF_PKT_REG11", 64, 8, formHex},
	fXReg0 + 12:    {"xreg12", "OXM_OF_PKT_REG12", 64, 8, formHex},
	fXReg0 + 13:    {"xreg13", "OXM_OF_PKT_REG13", 64, 8, formHex},
	fXReg0 + 14:    {"xreg14", "OXM_OF_PKT_REG14", 64, 8, formHex},
	fXReg15:        {"xreg15", "OXM_OF_PKT_REG15", 64, 8, formHex},
	fXXReg0:        {"xxreg0", "NXM_NX_XXREG0", 128, 16, formHex},
	fXXReg0 + 1:    {"xxreg1", "NXM_NX_XXREG1", 128, 16, formHex},
	fXXReg0 + 2:    {"xxreg2", "NXM_NX_XXREG2", 128, 16, formHex},
	fXXReg0 + 3:    {"xxreg3", "NXM_NX_XXREG3", 128, 16, formHex},
	fXXReg0 + 4:    {"xxreg4", "NXOXM_ET_XXREG4", 128, 16, formHex},
	fXXReg0 + 5:    {"xxreg5", "NXOXM_ET_XXREG5", 128, 16, formHex},
	fXXReg0 + 6:    {"xxreg6", "NXOXM_ET_XXREG6", 128, 16, formHex},
	fXXReg7:        {"xxreg7", "NXOXM_ET_XXREG7", 128, 16, formHex},
	fEthSrc:        {"eth_src", "NXM_OF_ETH_SRC", 48, 6, formMAC},
	fEthDst:        {"eth_dst", "NXM_OF_ETH_DST", 48, 6, formMAC},
	fEthType:       {"eth_type", "NXM_OF_ETH_TYPE", 16, 2, formHex},
	fVLANTCI:       {"vlan_tci", "NXM_OF_VLAN_TCI", 16, 2, formHex},
	fDLVLAN:        {"dl_vlan", "dl_vlan", 12, 2, formDecimal},
	fVLANVID:       {"vlan_vid", "OXM_OF_VLAN_VID", 12, 2, formDecimal},
	fDLVLANPCP:     {"dl_vlan_pcp", "dl_vlan_pcp", 3, 1, formDecimal},
	fVLANPCP:       {"vlan_pcp", "OXM_OF_VLAN_PCP", 3, 1, formDecimal},
	fMPLSLabel:     {"mpls_label", "OXM_OF_MPLS_LABEL", 20, 4, formDecimal},
	fMPLSTC:        {"mpls_tc", "OXM_OF_MPLS_TC", 3, 1, formDecimal},
	fMPLSBOS:       {"mpls_bos", "OXM_OF_MPLS_BOS", 1, 1, formDecimal},
	fMPLSTTL:       {"mpls_ttl", "NXM_NX_MPLS_TTL", 8, 1, formDecimal},
	fIPSrc:         {"ip_src", "NXM_OF_IP_SRC", 32, 4, formIPv4},
	fIPDst:         {"ip_dst", "NXM_OF_IP_DST", 32, 4, formIPv4},
	fIPv6Src:       {"ipv6_src", "NXM_NX_IPV6_SRC", 128, 16, formIPv6},
	fIPv6Dst:       {"ipv6_dst", "NXM_NX_IPV6_DST", 128, 16, formIPv6},
	fIPv6Label:     {"ipv6_label", "NXM_NX_IPV6_LABEL", 20, 4, formHex},
	fIPv6ExtHdr:    {"ipv6_exthdr", "OXM_OF_IPV6_EXTHDR", 9, 2, formHex},
	fNwProto:       {"nw_proto", "NXM_OF_IP_PROTO", 8, 1, formDecimal},
	fNwTOS:         {"nw_tos", "NXM_OF_IP_TOS", 8, 1, formDecimal},
	fIPDSCP:        {"ip_dscp", "OXM_OF_IP_DSCP", 6, 1, formDecimal},
	fNwECN:         {"nw_ecn", "NXM_NX_IP_ECN", 2, 1, formDecimal},
	fNwTTL:         {"nw_ttl", "NXM_NX_IP_TTL", 8, 1, formDecimal},
	fIPFrag:        {"ip_frag", "NXM_NX_IP_FRAG", 2, 1, formFrag},
	fARPOp:         {"arp_op", "NXM_OF_ARP_OP", 16, 2, formDecimal},
	fARPSPA:        {"arp_spa", "NXM_OF_ARP_SPA", 32, 4, formIPv4},
	fARPTPA:        {"arp_tpa", "NXM_OF_ARP_TPA", 32, 4, formIPv4},
	fARPSHA:        {"arp_sha", "NXM_NX_ARP_SHA", 48, 6, formMAC},
	fARPTHA:        {"arp_tha", "NXM_NX_ARP_THA", 48, 6, formMAC},
	fTCPSrc:        {"tcp_src", "NXM_OF_TCP_SRC", 16, 2, formDecimal},
	fTCPDst:        {"tcp_dst", "NXM_OF_TCP_DST", 16, 2, formDecimal},
	fTCPFlags:      {"tcp_flags", "NXM_NX_TCP_FLAGS", 12, 2, formTCPFlags},
	fUDPSrc:        {"udp_src", "NXM_OF_UDP_SRC", 16, 2, formDecimal},
	fUDPDst:        {"udp_dst", "NXM_OF_UDP_DST", 16, 2, formDecimal},
	fSCTPSrc:       {"sctp_src", "OXM_OF_SCTP_SRC", 16, 2, formDecimal},
	fSCTPDst:       {"sctp_dst", "OXM_OF_SCTP_DST", 16, 2, formDecimal},
	fICMPType:      {"icmp_type", "NXM_OF_ICMP_TYPE", 8, 1, formDecimal},
	fICMPCode:      {"icmp_code", "NXM_OF_ICMP_CODE", 8, 1, formDecimal},
	fICMPv6Type:    {"icmpv6_type", "NXM_NX_ICMPV6_TYPE", 8, 1, formDecimal},
	fICMPv6Code:    {"icmpv6_code", "NXM_NX_ICMPV6_CODE", 8, 1, formDecimal},
	fNDTarget:      {"nd_target", "NXM_NX_ND_TARGET", 128, 16, formIPv6},
	fNDSLL:         {"nd_sll", "NXM_NX_ND_SLL", 48, 6, formMAC},
	fNDTLL:         {"nd_tll", "NXM_NX_ND_TLL", 48, 6, formMAC},
	fNDReserved:    {"nd_reserved", "ERICOXM_OF_ICMPV6_ND_RESERVED", 32, 4, formDecimal},
	fNDOptionsType: {"nd_options_type", "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE", 8, 1, formDecimal},
	fNSHFlags:      {"nsh_flags", "NXOXM_NSH_FLAGS", 8, 1, formDecimal},
	fNSHMDType:     {"nsh_mdtype", "NXOXM_NSH_MDTYPE", 8, 1, formDecimal},
	fNSHNP:         {"nsh_np", "NXOXM_NSH_NP", 8, 1, formDecimal},
	fNSHSPI:        {"nsh_spi", "NXOXM_NSH_SPI", 24, 4, formHex},
	fNSHSI:         {"nsh_si", "NXOXM_NSH_SI", 8, 1, formDecimal},
	fNSHC1:         {"nsh_c1", "NXOXM_NSH_C1", 32, 4, formHex},
	fNSHC1 + 1:     {"nsh_c2", "NXOXM_NSH_C2", 32, 4, formHex},
	fNSHC1 + 2:     {"nsh_c3", "NXOXM_NSH_C3", 32, 4, formHex},
	fNSHC4:         {"nsh_c4", "NXOXM_NSH_C4", 32, 4, formHex},
	fNSHTTL:        {"nsh_ttl", "NXOXM_NSH_TTL", 8, 1, formDecimal},
	fPBBISID:       {"pbb_isid", "OXM_OF_PBB_ISID", 24, 3, formDecimal},
	fPBBUCA:        {"pbb_uca", "OXM_OF_PBB_UCA", 1, 1, formDecimal},
}

const (
	fDPHash fieldID = iota
	fRecircID
	fPacketType
	fConjID
	fTunID
	fTunSrc
	fTunDst
	fTunIPv6Src
	fTunIPv6Dst
	fTunFlags
	fTunGBPID
	fTunGBPFlags
	fTunERSPANIdx
	fTunERSPANVer
	fTunERSPANDir
	fTunERSPANHwID
	fTunGTPUFlags
	fTunGTPUMsgType
	fTunMetadata0
	fTunMetadata63 = fTunMetadata0 + 63
)

const (
	fMetadata fieldID = iota + fTunMetadata63 + 1
	fInPort
	fInPortOXM
	fInPhyPort
	fActsetOutput
	fPktMark
	fCTState
	fCTZone
	fCTMark
	fCTLabel
	fCTNwProto
	fCTNwSrc
	fCTNwDst
	fCTIPv6Src
	fCTIPv6Dst
	fCTTPSrc
	fCTTPDst
	fReg0
	fReg31  = fReg0 + 31 // the second half came with Open vSwitch 3.7
	fXReg0  = fReg31 + 1
	fXReg15 = fXReg0 + 15
	fXXReg0 = fXReg15 + 1
	fXXReg7 = fXXReg0 + 7
)

const (
	fEthSrc fieldID = iota + fXXReg7 + 1
	fEthDst
	fEthType
	fVLANTCI
	fDLVLAN
	fVLANVID
	fDLVLANPCP
	fVLANPCP
	fMPLSLabel
	fMPLSTC
	fMPLSBOS
	fMPLSTTL
	fIPSrc
	fIPDst
	fIPv6Src
	fIPv6Dst
	fIPv6Label
	fIPv6ExtHdr
	fNwProto
	fNwTOS
	fIPDSCP
	fNwECN
	fNwTTL
	fIPFrag
	fARPOp
	fARPSPA
	fARPTPA
	fARPSHA
	fARPTHA
	fTCPSrc
	fTCPDst
	fTCPFlags
	fUDPSrc
	fUDPDst
	fSCTPSrc
	fSCTPDst
	fICMPType
	fICMPCode
	fICMPv6Type
	fICMPv6Code
	fNDTarget
	fNDSLL
	fNDTLL
	fNDReserved
	fNDOptionsType
	fNSHFlags
	fNSHMDType
	fNSHNP
	fNSHSPI
	fNSHSI
	fNSHC1
	fNSHC4 = fNSHC1 + 3
)

const (
	fNSHTTL fieldID = iota + fNSHC4 + 1
	fPBBISID
	fPBBUCA
	fieldCount
)

// info is what is known of a field. id must not be noField.
func (id fieldID) info() field {
	if id >= fTunMetadata0 && id <= fTunMetadata63 {
		n := strconv.Itoa(int(id - fTunMetadata0))
		return field{name: "tun_metadata" + n, oxm: "NXM_NX_TUN_METADATA" + n, bits: tunMetadataBits, form: formHex}
	}
	return fields[id]
}

// tunMetadataBits are the most that one of tun_metadata0 to 63 can have.
const tunMetadataBits = 124 * 8
