package device

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// LookUp returns the index and the hardware type (ARPHRD_*) of an interface of
// the calling thread's namespace. Its errors wrap [ErrNone] where there is none
// of the name.
func LookUp(name string) (index int, arphrd uint16, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("open socket to ask about %s: %w", name, err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, 0, fmt.Errorf("interface %q: %w", name, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		if errors.Is(err, unix.ENODEV) {
			return 0, 0, fmt.Errorf("%w: %s", ErrNone, name)
		}
		return 0, 0, fmt.Errorf("ask for the index of %s: %w", name, err)
	}
	index = int(req.Uint32())
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, req); err != nil {
		if errors.Is(err, unix.ENODEV) {
			return 0, 0, fmt.Errorf("%w: %s", ErrNone, name)
		}
		return 0, 0, fmt.Errorf("ask for the type of %s: %w", name, err)
	}
	return index, req.Uint16(), nil
}
