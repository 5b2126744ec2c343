package rtnl

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Dial opens rtnetlink in a namespace: one socket for listings, and one for
// events when there are groups. Events that happen after Dial returns are
// received, so whoever dials first and lists then misses nothing.
//
// To enter another namespace than its own, the process needs CAP_SYS_ADMIN in
// it; listings and events themselves need no privilege.
func Dial(opts Options) (*Conn, error) {
	c := &Conn{bufs: opts.Buffers}
	if c.bufs == nil {
		c.bufs = new(Buffers)
	}
	c.lists.bufs = c.bufs
	err := inNetNS(opts.NetNS, func() error {
		s, err := openSocket()
		if err != nil {
			return err
		}
		c.lists.sock = s
		if opts.Groups == 0 {
			return nil
		}
		ev, err := openSocket()
		if err != nil {
			return err
		}
		c.events = ev
		return c.listen(ev, opts)
	})
	if err != nil {
		if c.lists.sock != nil {
			err = errors.Join(err, c.Close())
		}
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	return c, nil
}

// listen sets the size of the event socket's buffer and joins the groups.
func (c *Conn) listen(s *netlinkSocket, opts Options) error {
	size := opts.ReceiveBuffer
	if size == 0 {
		size = DefaultReceiveBuffer
	}
	return s.control(func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size); err != nil {
				return os.NewSyscallError("setsockopt SO_RCVBUF", err)
			}
		}
		var err error
		if c.rcvbuf, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil {
			return os.NewSyscallError("getsockopt SO_RCVBUF", err)
		}
		for g := GroupLink; g <= GroupNexthop; g <<= 1 {
			for n := range (g & opts.Groups).numbers {
				switch err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(n)); {
				case err == nil:
					c.joined |= g
				case errors.Is(err, unix.EINVAL) && g != GroupLink:
					// A group that this kernel does not have.
				default:
					return fmt.Errorf("join group %d: %w", n, os.NewSyscallError("setsockopt", err))
				}
			}
		}
		return nil
	})
}

// inNetNS calls f on a thread that is in the namespace; -1: where it is.
func inNetNS(fd int, f func() error) error {
	if fd < 0 {
		return f()
	}
	result := make(chan error, 1)
	go func() {
		// A thread that cannot go back ends with this goroutine, because it stays
		// locked to it.
		runtime.LockOSThread()
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			runtime.UnlockOSThread()
			result <- fmt.Errorf("open own network namespace: %w", err)
			return
		}
		defer func() { _ = unix.Close(home) }()
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			result <- fmt.Errorf("enter network namespace: %w", os.NewSyscallError("setns", err))
			return
		}
		err = f()
		if unix.Setns(home, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

// netlinkSocket is a non-blocking socket that the runtime's poller watches.
type netlinkSocket struct {
	file   *os.File
	raw    syscall.RawConn
	closed atomic.Bool
}

func openSocket() (*netlinkSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	// Kernels before 4.20 lack these two: they answer without reasons, and
	// listings unfiltered.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	s := &netlinkSocket{file: os.NewFile(uintptr(fd), "rtnetlink")}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		_ = s.file.Close()
		return nil, err
	}
	return s, nil
}

// control calls f with the descriptor.
func (s *netlinkSocket) control(f func(fd int) error) error {
	var inner error
	err := s.raw.Control(func(fd uintptr) { inner = f(int(fd)) })
	return errors.Join(err, inner)
}

func (s *netlinkSocket) send(b []byte) error {
	var inner error
	err := s.raw.Write(func(fd uintptr) bool {
		inner = unix.Sendto(int(fd), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(inner, unix.EAGAIN)
	})
	if err != nil {
		return s.reason(err)
	}
	if inner != nil {
		return os.NewSyscallError("sendto", inner)
	}
	return nil
}

func (s *netlinkSocket) size() (int, error) {
	n, _, err := s.read(make([]byte, 1), unix.MSG_PEEK|unix.MSG_TRUNC, true)
	return n, err
}

func (s *netlinkSocket) recv(buf []byte, wait bool) (n int, full bool, err error) {
	return s.read(buf, 0, wait)
}

// read calls recvmsg(2) with the flags.
func (s *netlinkSocket) read(buf []byte, flags int, wait bool) (n int, full bool, err error) {
	var inner error
	err = s.raw.Read(func(fd uintptr) bool {
		for {
			var got int
			var from unix.Sockaddr
			n, _, got, from, inner = unix.Recvmsg(int(fd), buf, nil, flags)
			if errors.Is(inner, unix.EINTR) {
				continue
			}
			if a, ok := from.(*unix.SockaddrNetlink); inner == nil && ok && a.Pid != 0 {
				// Not from the kernel: whoever may administer the namespace may send
				// us messages. Take it away if we only looked.
				if flags&unix.MSG_PEEK != 0 {
					_, _, _, _, _ = unix.Recvmsg(int(fd), buf, nil, unix.MSG_DONTWAIT)
				}
				continue
			}
			full = got&unix.MSG_TRUNC != 0
			return !wait || !errors.Is(inner, unix.EAGAIN)
		}
	})
	switch {
	case err != nil:
		return 0, false, s.reason(err)
	case errors.Is(inner, unix.EAGAIN):
		return 0, false, errWouldBlock
	case errors.Is(inner, unix.ENOBUFS):
		return 0, false, errNoBuffers
	case inner != nil:
		return 0, false, os.NewSyscallError("recvmsg", inner)
	}
	return n, full, nil
}

func (s *netlinkSocket) interrupt(on bool) error {
	var t time.Time
	if on {
		t = time.Unix(1, 0)
	}
	return s.file.SetReadDeadline(t)
}

func (s *netlinkSocket) close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.file.Close()
}

// reason translates the error of waiting on the socket.
func (s *netlinkSocket) reason(err error) error {
	if s.closed.Load() {
		return ErrClosed
	}
	return err
}
