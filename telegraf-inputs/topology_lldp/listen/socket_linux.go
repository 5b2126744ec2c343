package listen

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// groups are the addresses to which LLDP and CDP are sent: nearest bridge,
// nearest non-TPMR bridge and nearest customer bridge (802.1AB-2016, table 7-1),
// and Cisco's.
var groups = [...][6]byte{
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e},
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x03},
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00},
	{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc},
}

// socket is a packet socket of one namespace. receive belongs to one goroutine;
// close may be called at any time.
type socket struct {
	file    *os.File
	raw     syscall.RawConn
	buffers *sync.Pool
	// bound tells that frames are received; asked is when the kernel was asked for
	// drops.
	bound bool
	asked time.Time
}

// openSocket opens a socket in the namespace of the calling thread. It receives
// nothing yet.
func openSocket(prog []bpf.RawInstruction, buffers *sync.Pool) (*socket, error) {
	// Protocol 0: nothing is received before bind.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, fmt.Errorf("open packet socket: %w (needs CAP_NET_RAW)", err)
		}
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	// bpf.RawInstruction is the kernel's struct sock_filter.
	f := &unix.SockFprog{Len: uint16(len(prog)), Filter: (*unix.SockFilter)(unsafe.Pointer(&prog[0]))}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, f); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("attach filter: %w", err)
	}
	// Linux 4.20. It spares what the host sends the filter, which drops it anyway.
	_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	s := &socket{file: os.NewFile(uintptr(fd), "packet"), buffers: buffers}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		_ = s.file.Close()
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	return s, nil
}

// bind begins to receive, on all interfaces of the namespace. The protocol is
// ETH_P_ALL because only such sockets see a frame before the bridge or the Open
// vSwitch that the interface belongs to takes it.
func (s *socket) bind() error {
	b := [2]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff}
	err := s.control(func(fd int) error {
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: *(*uint16)(unsafe.Pointer(&b))})
	})
	if err != nil {
		return fmt.Errorf("bind packet socket: %w", err)
	}
	s.bound = true
	return nil
}

// join makes an interface accept the groups. Its driver may see to it in
// software; the kernel takes them back with the socket or the interface.
func (s *socket) join(index int32) error {
	return s.control(func(fd int) error {
		for _, g := range groups {
			m := unix.PacketMreq{Ifindex: index, Type: unix.PACKET_MR_MULTICAST, Alen: 6}
			copy(m.Address[:], g[:])
			if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
				return fmt.Errorf("accept frames to %x: %w", g, err)
			}
		}
		return nil
	})
}

// leave undoes join; an interface that went needs none.
func (s *socket) leave(index int32) {
	_ = s.control(func(fd int) error {
		for _, g := range groups {
			m := unix.PacketMreq{Ifindex: index, Type: unix.PACKET_MR_MULTICAST, Alen: 6}
			copy(m.Address[:], g[:])
			_ = unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_DROP_MEMBERSHIP, &m)
		}
		return nil
	})
}

// receive waits for a frame and calls f with it, which must not keep it.
func (s *socket) receive(f func(index int32, frame []byte)) error {
	var inner error
	err := s.raw.Read(func(fd uintptr) bool {
		p, _ := s.buffers.Get().(*[maxFrame]byte)
		defer s.buffers.Put(p)
		var n int
		var from unix.Sockaddr
		for {
			n, from, inner = unix.Recvfrom(int(fd), p[:], 0)
			if !errors.Is(inner, unix.EINTR) {
				break
			}
		}
		if errors.Is(inner, unix.EAGAIN) {
			return false
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); inner == nil && ok && ll.Pkttype != packetOutgoing {
			f(int32(ll.Ifindex), p[:n])
		}
		return true
	})
	switch {
	case err != nil:
		return fmt.Errorf("receive frames: %w", err)
	case errors.Is(inner, unix.ENETDOWN):
		return nil // an interface went down
	case inner != nil:
		return fmt.Errorf("receive frames: %w", inner)
	}
	return nil
}

// drops returns how many frames the kernel dropped since it was asked last; it is
// asked once a second at most.
func (s *socket) drops(now time.Time) (n int64) {
	if now.Sub(s.asked) < time.Second {
		return 0
	}
	s.asked = now
	_ = s.control(func(fd int) error {
		st, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			n = int64(st.Drops)
		}
		return err
	})
	return n
}

func (s *socket) close() { _ = s.file.Close() }

// control calls f with the descriptor.
func (s *socket) control(f func(fd int) error) error {
	var inner error
	if err := s.raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
