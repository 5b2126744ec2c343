package openflow

import "encoding/binary"

// Classes of OXM (and of NXM, its predecessor), and experimenters that have
// fields of their own.
const (
	classNXM0     = 0x0000
	classNXM1     = 0x0001
	classEricsson = 0x1000
	classBasic    = 0x8000
	classRegs     = 0x8001
	classVendor   = 0xffff

	vendorNSH = 0x005ad650
)

// oxmHeader is the header of a field: four bytes, eight with an experimenter.
type oxmHeader struct {
	class  uint16
	vendor uint32 // when class is classVendor
	number uint8
	masked bool
	length int // of what follows: value and mask
}

// parseOXM reads a header and says how long it is; ok is false when the bytes
// end too early. It does not look whether what follows is there.
func parseOXM(b []byte) (h oxmHeader, n int, ok bool) {
	if len(b) < 4 {
		return h, 0, false
	}
	h = oxmHeader{
		class: binary.BigEndian.Uint16(b), number: b[2] >> 1, masked: b[2]&1 != 0, length: int(b[3]),
	}
	if h.class != classVendor {
		return h, 4, true
	}
	// The experimenter is counted in the length.
	if len(b) < 8 || h.length < 4 {
		return h, 0, false
	}
	h.vendor = binary.BigEndian.Uint32(b[4:])
	h.length -= 4
	return h, 8, true
}

// Fields by their numbers in NXM_OF, NXM_NX, OXM_OF and NXOXM_NSH. A number that
// is not named has field 0, which is in none of these classes but NXM_NX.
var (
	nxm0Fields = [...]fieldID{
		0: fInPort, 1: fEthDst, 2: fEthSrc, 3: fEthType, 4: fVLANTCI, 5: fNwTOS, 6: fNwProto, 7: fIPSrc, 8: fIPDst,
		9: fTCPSrc, 10: fTCPDst, 11: fUDPSrc, 12: fUDPDst, 13: fICMPType, 14: fICMPCode, 15: fARPOp, 16: fARPSPA,
		17: fARPTPA,
	}
	nxm1Fields = [...]fieldID{
		16: fTunID, 17: fARPSHA, 18: fARPTHA, 19: fIPv6Src, 20: fIPv6Dst, 21: fICMPv6Type, 22: fICMPv6Code,
		23: fNDTarget, 24: fNDSLL, 25: fNDTLL, 26: fIPFrag, 27: fIPv6Label, 28: fNwECN, 29: fNwTTL, 30: fMPLSTTL,
		31: fTunSrc, 32: fTunDst, 33: fPktMark, 34: fTCPFlags, 35: fDPHash, 36: fRecircID, 37: fConjID, 38: fTunGBPID,
		39: fTunGBPFlags, 104: fTunFlags, 105: fCTState, 106: fCTZone, 107: fCTMark, 108: fCTLabel, 109: fTunIPv6Src,
		110: fTunIPv6Dst, 111: fXXReg0, 112: fXXReg0 + 1, 113: fXXReg0 + 2, 114: fXXReg0 + 3, 119: fCTNwProto,
		120: fCTNwSrc, 121: fCTNwDst, 122: fCTIPv6Src, 123: fCTIPv6Dst, 124: fCTTPSrc, 125: fCTTPDst,
	}
	oxmFields = [...]fieldID{
		0: fInPortOXM, 1: fInPhyPort, 2: fMetadata, 3: fEthDst, 4: fEthSrc, 5: fEthType, 6: fVLANVID, 7: fVLANPCP,
		8: fIPDSCP, 9: fNwECN, 10: fNwProto, 11: fIPSrc, 12: fIPDst, 13: fTCPSrc, 14: fTCPDst, 15: fUDPSrc,
		16: fUDPDst, 17: fSCTPSrc, 18: fSCTPDst, 19: fICMPType, 20: fICMPCode, 21: fARPOp, 22: fARPSPA, 23: fARPTPA,
		24: fARPSHA, 25: fARPTHA, 26: fIPv6Src, 27: fIPv6Dst, 28: fIPv6Label, 29: fICMPv6Type, 30: fICMPv6Code,
		31: fNDTarget, 32: fNDSLL, 33: fNDTLL, 34: fMPLSLabel, 35: fMPLSTC, 36: fMPLSBOS, 37: fPBBISID, 38: fTunID,
		39: fIPv6ExtHdr, 41: fPBBUCA, 42: fTCPFlags, 43: fActsetOutput, 44: fPacketType,
	}
	nshFields = [...]fieldID{
		1: fNSHFlags, 2: fNSHMDType, 3: fNSHNP, 4: fNSHSPI, 5: fNSHSI, 6: fNSHC1, 7: fNSHC1 + 1, 8: fNSHC1 + 2,
		9: fNSHC4, 10: fNSHTTL,
	}
)

// field finds the field of a header, noField if it is not known.
func (h oxmHeader) field() fieldID {
	n := fieldID(h.number)
	switch h.class {
	case classNXM0:
		return at(nxm0Fields[:], n)
	case classNXM1:
		switch {
		case n <= 15:
			return fReg0 + n
		case n >= 40 && n <= 103:
			return fTunMetadata0 + n - 40
		case n == 35:
			return fDPHash
		}
		return at(nxm1Fields[:], n)
	case classBasic:
		return at(oxmFields[:], n)
	case classRegs:
		if n <= 15 {
			return fXReg0 + n
		}
	case classEricsson:
		switch n {
		case 1:
			return fNDReserved
		case 2:
			return fNDOptionsType
		}
	case classVendor:
		return vendorField(h.vendor, n)
	}
	return noField
}

func vendorField(vendor uint32, n fieldID) fieldID {
	switch {
	case vendor == vendorNSH:
		return at(nshFields[:], n)
	case vendor == vendorONF && n == 42:
		return fTCPFlags
	case vendor == vendorONF && n == 43:
		return fActsetOutput
	case vendor == vendorNicira && n == 0:
		return fDPHash
	case vendor == vendorNicira && n >= 11 && n <= 16:
		return fTunERSPANIdx + n - 11
	case vendor == vendorNicira && n >= 17 && n <= 32:
		return fReg0 + n - 1
	case vendor == vendorNicira && n >= 33 && n <= 36:
		return fXXReg0 + n - 29
	}
	return noField
}

func at(list []fieldID, n fieldID) fieldID {
	if int(n) >= len(list) || list[n] == 0 {
		return noField
	}
	return list[n]
}
