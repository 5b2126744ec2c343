//go:build !linux

package main

import (
	"context"
	"fmt"
	"os"
)

// measureCapture does nothing where packets are not captured.
func measureCapture(context.Context, *table, string, int) error {
	fmt.Fprintln(os.Stderr, "perf: captures are measured on Linux only")
	return nil
}
