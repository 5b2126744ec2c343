//go:build !linux

package flowcapture

import "errors"

func defaultRoute() (string, error) {
	return "", errors.New(DefaultRoute + " works on Linux only; name the interface instead")
}
