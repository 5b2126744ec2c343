//go:build amd64 || arm64

package flow

import "unsafe"

// prefetch asks for a cache line and does not wait for it. Any address will do.
//
//go:noescape
func prefetch(p unsafe.Pointer)
