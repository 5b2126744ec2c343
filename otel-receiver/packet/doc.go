// Package packet decodes frames into what flows are made of: addresses, ports,
// tags, and the levels of tunnels they pass through. It allocates nothing, takes
// a few nanoseconds a header, and believes nothing: every length is checked, and
// a frame that is cut off or lies gives the layers before the lie.
//
// It must never import anything beyond the standard library, keep a reference
// to a frame, or fail: what cannot be decoded is told by [Packet.Stop].
package packet
