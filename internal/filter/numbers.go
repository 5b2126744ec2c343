package filter

// The EtherTypes that the language has words for
// (https://www.iana.org/assignments/ieee-802-numbers).
const (
	etherIPv4    = 0x0800
	etherARP     = 0x0806
	etherMOPDL   = 0x6001
	etherMOPRC   = 0x6002
	etherDECnet  = 0x6003
	etherLAT     = 0x6004
	etherSCA     = 0x6007
	etherTEB     = 0x6558 // Ethernet inside of a tunnel
	etherRARP    = 0x8035
	etherAtalk   = 0x809b
	etherAARP    = 0x80f3
	etherVLAN    = 0x8100
	etherIPX     = 0x8137
	etherIPv6    = 0x86dd
	etherMPLS    = 0x8847
	etherPPPoED  = 0x8863
	etherPPPoES  = 0x8864
	etherQinQ    = 0x88a8
	etherOldQinQ = 0x9100
	// etherMaxLength is the highest value of the type field that is a length
	// (IEEE 802.3, 3.2.6).
	etherMaxLength = 1500
)

// The service access points of IEEE 802.2 that the language has words for.
const (
	sapIP      = 0x06
	sapSTP     = 0x42
	sapIPX     = 0xe0
	sapNetBEUI = 0xf0
	sapISO     = 0xfe
)

// IP protocol numbers.
const (
	protoICMP     = 1
	protoIGMP     = 2
	protoTCP      = 6
	protoIGRP     = 9
	protoUDP      = 17
	protoRouting  = 43
	protoFragment = 44
	protoESP      = 50
	protoAH       = 51
	protoICMPv6   = 58
	protoNone     = 59
	protoDestOpts = 60
	protoPIM      = 103
	protoVRRP     = 112
	protoSCTP     = 132
)

// Network layer protocol identifiers of ISO (ISO/IEC TR 9577).
const (
	isoCLNP = 0x81
	isoESIS = 0x82
	isoISIS = 0x83
)

// ipProtocol gives the number of a protocol by the name that getprotobyname(3)
// knows on most systems.
func ipProtocol(name string) (uint32, bool) {
	switch name {
	case "ip", "hopopt":
		return 0, true
	case "icmp":
		return protoICMP, true
	case "igmp":
		return protoIGMP, true
	case "ggp":
		return 3, true
	case "ipencap":
		return 4, true
	case "st":
		return 5, true
	case "tcp":
		return protoTCP, true
	case "egp":
		return 8, true
	case "igp":
		return protoIGRP, true
	case "pup":
		return 12, true
	case "udp":
		return protoUDP, true
	case "rdp":
		return 27, true
	case "iso-tp4":
		return 29, true
	case "dccp":
		return 33, true
	case "ipv6":
		return 41, true
	case "ipv6-route":
		return protoRouting, true
	case "ipv6-frag":
		return protoFragment, true
	case "rsvp":
		return 46, true
	case "gre":
		return 47, true
	case "esp":
		return protoESP, true
	case "ah":
		return protoAH, true
	case "ipv6-icmp":
		return protoICMPv6, true
	case "ipv6-nonxt":
		return protoNone, true
	case "ipv6-opts":
		return protoDestOpts, true
	case "eigrp":
		return 88, true
	case "ospf":
		return 89, true
	case "ipip":
		return 94, true
	case "etherip":
		return 97, true
	case "encap":
		return 98, true
	case "pim":
		return protoPIM, true
	case "ipcomp":
		return 108, true
	case "vrrp":
		return protoVRRP, true
	case "l2tp":
		return 115, true
	case "isis":
		return 124, true
	case "sctp":
		return protoSCTP, true
	case "fc":
		return 133, true
	case "mobility-header":
		return 135, true
	case "udplite":
		return 136, true
	case "mpls-in-ip":
		return 137, true
	case "hip":
		return 139, true
	case "shim6":
		return 140, true
	case "ethernet":
		return 143, true
	case "mptcp":
		return 262, true
	}
	return 0, false
}

// etherProtocol gives the EtherType, or SAP where that is below 1500, of the
// names that "ether proto" takes.
func etherProtocol(name string) (uint32, bool) {
	switch name {
	case "ip":
		return etherIPv4, true
	case "ip6":
		return etherIPv6, true
	case "arp":
		return etherARP, true
	case "rarp":
		return etherRARP, true
	case "aarp":
		return etherAARP, true
	case "atalk":
		return etherAtalk, true
	case "decnet":
		return etherDECnet, true
	case "lat":
		return etherLAT, true
	case "sca":
		return etherSCA, true
	case "moprc":
		return etherMOPRC, true
	case "mopdl":
		return etherMOPDL, true
	case "loopback":
		return 0x9000, true
	case "iso":
		return sapISO, true
	case "stp":
		return sapSTP, true
	case "ipx":
		return sapIPX, true
	case "netbeui":
		return sapNetBEUI, true
	}
	return 0, false
}

// isoProtocol gives the numbers of the names that "iso proto" takes.
func isoProtocol(name string) (uint32, bool) {
	switch name {
	case "clnp":
		return isoCLNP, true
	case "esis":
		return isoESIS, true
	case "isis":
		return isoISIS, true
	}
	return 0, false
}
