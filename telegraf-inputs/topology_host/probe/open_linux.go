package probe

import (
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// openSockets opens rtnetlink and a socket for ioctls in a namespace.
func openSockets(ns *netns.NS, opts rtnl.Options) (conn *rtnl.Conn, ctl int, err error) {
	ctl = -1
	opts.NetNS = -1 // the thread is there already
	err = ns.Do(func() error {
		var err error
		if conn, err = rtnl.Dial(opts); err != nil {
			return err
		}
		// A socket of any family takes the ioctls; AF_UNIX is there always.
		if ctl, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			_ = conn.Close()
		}
		return err
	})
	return conn, ctl, err
}

func closeSocket(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}
