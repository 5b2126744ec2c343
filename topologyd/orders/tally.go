package orders

import "github.com/skein-net/skein/internal/order"

// tally counts assignments by their states, and sums up what they count.
type tally struct {
	waiting, starting, running, failed, refused int
	packets, bytes, dropped                     int64
}

// add counts a state in, n is 1, or out, n is -1.
func (t *tally) add(s *order.CaptureState, n int) {
	if s == nil {
		return
	}
	switch s.State {
	case order.StateWaiting:
		t.waiting += n
	case order.StateStarting:
		t.starting += n
	case order.StateRunning:
		t.running += n
	case order.StateFailed:
		t.failed += n
	case order.StateRefused:
		t.refused += n
	}
	t.packets += int64(n) * s.Packets
	t.bytes += int64(n) * s.Bytes
	t.dropped += int64(n) * dropped(s)
}

func (t *tally) total() int { return t.waiting + t.starting + t.running + t.failed + t.refused }

// dropped is the sum over all reasons.
func dropped(s *order.CaptureState) (n int64) {
	for _, d := range s.Dropped {
		n += d
	}
	return n
}
