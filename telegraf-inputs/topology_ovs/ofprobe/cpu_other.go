//go:build !linux

package ofprobe

import "time"

// work runs f and returns how long that took.
func work(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
