package afpacket

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Errors of [Source.SelfTest].
var (
	errNotOpen  = errors.New("the capture has no packet socket yet")
	errNotBound = errors.New("the packet socket of the capture is not bound to the interface")
)

// SelfTest checks without a packet that the kernel hands the interface's to each
// worker: its own socket takes frames, and is bound to the interface for all
// protocols (packet(7)). Whether the interface is up is not asked. It may be
// called at any time, by any goroutine.
func (s *Source) SelfTest() error {
	s.sampling.mu.Lock() // rings stay open meanwhile
	defer s.sampling.mu.Unlock()
	if len(s.sampling.open) == 0 {
		return errNotOpen
	}
	for _, r := range s.sampling.open {
		if r.ending {
			return errNotOpen
		}
		sa, err := unix.Getsockname(r.fd)
		if err != nil {
			return fmt.Errorf("ask what the packet socket is bound to: %w", err)
		}
		ll, ok := sa.(*unix.SockaddrLinklayer)
		if !ok || ll.Ifindex != r.index || ll.Protocol != bigEndian16(unix.ETH_P_ALL) {
			return fmt.Errorf("%w %s (index %d)", errNotBound, s.cfg.Interface, r.index)
		}
	}
	return nil
}
