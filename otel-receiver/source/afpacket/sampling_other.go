//go:build !linux

package afpacket

// ring is nothing where there are no packet sockets.
type ring struct{}

func (*ring) sample(uint32) error { return nil }
