// Package packet decodes frames into what flows are made of: addresses, ports,
// tags, and the levels of tunnels they pass through. It allocates nothing, takes
// a few nanoseconds a header, and believes nothing: every length is checked, and
// a frame that is cut off or lies gives the layers before the lie.
//
// Link headers are Ethernet II, 802.3 with SNAP, Linux cooked captures and the
// loopback of BSD, or none; then VLAN tags (802.1Q, 802.1ad, 0x9100), MPLS with
// a guess at what it carries, ARP, IPv4 with options, IPv6 with extension
// headers, fragments, TCP, UDP, SCTP, ICMP, ICMPv6. Tunnels are VXLAN,
// VXLAN-GPE, Geneve, GRE (with MPLS, ERSPAN of types I to III, WCCP), MPLS in
// Ethernet (pseudowires), UDP and IP, IPv4 and IPv6 in one another, and GTP-U.
//
// # Levels
//
// Each tunnel begins a [Level]. MPLS before an IP header belongs to the level of
// that header; behind the header of a tunnel it ends the outer level. The bytes
// of a level are those on the wire, of which snap lengths know nothing: the
// outermost level has the padding of Ethernet, the others end where the length
// of the outer IP header says.
//
// # Fragments
//
// Datagrams are not put together here. The first fragment is decoded to its
// ports, and into its tunnel, whose levels have the length that their own
// headers say, as if the datagram were whole; the others end at LayerFragment.
// Who counts packets of the inner level thus counts a fragmented one once.
//
// It must never import anything beyond the standard library, keep a reference
// to a frame, or fail: what cannot be decoded is told by [Packet.Stop].
package packet
