package flow

import (
	"time"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// conn is what is known of a TCP connection if there is room.
type conn struct {
	side [2]connSide
}

// connSide is what was seen of one direction.
type connSide struct {
	syn, fin, rst int64 // Unix ns
	retransmits   uint32
	outOfOrder    uint32
	skipped       uint32
	skippedBytes  uint32
	zeroWindows   uint32
	holes         [maxHoles]hole
	ttl           uint8
	nHoles        uint8
}

// maxHoles is how many gaps of one direction are remembered, so that what fills
// them is known. Older ones stay counted as skipped.
const maxHoles = 2

// hole is a gap: the sequence numbers [from, to) have not been seen. at is when
// it was noticed, in units of 1.024 µs.
type hole struct{ from, to, at uint32 }

const holeShift = 10

// reorderTime is how late a segment may be to count as out of order, when the
// round trip time is not known or shorter. What comes later was sent again.
const reorderTime = 3 * time.Millisecond

// trackSequence compares a segment with what is next. All comparisons are
// modulo 2^32 (RFC 9293, 3.4).
func (t *Table) trackSequence(s *slot, l *packet.Level, side *connSide, dir int, at int64) {
	length := l.PayloadWire
	if l.Flags&packet.FlagSYN != 0 {
		length++
	}
	if l.Flags&packet.FlagFIN != 0 {
		length++
	}
	valid := tcpSeq << dir
	if s.tcp&valid == 0 {
		s.tcp |= valid
		s.next[dir] = l.Seq + length
		return
	}
	if length == 0 {
		return
	}
	end := l.Seq + length
	switch ahead := int32(l.Seq - s.next[dir]); {
	case ahead == 0:
		s.next[dir] = end
	case ahead > 0:
		side.skip(s.next[dir], l.Seq, at)
		s.next[dir] = end
	default:
		if int32(end-s.next[dir]) > 0 {
			s.next[dir] = end
		}
		if filled, age := side.fill(l.Seq, end, at); filled {
			if age <= max(reorderTime, time.Duration(t.rests[s.rest].rtt)) {
				side.outOfOrder++
			} else {
				side.retransmits++
			}
			return
		}
		keepalive := length == 1 && ahead == -1 && l.Flags&(packet.FlagSYN|packet.FlagFIN) == 0
		if !keepalive {
			side.retransmits++
		}
	}
}

// skip notes a gap.
func (c *connSide) skip(from, to uint32, at int64) {
	c.skipped++
	c.skippedBytes = addSat(c.skippedBytes, to-from)
	if c.nHoles == maxHoles {
		copy(c.holes[:], c.holes[1:])
		c.nHoles--
	}
	c.holes[c.nHoles] = hole{from, to, uint32(at >> holeShift)}
	c.nHoles++
}

// fill takes [from, to) out of the gaps. It reports whether any of it was
// missing, and for how long.
func (c *connSide) fill(from, to uint32, at int64) (filled bool, age time.Duration) {
	for i := 0; i < int(c.nHoles); i++ {
		h := &c.holes[i]
		lo, hi := h.from, h.to
		if int32(from-lo) > 0 {
			lo = from
		}
		if int32(to-hi) < 0 {
			hi = to
		}
		if int32(hi-lo) <= 0 {
			continue
		}
		if !filled {
			filled, age = true, time.Duration(uint32(at>>holeShift)-h.at)<<holeShift
		}
		c.skippedBytes -= min(c.skippedBytes, hi-lo)
		switch {
		case lo == h.from && hi == h.to:
			c.skipped -= min(c.skipped, 1)
			copy(c.holes[i:], c.holes[i+1:c.nHoles])
			c.nHoles--
			i--
		case lo == h.from:
			h.from = hi
		case hi == h.to:
			h.to = lo
		case c.nHoles < maxHoles:
			// What came was in the middle: there are two gaps now.
			c.holes[c.nHoles] = hole{hi, h.to, h.at}
			h.to = lo
			c.nHoles++
			c.skipped++
			return filled, age
		default:
			// No room to remember both; the second one stays counted.
			h.to = lo
			c.skipped++
		}
	}
	return filled, age
}

func addSat(a, b uint32) uint32 {
	if a+b < a {
		return 1<<32 - 1
	}
	return a + b
}

// conns is the side table of connections: a list with the free ones linked.
type conns struct {
	list []conn
	next []uint32
	free uint32
	// spare takes what is told of connections without room.
	spare conn
}

func newConns(n int) conns {
	c := conns{list: make([]conn, n), next: make([]uint32, n), free: none}
	for i := n - 1; i >= 0; i-- {
		c.next[i], c.free = c.free, uint32(i)
	}
	return c
}

func (c *conns) get() uint32 {
	i := c.free
	if i != none {
		c.free = c.next[i]
		c.list[i] = conn{}
	}
	return i
}

func (c *conns) put(i uint32) { c.next[i], c.free = c.free, i }
