//go:build !linux

package lldpcli

import "github.com/skein-net/skein/internal/netns"

func (*Source) namespace() (*netns.NS, error) { return nil, netns.ErrUnsupported }

func indexes(*netns.NS) (map[string]int32, error) { return nil, netns.ErrUnsupported }
