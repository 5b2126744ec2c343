package openflow

import "strconv"

// portNames are the reserved ports by the numbers of 1.0, to which those of 1.1
// and later map by their low half (OFPP).
func portName(n uint16) string {
	switch n {
	case 0xfff7:
		return "UNSET"
	case 0xfff8:
		return "IN_PORT"
	case 0xfff9:
		return "TABLE"
	case 0xfffa:
		return "NORMAL"
	case 0xfffb:
		return "FLOOD"
	case 0xfffc:
		return "ALL"
	case 0xfffd:
		return "CONTROLLER"
	case 0xfffe:
		return "LOCAL"
	case 0xffff:
		return "ANY"
	}
	return ""
}

// appendPort prints a port of 1.0 as ovs-ofctl --no-names does.
func appendPort(b []byte, n uint16) []byte {
	if name := portName(n); name != "" {
		return append(b, name...)
	}
	return strconv.AppendUint(b, uint64(n), 10)
}

// appendPort11 prints a port of 1.1 or later, whose reserved numbers are those
// of 1.0 with all upper bits set.
func appendPort11(b []byte, n uint32) []byte {
	if n >= 0xffffff00 {
		return appendPort(b, uint16(n))
	}
	return strconv.AppendUint(b, uint64(n), 10)
}
