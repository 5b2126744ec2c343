// Package listen hears LLDP and CDP on the interfaces of a host, in every network
// namespace, and tells of the neighbours as entities.
//
// One goroutine, the loop, owns all that is known. Each namespace has a goroutine
// that follows its links, and once it has an interface to listen on another that
// receives frames: from one packet socket for all interfaces of the namespace,
// with a filter that lets LLDP and CDP through only. Both hand the loop functions
// to run.
//
// The package sends nothing, and changes nothing but the multicast addresses
// that interfaces accept, which the kernel takes back when the socket closes.
package listen
