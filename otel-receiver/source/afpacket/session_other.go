//go:build !linux

package afpacket

import (
	"context"
	"errors"
	"fmt"

	"github.com/skein-net/skein/otel-receiver/source"
)

var errDown = errors.New("the interface is down")

func (s *Source) session(context.Context, []source.Worker, func()) error {
	return fmt.Errorf("packet sockets: %w", errors.ErrUnsupported)
}
