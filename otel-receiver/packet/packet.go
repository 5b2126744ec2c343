package packet

// LinkType is what a frame begins with: a LINKTYPE value of pcap
// (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// The link types that are decoded.
const (
	LinkNull      LinkType = 0   // BSD loopback, 4 bytes of address family in the sender's byte order
	LinkEthernet  LinkType = 1   //
	LinkRaw       LinkType = 101 // IPv4 or IPv6 without a link header
	LinkLoop      LinkType = 108 // as LinkNull, in network byte order
	LinkLinuxSLL  LinkType = 113 // Linux "cooked" capture
	LinkIPv4      LinkType = 228 //
	LinkIPv6      LinkType = 229 //
	LinkLinuxSLL2 LinkType = 276 //
)

// MaxLevels is how many levels of tunnels are decoded: the packet itself and
// what is inside.
const MaxLevels = 6

// Layer is one layer of a level, as LayersPath names it.
type Layer uint8

// The layers. Layer names in queries are those of String.
const (
	LayerNone Layer = iota
	LayerEthernet
	LayerDot1Q
	LayerMPLS
	LayerARP
	LayerIPv4
	LayerIPv6
	LayerFragment
	LayerTCP
	LayerUDP
	LayerSCTP
	LayerICMPv4
	LayerICMPv6
	LayerGRE
	LayerERSPAN
	LayerVXLAN
	LayerGeneve
	LayerGTPU
	LayerLLDP
	// LayerIPIP ends a level whose IP header carries another one (RFC 2003,
	// RFC 4213). It does not show in LayersPath.
	LayerIPIP
)

// MaxLayers bounds the layers of one level that are noted.
const MaxLayers = 12

// Flags of TCP (RFC 9293, 3.1).
const (
	FlagFIN = 1 << iota
	FlagSYN
	FlagRST
	FlagPSH
	FlagACK
	FlagURG
)

// Level is one level of encapsulation: from its link header, or its IP header
// when the tunnel carries IP, to its payload or to the tunnel's own header. Only
// what Layers says is there is valid; the rest is left from packets before.
type Level struct {
	// Layers are the layers in order; the first N count.
	Layers [MaxLayers]Layer
	N      uint8
	// VLANs are the tags' VLAN IDs, outermost first; NVLANs count.
	VLANs  [4]uint16
	NVLANs uint8
	// Net is LayerIPv4, LayerIPv6, LayerARP or LayerNone. IPv4 and ARP addresses
	// are the first 4 bytes.
	Net      Layer
	Src, Dst [16]byte
	// Transport is LayerTCP, LayerUDP, LayerSCTP, LayerICMPv4, LayerICMPv6 or
	// LayerNone. It is LayerNone for fragments other than the first.
	Transport Layer
	// SrcMAC and DstMAC are valid when HasLink is set.
	HasLink        bool
	SrcMAC, DstMAC [6]byte
	// EtherType is the type of what follows the link header and its tags; for a
	// level without link header that of its IP version.
	EtherType uint16
	// Proto is the IP protocol after all extension headers.
	Proto uint8
	// TTL is the TTL or hop limit, TOS the type of service or traffic class.
	TTL, TOS uint8
	// SrcPort and DstPort are the ports of TCP, UDP and SCTP.
	SrcPort, DstPort uint16
	// Seq, Ack, Window and Flags are those of TCP. Seq is also the sequence
	// number of ICMP echo messages.
	Seq, Ack uint32
	Window   uint16
	Flags    uint8
	// ICMPType, ICMPCode and ICMPID are those of ICMP; ICMPID is 0 for what is
	// not an echo message.
	ICMPType, ICMPCode uint8
	ICMPID             uint16
	// ARPOp is the operation of ARP (RFC 826).
	ARPOp uint16
	// MPLS is the label at the bottom of the stack.
	MPLS uint32
	// Fragment is set for IP fragments: of the datagram FragID, FragOffset bytes
	// into its payload, with more to come after it when FragMore is set.
	Fragment   bool
	FragMore   bool
	FragOffset uint16
	FragID     uint32
	// Tunnel is the kind of tunnel that this level carries, LayerNone when it is
	// the innermost: LayerVXLAN, LayerGeneve, LayerGRE, LayerERSPAN, LayerMPLS,
	// LayerGTPU or LayerIPIP. TunnelID is the VNI, GRE key, ERSPAN session or
	// TEID.
	Tunnel   Layer
	TunnelID uint32
	// Wire is the length of this level in bytes on the wire, its link header
	// included: what flows count.
	Wire uint32
	// Payload and End are the offsets in the captured bytes of what follows the
	// last layer, as far as it was captured; padding is left out.
	Payload, End int32
	// PayloadWire is the length of the payload as the headers tell it.
	PayloadWire uint32
}

// Stop says why decoding ended.
type Stop uint8

// The reasons. StopDone is the end of what there is to decode: a payload, or a
// protocol that is none of ours.
const (
	StopDone Stop = iota
	// StopTruncated is a header that was not captured whole.
	StopTruncated
	// StopMalformed is a header that contradicts itself.
	StopMalformed
	// StopTooDeep is a tunnel beyond MaxLevels, or more tags, labels or extension
	// headers than are looked at.
	StopTooDeep
	// StopLinkType is a link type that is not decoded.
	StopLinkType
)

// Packet is the result of decoding. It is meant to be used again and again: it
// holds no reference to the frame. Levels[:N] are valid; N is 0 when there is
// nothing that a flow could be made of.
type Packet struct {
	Levels [MaxLevels]Level
	N      int
	Stop   Stop
}
