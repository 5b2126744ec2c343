package liveframes

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of a run.
const (
	MaxFrames = 200_000_000
	MaxTime   = time.Minute
	maxFrame  = 2048
)

// Config says what an interface shall receive.
type Config struct {
	// NetNS is the path of the namespace, below /run/netns. The interface must be
	// a veth, whose driver has what live frames need.
	NetNS, Interface string
	// Frame is the frame, 14 to 2048 bytes.
	Frame []byte
	// Count is how many, Time for how long at most.
	Count int
	Time  time.Duration
	// Rate is how many a second, in bursts of 50 ms; 0 is as fast as can be.
	Rate int
	// Vary, when it is not 0, is the offset of two bytes of the frame, for example
	// those of a port, that get a random number below Values, a power of 2 up to
	// 65536.
	Vary, Values int
}

// Result is what was done.
type Result struct {
	// Sent is how many frames the interface received.
	Sent int
	// Took is how long that took.
	Took time.Duration
}

func (c Config) validate() error {
	switch {
	case !strings.HasPrefix(c.NetNS, "/run/netns/"):
		return fmt.Errorf("namespace %q: only named ones below /run/netns are taken", c.NetNS)
	case c.Interface == "":
		return errors.New("no interface is named")
	case len(c.Frame) < 14 || len(c.Frame) > maxFrame:
		return fmt.Errorf("frame of %d bytes: want 14 to %d", len(c.Frame), maxFrame)
	case c.Count < 1 || c.Count > MaxFrames:
		return fmt.Errorf("%d frames: want 1 to %d", c.Count, MaxFrames)
	case c.Time <= 0 || c.Time > MaxTime:
		return fmt.Errorf("a run of %s: want up to %s", c.Time, MaxTime)
	case c.Rate < 0:
		return fmt.Errorf("a rate of %d a second is negative", c.Rate)
	case c.Vary < 0 || c.Vary > 0 && (c.Vary+2 > len(c.Frame) || c.Values < 1 || c.Values > 65536 || c.Values&(c.Values-1) != 0):
		return fmt.Errorf("%d values at offset %d: want a power of 2 up to 65536, within the frame", c.Values, c.Vary)
	}
	return nil
}
