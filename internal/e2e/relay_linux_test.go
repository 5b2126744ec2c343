package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// relay is a wire between two interfaces of one namespace that loses and delays
// what the test asks it to. This kernel has no netem.
type relay struct {
	// lose drops every n-th echo request from a to b, 0 none; late delays each
	// frame, in nanoseconds, both ways.
	lose, late atomic.Int64
	// lost counts what was dropped.
	lost, requests atomic.Int64

	done sync.WaitGroup
	stop chan struct{}
}

// delayed is a frame on the wire.
type delayed struct {
	frame []byte
	due   time.Time
}

func newRelay(t testing.TB, h *hostNS, ns, a, b string) *relay {
	t.Helper()
	r := &relay{stop: make(chan struct{})}
	var fds [2]int
	h.do(t, ns, func() error {
		for i, dev := range []string{a, b} {
			fd, err := wireEnd(dev)
			if err != nil {
				return fmt.Errorf("open %s: %w", dev, err)
			}
			fds[i] = fd
		}
		return nil
	})
	for i := range fds {
		wire := make(chan delayed, 4096)
		r.done.Go(func() { r.read(fds[i], i == 0, wire) })
		r.done.Go(func() { write(fds[1-i], wire) })
	}
	t.Cleanup(func() {
		close(r.stop)
		r.done.Wait()
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
	return r
}

// wireEnd opens a socket for all frames that come to an interface.
func wireEnd(dev string) (int, error) {
	link, err := net.InterfaceByName(dev)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
	); err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("set options: %w", err)
	}
	mreq := unix.PacketMreq{Ifindex: int32(link.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mreq); err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("make promiscuous: %w", err)
	}
	var all [2]byte
	binary.BigEndian.PutUint16(all[:], unix.ETH_P_ALL)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Index, Protocol: binary.NativeEndian.Uint16(all[:])}); err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("bind: %w", err)
	}
	return fd, nil
}

func (r *relay) read(fd int, forward bool, wire chan<- delayed) {
	defer close(wire)
	buf := make([]byte, 65536)
	for {
		select {
		case <-r.stop:
			return
		default:
		}
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil || n < 14 {
			continue // it timed out, so that the end is seen
		}
		frame := append([]byte(nil), buf[:n]...)
		if forward && isEcho(frame) && r.drops() {
			continue
		}
		select {
		case wire <- delayed{frame, time.Now().Add(time.Duration(r.late.Load()))}:
		default: // a wire that is full loses, too; no test fills it
		}
	}
}

func (r *relay) drops() bool {
	n := r.requests.Add(1)
	every := r.lose.Load()
	if every == 0 || n%every != 0 {
		return false
	}
	r.lost.Add(1)
	return true
}

func write(fd int, wire <-chan delayed) {
	for d := range wire {
		if wait := time.Until(d.due); wait > 0 {
			time.Sleep(wait)
		}
		_, _ = unix.Write(fd, d.frame)
	}
}

// isEcho tells whether a frame is an ICMP echo request over IPv4.
func isEcho(f []byte) bool {
	return len(f) > 34 && f[12] == 8 && f[13] == 0 && f[23] == 1 && f[34] == 8
}

// TestRelay: what the other tests conclude from loss and delay needs a wire that
// loses and delays exactly what it is told.
func TestRelay(t *testing.T) {
	h := newHost(t)
	h.addNS("wire")
	h.addNS("far")
	h.wire("", "v0", "wire", "w0")
	h.wire("far", "eth0", "wire", "w1")
	h.ip("", "addr", "add", "10.7.0.1/24", "dev", "v0")
	h.ip("far", "addr", "add", "10.7.0.2/24", "dev", "eth0")
	r := newRelay(t, h, "wire", "w0", "w1")
	h.ping("", "10.7.0.2", 20, 56)
	require.EqualValues(t, 20, r.requests.Load())
	r.late.Store(int64(20 * time.Millisecond))
	answered, took := h.echo("", "10.7.0.2", 1)
	require.Equal(t, 1, answered)
	require.GreaterOrEqual(t, took, 40*time.Millisecond)
	r.lose.Store(3)
	r.requests.Store(0)
	answered, _ = h.echo("", "10.7.0.2", 30)
	require.Equal(t, 20, answered)
	require.EqualValues(t, 10, r.lost.Load())
}
