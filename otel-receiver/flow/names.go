package flow

import "github.com/skein-net/skein/otel-receiver/packet"

func transportName(l packet.Layer) string {
	switch l {
	case packet.LayerTCP:
		return "TCP"
	case packet.LayerUDP:
		return "UDP"
	default:
		return "SCTP"
	}
}

// icmpName names a type of ICMP; a request and its answer have one name, and
// so have types of both versions with one meaning (RFC 792, RFC 1256, RFC 4443,
// RFC 4861, RFC 2710, RFC 3810).
func icmpName(version packet.Layer, typ uint8) string {
	if version == packet.LayerICMPv6 {
		switch typ {
		case 1:
			return "DESTINATION_UNREACHABLE"
		case 2:
			return "PACKET_TOO_BIG"
		case 3:
			return "TIME_EXCEEDED"
		case 4:
			return "PARAMETER_PROBLEM"
		case echoRequest6, echoReply6:
			return "ECHO"
		case 130, 131, 132, 143:
			return "MULTICAST_LISTENER"
		case 133, 134:
			return "ROUTER"
		case 135, 136:
			return "NEIGHBOR"
		case 137:
			return "REDIRECT"
		}
		return "UNKNOWN"
	}
	switch typ {
	case echoReply4, echoRequest4:
		return "ECHO"
	case 3:
		return "DESTINATION_UNREACHABLE"
	case 4:
		return "SOURCE_QUENCH"
	case 5:
		return "REDIRECT"
	case 9, 10:
		return "ROUTER"
	case 11:
		return "TIME_EXCEEDED"
	case 12:
		return "PARAMETER_PROBLEM"
	case 13, 14:
		return "TIMESTAMP"
	case 15, 16:
		return "INFO"
	case 17, 18:
		return "ADDRESS_MASK"
	}
	return "UNKNOWN"
}
