//go:build !linux

package probe

import (
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

func openSockets(*netns.NS, rtnl.Options) (*rtnl.Conn, int, error) {
	return nil, -1, netns.ErrUnsupported
}

func closeSocket(int) {}
