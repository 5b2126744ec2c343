package drops

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/skein-net/skein/internal/flowrecord"
)

// The protocols (IANA).
const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58
	protocolSCTP   = 132
)

// address is an IP address; IPv4 is mapped into IPv6.
type address [16]byte

func (a address) isLoopback() bool { return netip.AddrFrom16(a).Unmap().IsLoopback() }

// conversation is a flow in both directions: the lower end comes first.
type conversation struct {
	low, high         address
	lowPort, highPort uint16
	protocol          uint8
}

func newConversation(a address, pa uint16, b address, pb uint16, protocol uint8) conversation {
	if n := bytes.Compare(a[:], b[:]); n > 0 || n == 0 && pa > pb {
		a, pa, b, pb = b, pb, a, pa
	}
	return conversation{a, b, pa, pb, protocol}
}

// conversationOf is the one of a flow; ok is false for flows that are not looked
// for.
func conversationOf(r *flowrecord.Record) (c conversation, ok bool) {
	if !r.NetworkA.IsValid() || !r.NetworkB.IsValid() {
		return c, false
	}
	pa, pb := r.TransportA, r.TransportB
	var protocol uint8
	switch r.TransportProtocol {
	case "TCP":
		protocol = protocolTCP
	case "UDP":
		protocol = protocolUDP
	case "SCTP":
		protocol = protocolSCTP
	case "":
		if r.ICMPType == "" {
			return c, false
		}
		protocol = protocolICMP
		if r.NetworkProtocol == "IPV6" {
			protocol = protocolICMPv6
		}
		pa, pb = uint16(r.ICMPID), uint16(r.ICMPID)
	default:
		return c, false
	}
	return newConversation(r.NetworkA.As16(), pa, r.NetworkB.As16(), pb, protocol), true
}

// drop is what the program counts under: struct key of bpf/drops.c.
type drop struct {
	conversation conversation
	netns        uint64
	reason       uint32
}

// dropSize is the size of struct key.
const dropSize = 48

var errDrop = errors.New("decode count of drops: it is malformed")

// decodeDrop reads struct key, in the byte order of the host.
func decodeDrop(b []byte) (d drop, err error) {
	if len(b) < dropSize {
		return d, errDrop
	}
	order := binary.NativeEndian
	d.netns = uint64(order.Uint32(b[32:]))
	d.reason = order.Uint32(b[36:])
	d.conversation = newConversation(address(b[:16]), order.Uint16(b[40:]), address(b[16:32]), order.Uint16(b[42:]), b[44])
	return d, nil
}
