package watch

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// peerTimeout bounds how long a socket may take to accept.
const peerTimeout = 2 * time.Second

// peerPID returns the number of the process that listens on a socket (unix(7),
// SO_PEERCRED), 0 when it is in a process namespace that cannot be seen.
func peerPID(path string) (pid int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), peerTimeout)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return 0, fmt.Errorf("connect to find who listens: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing was sent
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("get descriptor of socket: %w", err)
	}
	var cred *unix.Ucred
	var serr error
	if err := raw.Control(func(fd uintptr) {
		cred, serr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, fmt.Errorf("use descriptor of socket: %w", err)
	}
	if serr != nil {
		return 0, fmt.Errorf("ask who listens: %w", serr)
	}
	return int(cred.Pid), nil
}
