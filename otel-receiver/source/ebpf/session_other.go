//go:build !linux

package ebpf

import (
	"context"
	"errors"
	"fmt"

	"github.com/skein-net/skein/otel-receiver/source"
)

type session struct{}

func (*session) selfTest() error { return fmt.Errorf("eBPF: %w", errors.ErrUnsupported) }

func (s *Source) session(context.Context, []source.Worker, func()) error {
	return fmt.Errorf("eBPF: %w", errors.ErrUnsupported)
}
