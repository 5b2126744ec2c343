//go:build !linux

package place

import "github.com/skein-net/skein/internal/netns"

func look(*netns.NS, string) (name, kind string, index int, err error) {
	return "", "", 0, netns.ErrUnsupported
}
