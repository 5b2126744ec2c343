package flow

import (
	"math/bits"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// Count counts packets of one direction: First and Last are the times of the
// first and the last one in Unix nanoseconds.
type Count struct {
	Packets, Bytes uint64
	First, Last    int64
}

// Bulk is what was counted of one conversation elsewhere. Same counts packets
// that went the way of the sample, Reverse the answers; Weight is how many
// packets each that was counted stands for, if they were chosen at random: the
// counts are already scaled.
type Bulk struct {
	Same, Reverse Count
	Weight        uint32
}

// bounds of one Count: more is taken as that.
const (
	maxBulkPackets = maxFresh
	maxBulkBytes   = 1 << 60
)

// AddBulk counts packets that all have in common with a sample what tells flows
// apart. p is the sample, data its frame; the sample itself is not counted again.
// Bytes are of the outermost level; those of a level inside are taken to be less
// by the headers outside of it, which are those of the sample.
//
// A segment with SYN, FIN or RST should come by itself (Add): a bulk tells
// nothing of them, besides that segments after a SYN establish the connection,
// and that of a connection whose beginning nobody saw the sample may be the SYN.
// Fragments are counted to flows without ports. It does not allocate.
func (t *Table) AddBulk(p *packet.Packet, data []byte, b *Bulk) {
	outer := [2]Count{b.Same.bounded(), b.Reverse.bounded()}
	packets := outer[0].Packets + outer[1].Packets
	if packets == 0 {
		return
	}
	t.drain()
	t.n.packets += packets
	n := min(p.N, len(p.Levels))
	if n <= 0 {
		t.n.undecoded += packets
		return
	}
	t.n.bytes += outer[0].Bytes + outer[1].Bytes
	weight := bound(b.Weight)
	var parent key
	for i := range n {
		l := &p.Levels[i]
		counts := outer
		if i > 0 {
			headers := outside(p, i, len(data))
			for d := range counts {
				counts[d].Bytes = inside(&outer[d], p.Levels[0].Wire, l.Wire, headers)
			}
		}
		bare := l.Fragment && hasPorts(l.Proto)
		k := t.keyOf(l, parent.h, bare)
		t.bulk(k, l, data, &counts, parent, bare, weight)
		if bare {
			return
		}
		parent = k
	}
}

// bounded returns a count that makes sense.
func (c Count) bounded() Count {
	if c.Packets == 0 {
		return Count{}
	}
	c.Packets = min(c.Packets, maxBulkPackets)
	c.Bytes = min(c.Bytes, maxBulkBytes)
	c.Last = max(c.Last, c.First)
	return c
}

// outside returns the length of the headers around level i of a packet of which
// so many bytes were captured. Padding of the levels around it is none of them.
func outside(p *packet.Packet, i, captured int) uint64 {
	outer, inner := uint64(p.Levels[0].Wire), uint64(p.Levels[i].Wire)
	if inner >= outer {
		return 0 // a first fragment
	}
	n := outer - inner
	if pad := captured - int(p.Levels[i-1].End); p.Levels[i-1].End > 0 && pad > 0 && uint64(pad) < n {
		n -= uint64(pad)
	}
	return n
}

// inside returns the bytes of packets at a level inside. outer and inner are the
// lengths of the sample at both levels: when all packets are as long as it is,
// they tell exactly.
func inside(c *Count, outer, inner uint32, headers uint64) uint64 {
	if c.Bytes == c.Packets*uint64(outer) {
		return c.Packets * uint64(inner)
	}
	over, off := bits.Mul64(c.Packets, headers)
	if over != 0 || off > c.Bytes {
		return 0
	}
	return c.Bytes - off
}

// bulk counts to the flow with the key of a level.
func (t *Table) bulk(k key, l *packet.Level, data []byte, counts *[2]Count, parent key, bare bool, weight uint32) {
	first, answered := counts[0].First, false
	if counts[0].Packets == 0 || counts[1].Packets > 0 && counts[1].First < first {
		first, answered = counts[1].First, true
	}
	i := t.find(k)
	switch {
	case i != none:
		t.earlier(i, l, first)
	case answered:
		// The answers came first: A is where they came from.
		turned := k
		turned.high ^= 1
		i = t.begin(turned, t.reversed(l), data, first, parent, bare)
	default:
		i = t.begin(k, l, data, first, parent, bare)
	}
	s := &t.slots[i]
	var dirs [2]int
	for d := range counts {
		if c := &counts[d]; c.Packets > 0 {
			dirs[d] = s.direction(k.high ^ uint8(d))
			t.countMany(s, dirs[d], c.Packets, c.Bytes, c.First, c.Last)
			if l.Fragment {
				t.n.fragments += c.Packets
				t.rests[s.rest].fragments(c.Packets)
			}
		}
	}
	if weight > 1 {
		t.thin(s, weight)
	}
	if bare {
		return
	}
	switch {
	case l.Transport == packet.LayerTCP:
		s.gaps()
		t.trackBulk(s, l, counts, dirs)
	case s.flags&flagMessage != 0 && counts[0].Packets > 0:
		t.message(s, l, data)
	}
}

// earlier has a flow begin at a time, if it began later and its ID, which the
// start is part of, was told nobody yet.
func (t *Table) earlier(i uint32, l *packet.Level, at int64) {
	s := &t.slots[i]
	if s.flags&flagDirty == 0 || s.after(at) {
		return // it was reported, or begins before
	}
	r := &t.rests[s.rest]
	if at < r.start && r.packets == [2]uint64{} && l.Tunnel == packet.LayerNone && t.kept == nil {
		r.start = at
	}
}

// reversed returns a level as an answer has it. The port that datagrams of a
// tunnel come from has no meaning, and stays.
func (t *Table) reversed(l *packet.Level) *packet.Level {
	r := &t.reverse
	*r = *l
	r.SrcMAC, r.DstMAC = l.DstMAC, l.SrcMAC
	r.Src, r.Dst = l.Dst, l.Src
	if l.Transport != packet.LayerUDP || l.Tunnel == packet.LayerNone {
		r.SrcPort, r.DstPort = l.DstPort, l.SrcPort
	}
	return r
}

// trackBulk follows a connection by what was counted of it: segments that all
// acknowledge something.
func (t *Table) trackBulk(s *slot, l *packet.Level, counts *[2]Count, dirs [2]int) {
	if l.Flags&packet.FlagSYN != 0 && s.tcp.state() == stateUnknown && counts[0].Packets > 0 {
		// The SYN did not come by itself: there was no room.
		t.track(s, l, dirs[0], counts[0].First)
		if counts[0].Packets == 1 || counts[1].Packets == 0 {
			return // sent again and again, for all that is known
		}
	}
	for d := range counts {
		c, dir := &counts[d], dirs[d]
		if c.Packets == 0 {
			continue
		}
		s.tcp |= tcpAck << dir
		switch s.tcp.state() {
		case stateUnknown:
			if s.tcp&(tcpAck|tcpAck<<1) == tcpAck|tcpAck<<1 {
				s.tcp.set(stateEstablished)
			}
		case stateSynSent, stateSynReceived:
			s.tcp.set(stateEstablished)
		case stateClosing:
			last := ab
			if s.tcp&tcpLastFin != 0 {
				last = ba
			}
			if dir != last && s.extra != 0 && c.Last >= t.conns.list[s.extra-1].side[last].fin {
				s.tcp.set(stateClosed)
			}
		}
	}
}
