package flowcapture

import (
	"errors"
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// blindPackets is how many packets the interface must have counted that the
// capture did not see, and blindSure how long that must have been so: what is on
// its way is not lost.
const (
	blindPackets = 10
	blindSure    = 2 * time.Second
)

// proof is what is known about whether a tap sees what it should. A capture is
// not called running before it saw a packet or everything that can be checked
// without one was.
type proof struct {
	spot *spot
	// halted is set when the tap was told to end.
	halted bool
	// kind is the proof, "" while there is none.
	kind string
	// since is when the proof was begun, base what had been seen then.
	since time.Time
	base  uint64

	// The window in which the interface's counters are compared: what they and the
	// capture had at its begin, and since when they differ too much.
	window           time.Time
	counted, sighted uint64
	differ           time.Time
	blind            bool
}

func newProof(s *spot, seen uint64, now time.Time) *proof {
	p := &proof{spot: s}
	p.begin(seen, now)
	return p
}

func (p *proof) begin(seen uint64, now time.Time) {
	p.kind, p.since, p.base = "", now, seen
	p.window, p.differ, p.blind = time.Time{}, time.Time{}, false
}

// seen returns the packets that a capture has seen, lost ones included.
func seen(t *totals) uint64 {
	return t.source.Received + t.source.Dropped + t.source.Filtered + t.source.Overflow
}

// judging is what a judgement needs to know.
type judging struct {
	pace *pace
	now  time.Time
	// whole tells that the capture is to see every packet of the interface.
	whole bool
	// sure is how long the counters must differ.
	sure time.Duration
	// selfTest checks what can be checked without a packet.
	selfTest func() error
}

var errNotOpen = errors.New("the capture has not opened the interface yet")

// judge says how a tap does: here is its interface as it is now, t what the tap
// counted.
func (p *proof) judge(here *spot, t *totals, j *judging) *verdict {
	n := seen(t)
	if !here.link.Up {
		p.begin(n, j.now)
		return failed(fmt.Errorf("%s is down; set it up, the capture begins by itself", here.link.Name))
	}
	if err := p.prove(n, t, j); err != nil {
		return failed(err)
	}
	if p.kind == "" {
		return &verdict{state: order.StateStarting}
	}
	if j.whole && here.link.Counted {
		if grown := p.compare(n, here.link.Packets, j); p.blind {
			return failed(fmt.Errorf("blind: %s counted %d packets of which the capture sees none; they pass it by, as with XDP or what the hardware forwards itself",
				here.link.Name, grown))
		}
	}
	return &verdict{state: order.StateRunning, proof: p.kind}
}

// prove looks for a proof, as long as there is none better.
func (p *proof) prove(seen uint64, t *totals, j *judging) error {
	if seen > p.base {
		p.kind = order.ProofPacket
		return nil
	}
	age := j.now.Sub(p.since)
	if p.kind != "" || age < j.pace.selfTest {
		return nil
	}
	if !t.running {
		if age >= j.pace.hanging {
			return errNotOpen
		}
		return nil
	}
	err := j.selfTest()
	switch {
	case err == nil:
		p.kind = order.ProofSelfTest
	case age >= j.pace.opening:
		return err
	}
	return nil
}

// compare compares the interface's counters with what is seen. It returns how
// much they grew while nothing was.
func (p *proof) compare(seen, counted uint64, j *judging) uint64 {
	grown := counted - p.counted
	if p.window.IsZero() || seen != p.sighted || counted < p.counted {
		p.window, p.counted, p.sighted, p.differ, p.blind = j.now, counted, seen, time.Time{}, false
		return 0
	}
	switch {
	case p.blind:
	case grown >= blindPackets:
		if p.differ.IsZero() {
			p.differ = j.now
		}
		p.blind = j.now.Sub(p.differ) >= j.sure && j.now.Sub(p.window) >= j.pace.blind
	case j.now.Sub(p.window) >= j.pace.blind:
		p.window, p.counted = j.now, counted
	}
	return grown
}
