//go:build !linux

package lldptest

import "github.com/skein-net/skein/internal/netns"

func send(string, string, [][]byte) error { return netns.ErrUnsupported }
