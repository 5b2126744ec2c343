//go:build !linux

package rtnl

import (
	"errors"
	"fmt"
	"runtime"
)

// Dial fails: rtnetlink is a part of Linux.
func Dial(Options) (*Conn, error) {
	return nil, fmt.Errorf("open rtnetlink on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
