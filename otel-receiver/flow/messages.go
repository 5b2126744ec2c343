package flow

import (
	"encoding/binary"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// Messages are kept as they came, the last one of each flow, and explained when
// the flow is reported: work and memory are bounded by the reports, not by the
// packets.

// maxMessage is how much of a message is kept: what DNS answers over UDP have
// at most (DNS flag day 2020).
const maxMessage = 1232

// message is the last message of a flow.
type message struct {
	n    uint16
	data [maxMessage]byte
}

// messages is the side table of messages: a list with the free ones linked.
type messages struct {
	list []message
	next []uint32
	free uint32
}

func newMessages(n int) messages {
	m := messages{list: make([]message, n), next: make([]uint32, n), free: none}
	for i := n - 1; i >= 0; i-- {
		m.next[i], m.free = m.free, uint32(i)
	}
	return m
}

func (m *messages) put(i uint32) {
	m.list[i].n = 0
	m.next[i], m.free = m.free, i
}

// Ports and protocols of the messages that have a layer of their own.
const (
	portDNS        = 53
	portDHCPServer = 67
	portDHCPClient = 68
	protoVRRP      = 112
)

// messageKind returns the kind of message that a packet without further
// headers carries, from its port or protocol and how its payload begins.
func messageKind(l *packet.Level, data []byte) Kind {
	if l.Tunnel != packet.LayerNone {
		return KindNone
	}
	switch {
	case l.Transport == packet.LayerUDP && (l.DstPort == portDNS || l.SrcPort == portDNS):
		if p := payload(l, data); l.PayloadWire >= 12 && (len(p) < 12 || looksDNS(p)) {
			return KindDNS
		}
	case l.Transport == packet.LayerUDP && isDHCP(l.DstPort) && isDHCP(l.SrcPort):
		// The cookie is what tells it from BOOTP (RFC 2131, 3).
		if p := payload(l, data); l.PayloadWire >= 240 && (len(p) < 240 || binary.BigEndian.Uint32(p[236:]) == 0x63825363) {
			return KindDHCPv4
		}
	case l.Net == packet.LayerIPv4 && l.Proto == protoVRRP && !l.Fragment:
		if p := payload(l, data); len(p) == 0 || p[0]>>4 == 2 {
			return KindVRRPv2
		}
	}
	return KindNone
}

func isDHCP(port uint16) bool { return port == portDHCPServer || port == portDHCPClient }

// looksDNS checks the header of a message (RFC 1035, 4.1.1): a known kind of
// query and no more questions than anyone asks.
func looksDNS(p []byte) bool {
	opcode := p[2] >> 3 & 15
	return opcode <= 6 && p[4] == 0 && p[3]&0x40 == 0
}

// payload returns what of a level's payload was captured.
func payload(l *packet.Level, data []byte) []byte {
	from, to := int(l.Payload), min(int(l.End), len(data))
	if from < 0 || from >= to {
		return nil
	}
	return data[from:to]
}

// message keeps a packet's message, instead of the one before unless that was
// an answer and this is a question.
func (t *Table) message(s *slot, l *packet.Level, data []byte) {
	p := payload(l, data)
	if len(p) == 0 || l.Fragment {
		return
	}
	if s.extra == 0 {
		i := t.messages.free
		if i == none {
			t.n.messagesRefused++
			return
		}
		t.messages.free = t.messages.next[i]
		s.extra = i + 1
	}
	m := &t.messages.list[s.extra-1]
	if t.rests[s.rest].kind == KindDNS && m.n > 2 && len(p) > 2 && m.data[2]&0x80 != 0 && p[2]&0x80 == 0 {
		return
	}
	m.n = uint16(copy(m.data[:], p))
}
