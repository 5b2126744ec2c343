package sockets

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// inside is what the kernel says of a namespace.
type inside struct {
	sockets   []socket
	addresses []address
	// refused counts the sockets beyond those that were asked for.
	refused uint64
}

// ask asks for the sockets of UDP, those of TCP if they are wanted too, limit in
// all, and the addresses of the namespace that the thread is in.
func ask(tcp bool, limit int) (in inside, err error) {
	diag, err := netlink(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return in, err
	}
	defer unix.Close(diag) //nolint:errcheck // nothing to be done
	protocols := []uint8{protocolUDP}
	if tcp {
		protocols = append(protocols, protocolTCP)
	}
	for _, protocol := range protocols {
		for _, family := range []uint8{familyIPv4, familyIPv6} {
			err := dump(diag, sockDiagByFamily, diagRequest(family, protocol), func(_ uint16, b []byte) {
				if s, ok := decodeSocket(b, protocol); !ok {
					return
				} else if len(in.sockets) < limit {
					in.sockets = append(in.sockets, s)
				} else {
					in.refused++
				}
			})
			// Without IPv6 there is no such family.
			if err != nil && family == familyIPv4 {
				return in, fmt.Errorf("list sockets: %w", err)
			}
		}
	}
	route, err := netlink(unix.NETLINK_ROUTE)
	if err != nil {
		return in, err
	}
	defer unix.Close(route) //nolint:errcheck // nothing to be done
	err = dump(route, getAddress, make([]byte, 8), func(typ uint16, b []byte) {
		if typ != newAddress {
			return
		}
		if a, ok := decodeAddress(b); ok && !a.isLoopback() {
			in.addresses = append(in.addresses, a)
		}
	})
	if err != nil {
		return in, fmt.Errorf("list addresses: %w", err)
	}
	return in, nil
}

// netlink opens a socket; the kernel has to answer within two seconds.
func netlink(protocol int) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, fmt.Errorf("open netlink socket: %w", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("set timeout of netlink socket: %w", err)
	}
	return fd, nil
}

// dump asks for all of something and calls fn with each part of the answer.
func dump(fd int, typ uint16, request []byte, fn func(uint16, []byte)) error {
	msg := make([]byte, 16, 16+len(request))
	binary.NativeEndian.PutUint32(msg, uint32(16+len(request)))
	binary.NativeEndian.PutUint16(msg[4:], typ)
	binary.NativeEndian.PutUint16(msg[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	if err := unix.Sendto(fd, append(msg, request...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err == unix.EINTR { //nolint:errorlint // a bare number
			continue
		}
		if err != nil {
			return fmt.Errorf("receive answer: %w", err)
		}
		done, errno, ok := messages(buf[:n], fn)
		switch {
		case !ok:
			return fmt.Errorf("decode answer: %d bytes are malformed", n)
		case errno != 0:
			return fmt.Errorf("answer: %w", unix.Errno(errno))
		case done:
			return nil
		}
	}
}
