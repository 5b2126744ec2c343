package sockets

import "net/netip"

// The protocols (IANA).
const (
	protocolTCP = 6
	protocolUDP = 17
)

// address is an IP address; IPv4 is mapped into IPv6, as the kernel does for
// sockets of both.
type address [16]byte

// The addresses of sockets that listen everywhere.
var (
	anyIPv6 = address{}
	anyIPv4 = address{10: 0xff, 11: 0xff}
)

func (a address) isIPv4() bool { return [12]byte(a[:12]) == [12]byte(anyIPv4[:12]) }

func (a address) isAny() bool { return a == anyIPv6 || a == anyIPv4 }

func (a address) isLoopback() bool { return netip.AddrFrom16(a).Unmap().IsLoopback() }

// tuple is a connection as one end sees it.
type tuple struct {
	local, remote address
	lport, rport  uint16
	protocol      uint8
}

// listening is a socket that has a local end only. NetNS is the inode number of
// its namespace.
type listening struct {
	netns    uint64
	local    address
	lport    uint16
	protocol uint8
}

// protocolOf gives the number of a transport protocol of flows, 0 for those whose
// sockets are not looked for.
func protocolOf(name string) uint8 {
	switch name {
	case "TCP":
		return protocolTCP
	case "UDP":
		return protocolUDP
	}
	return 0
}
