//go:build !linux

package netns

// Supported reports whether this system has network namespaces.
func Supported() bool { return false }

// NS is an open namespace; there is none on this system.
type NS struct{}

// Open returns [ErrUnsupported].
func Open(string) (*NS, error) { return nil, ErrUnsupported }

// OpenPID returns [ErrUnsupported].
func OpenPID(int) (*NS, error) { return nil, ErrUnsupported }

// OpenFD returns [ErrUnsupported].
func OpenFD(int) (*NS, error) { return nil, ErrUnsupported }

// OpenSocket returns [ErrUnsupported].
func OpenSocket(int) (*NS, error) { return nil, ErrUnsupported }

// Current returns [ErrUnsupported].
func Current() (*NS, error) { return nil, ErrUnsupported }

// ID returns the zero ID.
func (*NS) ID() ID { return ID{} }

// FD returns -1.
func (*NS) FD() int { return -1 }

// Close does nothing.
func (*NS) Close() error { return nil }

// Do returns [ErrUnsupported] without a call of fn.
func (*NS) Do(func() error) error { return ErrUnsupported }

// Stat returns [ErrUnsupported].
func Stat(string) (ID, error) { return ID{}, ErrUnsupported }

// List returns [ErrUnsupported].
func List(string) ([]Named, error) { return nil, ErrUnsupported }
