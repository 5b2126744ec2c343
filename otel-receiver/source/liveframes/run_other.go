//go:build !linux

package liveframes

import (
	"context"
	"errors"
	"fmt"
)

// Run needs Linux.
func Run(context.Context, Config) (Result, error) {
	return Result{}, fmt.Errorf("live frames: %w", errors.ErrUnsupported)
}
