//go:build !linux

package main

// mayCapture reports whether packets may be captured: on Linux only.
func mayCapture() bool { return false }
