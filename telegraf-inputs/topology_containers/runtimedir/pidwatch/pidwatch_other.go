//go:build !linux

package pidwatch

// Watcher watches processes; not on this system.
type Watcher struct{}

// New returns ErrUnsupported.
func New() (*Watcher, error) { return nil, ErrUnsupported }

// Ended returns a channel on which nothing comes.
func (*Watcher) Ended() <-chan int { return nil }

// Add returns ErrUnsupported.
func (*Watcher) Add(int) error { return ErrUnsupported }

// Remove does nothing.
func (*Watcher) Remove(int) {}

// Close does nothing.
func (*Watcher) Close() {}
