//go:build !linux

package pidwatch

// Alive returns false.
func Alive(string, int, uint64) bool { return false }

// OwnedBy returns false.
func OwnedBy(string, int, uint32) bool { return false }
