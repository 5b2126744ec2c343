package flow

import (
	"math/bits"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// pending remembers what is waited for: the answers to SYNs and to echo
// requests, each by the flow, its direction and its sequence number. It is one
// small table for all flows; what a later one needs the place of is forgotten.
type pending struct {
	list []request
}

// request is something that an answer is waited for. at is 0 when it was sent
// more than once, so that nobody can tell which one is answered (Karn's
// algorithm, RFC 6298, 3).
type request struct {
	key uint64
	at  int64
}

func newPending(n int) pending {
	n = min(max(n, 256), 65536)
	return pending{list: make([]request, n)}
}

func (p *pending) at(key uint64) *request {
	i, _ := bits.Mul64(key*0x9e3779b97f4a7c15, uint64(len(p.list)))
	return &p.list[i]
}

// ask notes a request. again says what to do when the same one is waited for
// already: whether it can no longer be timed.
func (p *pending) ask(key uint64, at int64, again bool) {
	r := p.at(key)
	if again && r.key == key {
		r.at = 0
		return
	}
	*r = request{key, at}
}

// answer returns the time since the request, 0 when it is not known.
func (p *pending) answer(key uint64, at int64) int64 {
	r := p.at(key)
	if r.key != key {
		return 0
	}
	asked := r.at
	*r = request{}
	if asked == 0 || at <= asked {
		return 0
	}
	return at - asked
}

// requestKey names a request of a flow; n is the number its answer tells.
func requestKey(s *slot, dir int, n uint32) uint64 {
	return mix(s.h^uint64(dir)<<63, 0xd6e8feb86659fd93^uint64(n)<<17) | 1
}

// trackRTT times the answer to a SYN: the SYN with ACK, or the RST that refuses.
func (t *Table) trackRTT(s *slot, l *packet.Level, dir int, at int64) {
	const flags = packet.FlagSYN | packet.FlagACK | packet.FlagRST
	switch l.Flags & flags {
	case packet.FlagSYN:
		t.pending.ask(requestKey(s, dir, l.Seq+1), at, true)
	case packet.FlagSYN | packet.FlagACK, packet.FlagRST | packet.FlagACK:
		t.measured(s, t.pending.answer(requestKey(s, dir^1, l.Ack), at))
	}
}

// ICMP types of echo messages (RFC 792, RFC 4443).
const (
	echoReply4   = 0
	echoRequest4 = 8
	echoRequest6 = 128
	echoReply6   = 129
)

// echo times echo messages by their sequence number.
func (t *Table) echo(s *slot, l *packet.Level, dir int, at int64) {
	request, reply := uint8(echoRequest4), uint8(echoReply4)
	if l.Transport == packet.LayerICMPv6 {
		request, reply = echoRequest6, echoReply6
	}
	switch l.ICMPType {
	case request:
		t.pending.ask(requestKey(s, dir, l.Seq), at, false)
	case reply:
		t.measured(s, t.pending.answer(requestKey(s, dir^1, l.Seq), at))
	}
}

func (t *Table) measured(s *slot, rtt int64) {
	if rtt > 0 {
		t.rests[s.rest].rtt = rtt
		s.flags |= flagRTT
	}
}
