package lldptest

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
)

func send(namespace, iface string, frames [][]byte) error {
	ns, err := netns.Open(netnstest.Path(namespace))
	if err != nil {
		return err
	}
	defer ns.Close() //nolint:errcheck // nothing to be done
	return ns.Do(func() error {
		i, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		if i.Flags&net.FlagRunning == 0 {
			return fmt.Errorf("%s has no carrier", iface)
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open packet socket: %w", err)
		}
		defer unix.Close(fd) //nolint:errcheck // nothing to be done
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
				return fmt.Errorf("send frame: %w", err)
			}
		}
		return nil
	})
}
