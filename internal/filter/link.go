package filter

// Link is what a frame begins with: a LINKTYPE value of pcap
// (https://www.tcpdump.org/linktypes.html).
type Link uint16

// The link types that filters know.
const (
	LinkNull      Link = 0   // BSD loopback, 4 bytes of address family in the sender's byte order
	LinkEthernet  Link = 1   //
	LinkRaw       Link = 101 // IPv4 or IPv6, as the first nibble says
	LinkLoop      Link = 108 // BSD loopback, address family in network byte order
	LinkLinuxSLL  Link = 113 // Linux cooked capture
	LinkIPv4      Link = 228 //
	LinkIPv6      Link = 229 //
	LinkLinuxSLL2 Link = 276 // Linux cooked capture, version 2
)
