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
	// LayerERSPAN comes after LayerGRE (draft-foschiano-erspan). It does not show
	// in LayersPath.
	LayerERSPAN
	LayerVXLAN
	LayerGeneve
	LayerGTPU
	LayerLLDP
	// LayerIPIP ends a level whose IP header carries another one (RFC 2003,
	// RFC 4213). It does not show in LayersPath.
	LayerIPIP
)

// MaxLayers bounds the layers of one level.
const MaxLayers = 16

// MaxVLANs bounds the VLAN tags of one level.
const MaxVLANs = 4

// maxLabels bounds the labels of one MPLS stack, maxExtensions the extension
// headers of one IPv6 header.
const (
	maxLabels     = 8
	maxExtensions = 8
)

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
// Layers, NVLANs, Net, Transport, HasLink, Fragment, Tunnel, Wire, Payload, End
// and PayloadWire are valid for every level.
type Level struct {
	// The eight bytes that every level begins with are together, so that one
	// store clears them.

	// N is how many of Layers count.
	N uint8
	// NVLANs is how many of VLANs count.
	NVLANs uint8
	// Net is LayerIPv4, LayerIPv6, LayerARP or LayerNone.
	Net Layer
	// Transport is LayerTCP, LayerUDP, LayerSCTP, LayerICMPv4, LayerICMPv6 or
	// LayerNone. It is LayerNone for fragments other than the first.
	Transport Layer
	// Tunnel is the kind of tunnel whose header ends this level, LayerNone when
	// there is none: LayerVXLAN, LayerGeneve, LayerGRE, LayerERSPAN, LayerMPLS,
	// LayerGTPU or LayerIPIP. GRE with MPLS in it is LayerGRE. What is inside is
	// the next level, if it could be decoded.
	Tunnel Layer
	// HasLink says that SrcMAC and DstMAC are valid.
	HasLink bool
	// Fragment is set for IP fragments: of the datagram FragID, FragLen bytes
	// that begin FragOffset bytes into its payload, with more to come after them
	// when FragMore is set. The other four are valid only when it is set. An IPv6
	// fragment that is a whole datagram (RFC 6946) is none.
	Fragment bool
	FragMore bool

	// Layers are the layers in order; the first N count.
	Layers [MaxLayers]Layer

	SrcMAC, DstMAC [6]byte
	// EtherType is the type of what follows the link header and its tags; for a
	// level without link header that of its IP version. For 802.3 frames it is
	// that of the SNAP header, else 4 (ETH_P_802_2).
	EtherType uint16
	// SrcPort and DstPort are the ports of TCP, UDP and SCTP.
	SrcPort, DstPort uint16
	// Proto is the IP protocol after all extension headers: that of the first one
	// not captured, when they were cut off.
	Proto uint8
	// TTL is the TTL or hop limit, TOS the type of service or traffic class.
	TTL, TOS uint8
	// Flags, Seq, Ack and Window are those of TCP. Seq is also the sequence
	// number of ICMP echo messages.
	Flags uint8
	// Src and Dst are the addresses of Net: the first 4 bytes for IPv4 and ARP,
	// where the others are left from packets before.
	Src, Dst [16]byte
	Seq, Ack uint32
	Window   uint16
	// ICMPType, ICMPCode and ICMPID are those of ICMP; ICMPID and Seq are 0 for
	// what is not an echo message.
	ICMPType, ICMPCode uint8
	ICMPID             uint16
	// ARPOp is the operation of ARP (RFC 826).
	ARPOp uint16
	// VLANs are the tags' VLAN IDs, outermost first; the first NVLANs count.
	VLANs [MaxVLANs]uint16
	// MPLS is the label at the bottom of the last stack.
	MPLS uint32

	FragOffset uint16
	FragLen    uint16
	FragID     uint32
	// TunnelID is the VNI, the GRE key (for PPTP its call ID), the ERSPAN session
	// or the TEID; 0 for other tunnels, and for GRE without a key.
	TunnelID uint32
	// Wire is the length of this level in bytes on the wire, its link header and
	// the padding of Ethernet included: what flows count. The pseudo headers of
	// LinkNull and LinkLinuxSLL are never on a wire. Levels in the first fragment
	// of a tunnel's datagram have their whole length.
	Wire uint32
	// Payload and End are the offsets in the captured bytes of what follows the
	// last layer, as far as it was captured; padding is left out.
	Payload, End int32
	// PayloadWire is the length of the payload on the wire, as the headers tell
	// it: of this fragment, for a fragment.
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
	N    int
	Stop Stop
	// wire is the length of the frame on the wire.
	wire   int
	Levels [MaxLevels]Level
}
