//go:build !linux

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/skein-net/skein/internal/perf/table"
)

// measureCapture does nothing where packets are not captured.
func measureCapture(context.Context, *table.Table, string, string, int) error {
	fmt.Fprintln(os.Stderr, "perf: captures are measured on Linux only")
	return nil
}
