package sockets

import "encoding/binary"

// The formats of sock_diag(7) and rtnetlink(7) that are needed here
// (linux/inet_diag.h, linux/sock_diag.h, linux/if_addr.h).
const (
	sockDiagByFamily = 20
	getAddress       = 22 // RTM_GETADDR
	newAddress       = 20 // RTM_NEWADDR

	familyIPv4 = 2
	familyIPv6 = 10

	diagRequestSize = 56
	diagAnswerSize  = 72

	attrAddress = 1 // IFA_ADDRESS
	attrLocal   = 2 // IFA_LOCAL
)

// The states of sockets (net/tcp_states.h), of which a request asks for a set.
const (
	stateEstablished = 1
	stateTimeWait    = 6
	stateClose       = 7
	stateListen      = 10
	stateNewSynRecv  = 12

	allStates = 1<<13 - 1
)

// diagRequest asks for the sockets of a protocol (struct inet_diag_req_v2), but
// for those that no process has any more.
func diagRequest(family, protocol uint8) []byte {
	b := make([]byte, diagRequestSize)
	b[0], b[1] = family, protocol
	states := uint32(allStates &^ (1<<stateTimeWait | 1<<stateNewSynRecv))
	if protocol == protocolTCP {
		states &^= 1 << stateClose
	}
	binary.NativeEndian.PutUint32(b[4:], states)
	return b
}

// socket is one that the kernel has.
type socket struct {
	tuple  tuple
	inode  uint64
	listen bool
}

// decodeSocket reads struct inet_diag_msg.
func decodeSocket(b []byte, protocol uint8) (s socket, ok bool) {
	if len(b) < diagAnswerSize {
		return s, false
	}
	family, state := b[0], b[1]
	s.tuple.protocol = protocol
	s.tuple.lport = binary.BigEndian.Uint16(b[4:])
	s.tuple.rport = binary.BigEndian.Uint16(b[6:])
	switch family {
	case familyIPv4:
		s.tuple.local, s.tuple.remote = anyIPv4, anyIPv4
		copy(s.tuple.local[12:], b[8:12])
		copy(s.tuple.remote[12:], b[24:28])
	case familyIPv6:
		copy(s.tuple.local[:], b[8:24])
		copy(s.tuple.remote[:], b[24:40])
	default:
		return s, false
	}
	s.inode = uint64(binary.NativeEndian.Uint32(b[68:]))
	s.listen = state == stateListen || s.tuple.rport == 0 && s.tuple.remote.isAny()
	return s, s.tuple.lport != 0
}

// decodeAddress reads the address of an interface (struct ifaddrmsg).
func decodeAddress(b []byte) (a address, ok bool) {
	if len(b) < 8 {
		return a, false
	}
	family := b[0]
	for b = b[8:]; len(b) >= 4; {
		n, typ := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if n < 4 || n > len(b) {
			return a, false
		}
		v := b[4:n]
		switch {
		case family == familyIPv4 && len(v) == 4 && (typ == attrLocal || typ == attrAddress && !ok):
			a, ok = anyIPv4, true
			copy(a[12:], v)
		case family == familyIPv6 && len(v) == 16 && (typ == attrLocal || typ == attrAddress && !ok):
			a, ok = address(v), true
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return a, ok
}

// messages calls fn with the type and the content of each netlink message. It
// reports the end of an answer in several parts, and the number of the error that
// it ended with.
func messages(b []byte, fn func(typ uint16, content []byte)) (done bool, errno int32, ok bool) {
	const header, typeError, typeDone = 16, 2, 3
	for len(b) >= header {
		n, typ := int(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint16(b[4:])
		if n < header || n > len(b) {
			return false, 0, false
		}
		content := b[header:n]
		switch typ {
		case typeDone:
			if len(content) >= 4 {
				errno = -int32(binary.NativeEndian.Uint32(content))
			}
			return true, errno, true
		case typeError:
			if len(content) < 4 {
				return false, 0, false
			}
			return true, -int32(binary.NativeEndian.Uint32(content)), true
		default:
			fn(typ, content)
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return false, 0, true
}
