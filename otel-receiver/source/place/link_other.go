//go:build !linux

package place

import "github.com/skein-net/skein/internal/netns"

func isNamespace(string) bool { return false }

func look(*netns.NS, string) (Link, error) { return Link{}, netns.ErrUnsupported }

func byIndex(*netns.NS, int) (Link, error) { return Link{}, netns.ErrUnsupported }
