//go:build !linux

package ebpf

import (
	"errors"
	"fmt"
	"runtime"
)

// Probe tries what captures need. Only Linux has it.
func Probe() Features {
	var f Features
	f.problem(FeatureEBPF, fmt.Errorf("eBPF on %s: %w", runtime.GOOS, errors.ErrUnsupported), insteadPackets)
	return f
}
