package filter

// offset is a place in the packet: k bytes behind its start, or behind what a
// register holds.
type offset struct {
	k uint32
	r register
}

func (o offset) plus(n uint32) offset { return offset{o.k + n, o.r} }

// link is how the frame that is looked at names what it carries.
type link uint8

const (
	linkEthernet link = iota
	linkCooked        // Linux SLL
	linkCooked2       // Linux SLL2
	linkNull          // BSD loopback, either byte order
	linkLoop          // BSD loopback, network byte order
	linkRaw           // IPv4 or IPv6: the version tells
	linkIPv4
	linkIPv6
	linkPPP // in PPPoE
)

// String names the link type in messages.
func (l link) String() string {
	return [...]string{"Ethernet", "Linux cooked v1", "Linux cooked v2", "BSD loopback", "BSD loopback", "raw IP", "raw IPv4", "raw IPv6", "PPP"}[l]
}

// frame says where things are in the frame that the following conditions look
// at. vlan, mpls, pppoes and geneve change it for all that stands to their right.
type frame struct {
	link link
	// header is the start of the frame, proto where the type of its payload is,
	// payload where that begins: the network header, but for labels of MPLS.
	header, proto, payload offset
	// skip is what lies between payload and the network header: MPLS labels.
	skip uint32
	// llc is the length of the 802.2 header of frames that have one.
	llc uint32
	// labels counts labels of MPLS, tags those of VLANs.
	labels, tags int
	// outermost is set until a tunnel is entered; tunnel is set inside of Geneve.
	outermost, tunnel bool
}

func newFrame(l Link) (frame, bool) {
	f := frame{outermost: true}
	var proto, payload uint32
	switch l {
	case LinkEthernet:
		f.link, proto, payload, f.llc = linkEthernet, 12, 14, 3
	case LinkLinuxSLL:
		f.link, proto, payload = linkCooked, 14, 16
	case LinkLinuxSLL2:
		f.link, proto, payload = linkCooked2, 0, 20
	case LinkNull:
		f.link, proto, payload = linkNull, 0, 4
	case LinkLoop:
		f.link, proto, payload = linkLoop, 0, 4
	case LinkRaw:
		f.link = linkRaw
	case LinkIPv4:
		f.link = linkIPv4
	case LinkIPv6:
		f.link = linkIPv6
	default:
		return f, false
	}
	f.header, f.proto, f.payload = offset{0, noRegister}, offset{proto, noRegister}, offset{payload, noRegister}
	return f, true
}

// network is where the network header begins.
func (f *frame) network() offset { return f.payload.plus(f.skip) }
