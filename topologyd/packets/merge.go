package packets

import (
	"container/heap"
	"errors"
	"fmt"
	"time"
)

// batch is how many packets are handed on at once, and batchBytes after how many
// bytes of them.
const (
	batch      = 256
	batchBytes = 64 << 10
)

// errSilent is for a host that stopped in the middle.
var errSilent = errors.New("it stopped answering")

// lane is a host that is read, and what was read of it.
type lane struct {
	host string
	in   chan part
	have []Packet
	// began tells that something came.
	began bool
}

// beginMerge asks all hosts and waits for the first part of each.
func (a *Answer) beginMerge() {
	for id := range a.at {
		l := &lane{host: id, in: make(chan part)}
		a.lanes = append(a.lanes, l)
		a.start(id, func(p part) bool {
			select {
			case l.in <- p:
				return true
			case <-a.ctx.Done():
				return false
			}
		})
	}
	deadline := a.s.now().Add(a.s.cfg.Begin)
	for _, l := range a.lanes {
		// What nobody waits for is taken from it: the hosts answer side by side.
		a.fill(l, max(deadline.Sub(a.s.now()), time.Millisecond))
	}
}

// fill reads parts until there are packets in the lane, and reports whether there
// are. A host that lets nothing come for so long is missing.
func (a *Answer) fill(l *lane, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	for len(l.have) == 0 && l.in != nil {
		select {
		case p := <-l.in:
			l.began = true
			a.sum.Lost += p.lost
			a.sum.Refused += p.refused
			l.have = p.packets
			if p.err != nil {
				l.in = nil
				if !errors.Is(p.err, errEnd) {
					a.miss(l.host, p.err)
				}
			}
			t.Reset(a.s.cfg.Silence)
		case <-t.C:
			err := errSilent
			if !l.began {
				err = fmt.Errorf("it did not answer within %v", a.s.cfg.Begin) // wait is what was left of it
			}
			a.miss(l.host, err)
			l.in = nil
		case <-a.ctx.Done():
			return false
		}
	}
	return len(l.have) > 0
}

// merge hands all packets on in the order of their times.
func (a *Answer) merge(yield func([]Packet) bool) error {
	var h lanes
	for _, l := range a.lanes {
		if len(l.have) > 0 || a.fill(l, a.s.cfg.Silence) {
			h = append(h, l)
		}
	}
	heap.Init(&h)
	var out []Packet
	bytes := 0
	for len(h) > 0 {
		l := h[0]
		out = append(out, l.have[0])
		bytes += len(l.have[0].Data)
		if len(out) >= batch || bytes >= batchBytes {
			if err := a.hand(out, yield); err != nil {
				return err
			}
			out, bytes = nil, 0
		}
		if l.have = l.have[1:]; len(l.have) > 0 || a.fill(l, a.s.cfg.Silence) {
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
	}
	if len(out) > 0 {
		if err := a.hand(out, yield); err != nil {
			return err
		}
	}
	if err := a.ctx.Err(); err != nil {
		return fmt.Errorf("collect packets: %w", err)
	}
	return nil
}

// lanes is a heap by the time of the next packet.
type lanes []*lane

func (m lanes) Len() int           { return len(m) }
func (m lanes) Less(i, j int) bool { return m[i].have[0].Time < m[j].have[0].Time }
func (m lanes) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *lanes) Push(x any)        { *m = append(*m, x.(*lane)) }
func (m *lanes) Pop() any {
	last := len(*m) - 1
	l := (*m)[last]
	*m = (*m)[:last]
	return l
}
