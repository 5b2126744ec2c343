//go:build !linux

package flowcapture

import "github.com/skein-net/skein/internal/netns"

func bound(*spot) error { return netns.ErrUnsupported }
