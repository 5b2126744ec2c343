//go:build !linux

package ethtool

import "errors"

// ErrGone is wrapped by the error about a link that is not there any more.
var ErrGone = errors.New("link is gone")

// Read returns [ErrUnsupported].
func (*Reader) Read(int, int32) (*Facts, error) { return nil, ErrUnsupported }
