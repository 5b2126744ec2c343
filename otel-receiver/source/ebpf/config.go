package ebpf

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
	MinFlows    = 16
	MaxFlows    = 1 << 22
	MaxRingKiB  = 64 << 10
	MaxSampling = 1 << 16
	minInterval = 100 * time.Millisecond
	// maxInterval is far from where times of 32 bits in steps of 1024 ns wrap.
	maxInterval = 5 * time.Minute
)

// ErrNoInterface is wrapped by errors about an interface, or its network
// namespace, that is not there.
var ErrNoInterface = device.ErrNone

// ErrGone is wrapped by the error that ends a capture whose interface was
// deleted or moved to another network namespace, whose namespace has lost its
// name, or whose programs somebody detached.
var ErrGone = errors.New("the interface is gone")

// Filter gives the filter in classic BPF for frames of a link type, as for
// afpacket.Filter. It is asked each time the interface is opened. A packet counts
// when it returns anything but 0.
type Filter func(link packet.LinkType) ([]bpf.RawInstruction, error)

// Config says what is captured. The zero value of a number is its default.
type Config struct {
	// Interface is the interface's name or one of its alternative names.
	Interface string
	// IfIndex, when it is not 0, must be the interface's index, so that another
	// interface that has got the name meanwhile is not taken for it.
	IfIndex int
	// NetNS is the path of the network namespace of the interface; "" is the
	// process's own. A capture ends within 2 s after the path stopped to lead there.
	NetNS string
	// Filter chooses the packets; nil takes all.
	Filter Filter
	// Flows is how many conversations one interval may have. More go through the
	// ring, one packet at a time, and are counted as overflow when it is full. The
	// kernel takes 256 or 512 bytes for each that there is, and 32 for each that
	// there may be.
	Flows int
	// SnapLen is how many bytes of the first packet of a flow must be kept: those
	// of all headers. Up to 128 take half the memory of more, and 384 is what is
	// kept of those. Packets with longer headers go through the ring.
	SnapLen int
	// RingKiB is the size of the ring in KiB; it is rounded up to a power of two.
	RingKiB int
	// Interval is how long it takes at most until what was counted is handed on. A
	// second is enough while there are few flows.
	Interval time.Duration
	// Sampling counts one packet of so many; see Source.SetSampling.
	Sampling uint32
	// Tunnels are the ports of tunnels, which must be those of the decoder that the
	// worker uses.
	Tunnels packet.Config
	// Retry makes the capture wait for an interface that is not there, or is gone,
	// instead of ending with an error: it looks again after RetryMin, then after
	// longer and longer, up to RetryMax. It is then found by name; IfIndex counts
	// for the first time only.
	Retry              bool
	RetryMin, RetryMax time.Duration
	// Log is told when the interface goes and comes. nil is slog.Default().
	Log *slog.Logger

	// classic attaches by a classifier of clsact also where there is tcx, single
	// reads maps without batches.
	classic, single bool
	// stale is after how long without a heartbeat a classifier has no owner.
	stale time.Duration
}

// DefaultConfig returns the defaults, without an interface.
func DefaultConfig() Config {
	return Config{
		Flows:    65536,
		SnapLen:  SmallSample,
		RingKiB:  1024,
		Interval: 10 * time.Second,
		Sampling: 1,
		Tunnels:  packet.DefaultConfig(),
		RetryMin: 100 * time.Millisecond,
		RetryMax: 2 * time.Second,
		stale:    time.Minute,
	}
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Flows == 0 {
		c.Flows = d.Flows
	}
	if c.SnapLen == 0 {
		c.SnapLen = d.SnapLen
	}
	if c.RingKiB == 0 {
		c.RingKiB = d.RingKiB
	}
	if c.Interval == 0 {
		c.Interval = d.Interval
	}
	if c.Sampling == 0 {
		c.Sampling = d.Sampling
	}
	if t := &c.Tunnels; t.VXLAN == nil && t.VXLANGPE == nil && t.Geneve == nil && t.GTPU == nil && t.MPLS == nil {
		*t = d.Tunnels
	}
	if c.RetryMin == 0 {
		c.RetryMin = d.RetryMin
	}
	if c.RetryMax == 0 {
		c.RetryMax = max(d.RetryMax, c.RetryMin)
	}
	if c.stale == 0 {
		c.stale = d.stale
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
	case c.Flows < MinFlows || c.Flows > MaxFlows:
		return fmt.Errorf("%d flows are not between %d and %d", c.Flows, MinFlows, MaxFlows)
	case c.SnapLen < 14 || c.SnapLen > LargeSample:
		return fmt.Errorf("snap length %d is not between 14 and %d", c.SnapLen, LargeSample)
	case c.RingKiB < 4 || c.RingKiB > MaxRingKiB:
		return fmt.Errorf("ring of %d KiB is not between 4 and %d", c.RingKiB, MaxRingKiB)
	case c.Interval < minInterval || c.Interval > maxInterval:
		return fmt.Errorf("interval %s is not between %s and %s", c.Interval, minInterval, maxInterval)
	case c.Sampling > MaxSampling:
		return fmt.Errorf("sampling of 1 in %d: %d is the most", c.Sampling, MaxSampling)
	case c.RetryMin < time.Millisecond || c.RetryMax < c.RetryMin:
		return fmt.Errorf("retry from %s to %s: want at least 1ms, and the second not less than the first", c.RetryMin, c.RetryMax)
	}
	if err := c.Tunnels.Validate(); err != nil {
		return fmt.Errorf("ports of tunnels: %w", err)
	}
	if n := len(tunnelPorts(c.Tunnels)); n > maxPorts {
		return fmt.Errorf("%d ports of tunnels: %d is the most", n, maxPorts)
	}
	return nil
}

// maxPorts is PORTS of bpf/parse.h.
const maxPorts = 32

// Kinds of tunnels, as in bpf/parse.h.
const (
	kindVXLAN = iota + 1
	kindGeneve
	kindOther
)

// tunnelPort is a port and what it carries.
type tunnelPort struct {
	port uint16
	kind uint8
}

// tunnelPorts lists ports as the decoder knows them: a port with two meanings has
// the first one.
func tunnelPorts(c packet.Config) []tunnelPort {
	var out []tunnelPort
	seen := map[uint16]bool{}
	for _, t := range []struct {
		kind  uint8
		ports []uint16
	}{{kindVXLAN, c.VXLAN}, {kindOther, c.VXLANGPE}, {kindGeneve, c.Geneve}, {kindOther, c.GTPU}, {kindOther, c.MPLS}} {
		for _, p := range t.ports {
			if !seen[p] {
				seen[p] = true
				out = append(out, tunnelPort{p, t.kind})
			}
		}
	}
	return out
}
