package afpacket

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source/device"
)

// Bounds of the configuration.
const (
	MaxSnapLen = 256 << 10
	MaxRingMiB = 1 << 10
	MaxWorkers = 64
	minBlock   = time.Millisecond
	maxBlock   = time.Second
)

// ErrNoInterface is wrapped by errors about an interface, or its network
// namespace, that is not there.
var ErrNoInterface = device.ErrNone

// ErrGone is wrapped by the error that ends a capture whose interface was
// deleted or moved to another network namespace, or whose namespace has lost
// its name.
var ErrGone = errors.New("the interface is gone")

// Filter gives the filter in classic BPF for frames of a link type. It is asked
// each time the interface is opened. The kernel keeps VLAN tags apart from the
// frame while a filter looks at it (SKF_AD_VLAN_TAG, SKF_AD_VLAN_TAG_PRESENT).
// What the filter returns counts up to the snap length.
type Filter func(link packet.LinkType) ([]bpf.RawInstruction, error)

// Config says what is captured. The zero value of a number is its default.
type Config struct {
	// Interface is the interface's name or one of its alternative names.
	Interface string
	// IfIndex, when it is not 0, must be the interface's index, so that another
	// interface that has got the name meanwhile is not taken for it.
	IfIndex int
	// NetNS is the path of the network namespace of the interface, for example
	// /run/netns/blue or /proc/1234/ns/net; "" is the process's own. A capture
	// keeps its namespace alive; it ends within 2 s after the path stopped to lead
	// there.
	NetNS string
	// SnapLen is how many bytes of a frame are captured, its VLAN tag not counted.
	SnapLen int
	// RingMiB is the size of each worker's ring in MiB.
	RingMiB int
	// BlockTimeout is how long a frame may wait in the ring before the worker sees
	// it, when few come.
	BlockTimeout time.Duration
	// Filter chooses the frames; nil takes all. No frame that it does not choose
	// is ever handed to a worker, also not while the capture starts.
	Filter Filter
	// Promiscuous asks the interface for frames that are not addressed to it.
	Promiscuous bool
	// Retry makes the capture wait for an interface that is not there, or is gone,
	// instead of ending with an error: it looks again after RetryMin, then after
	// longer and longer, up to RetryMax. It is then found by name; IfIndex counts
	// for the first time only.
	Retry              bool
	RetryMin, RetryMax time.Duration
	// Log is told when the interface goes and comes. nil is slog.Default().
	Log *slog.Logger
}

// DefaultConfig returns the defaults, without an interface.
func DefaultConfig() Config {
	return Config{
		SnapLen:      256,
		RingMiB:      16,
		BlockTimeout: 50 * time.Millisecond,
		RetryMin:     100 * time.Millisecond,
		RetryMax:     2 * time.Second,
	}
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.SnapLen == 0 {
		c.SnapLen = d.SnapLen
	}
	if c.RingMiB == 0 {
		c.RingMiB = d.RingMiB
	}
	if c.BlockTimeout == 0 {
		c.BlockTimeout = d.BlockTimeout
	}
	if c.RetryMin == 0 {
		c.RetryMin = d.RetryMin
	}
	if c.RetryMax == 0 {
		c.RetryMax = max(d.RetryMax, c.RetryMin)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.Interface == "":
		return errors.New("no interface is named")
	case len(c.Interface) > 15:
		return fmt.Errorf("interface %q: names have 15 bytes at most", c.Interface)
	case c.IfIndex < 0:
		return fmt.Errorf("interface index %d is negative", c.IfIndex)
	case c.SnapLen < 14 || c.SnapLen > MaxSnapLen:
		return fmt.Errorf("snap length %d is not between 14 and %d", c.SnapLen, MaxSnapLen)
	case c.RingMiB < 1 || c.RingMiB > MaxRingMiB:
		return fmt.Errorf("ring of %d MiB is not between 1 and %d", c.RingMiB, MaxRingMiB)
	case c.BlockTimeout < minBlock || c.BlockTimeout > maxBlock:
		return fmt.Errorf("block timeout %s is not between %s and %s", c.BlockTimeout, minBlock, maxBlock)
	case c.RetryMin < time.Millisecond || c.RetryMax < c.RetryMin:
		return fmt.Errorf("retry from %s to %s: want at least 1ms, and the second not less than the first", c.RetryMin, c.RetryMax)
	}
	return nil
}
