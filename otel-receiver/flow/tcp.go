package flow

import "github.com/skein-net/skein/otel-receiver/packet"

// tcpBits is what is known of every TCP connection, whether or not there is
// room for more: its state and what was seen in each direction. The bits of the
// direction B to A are those of A to B shifted by one.
type tcpBits uint16

const (
	tcpStateMask tcpBits = 0x0f
	tcpFin       tcpBits = 1 << 4  // closed
	tcpSeq       tcpBits = 1 << 6  // next is valid
	tcpZero      tcpBits = 1 << 8  // the window is closed
	tcpAck       tcpBits = 1 << 10 // has acknowledged something
	tcpLastFin   tcpBits = 1 << 12 // the last one to close
)

// States of a connection, as a capture sees it.
const (
	stateUnknown = iota
	stateSynSent
	stateSynReceived
	stateEstablished
	stateFinWait
	stateClosing
	stateClosed
	stateReset
)

func stateName(s uint8) string {
	switch s {
	case stateSynSent:
		return "SYN_SENT"
	case stateSynReceived:
		return "SYN_RECEIVED"
	case stateEstablished:
		return "ESTABLISHED"
	case stateFinWait:
		return "FIN_WAIT"
	case stateClosing:
		return "CLOSING"
	case stateClosed:
		return "CLOSED"
	case stateReset:
		return "RESET"
	}
	return ""
}

func (b tcpBits) state() uint8 { return uint8(b & tcpStateMask) }

func (b *tcpBits) set(state tcpBits) { *b = *b&^tcpStateMask | state }

// finished reports whether both sides have closed the connection, or one has
// reset it.
func (b tcpBits) finished() bool { return b.state() >= stateClosing }

// over reports whether a SYN begins a new connection rather than asking for
// this one again.
func (b tcpBits) over() bool { return b.state() >= stateFinWait }

// fast does what there is to do for a segment that is as expected: in sequence,
// of an established connection, the window open. It is false for any other.
func (b tcpBits) fast(s *slot, l *packet.Level, dir int) bool {
	const special = packet.FlagSYN | packet.FlagFIN | packet.FlagRST
	want := (tcpSeq | tcpAck) << dir
	if l.Flags&special != 0 || l.Window == 0 || b&(want|tcpZero<<dir) != want || l.Fragment {
		return false
	}
	if state := b.state(); state != stateEstablished && state != stateUnknown {
		return false
	}
	if l.PayloadWire == 0 {
		return true
	}
	if l.Seq != s.next[dir] {
		return false
	}
	s.next[dir] += l.PayloadWire
	return true
}

// track follows a connection by one of its segments.
func (t *Table) track(s *slot, l *packet.Level, dir int, at int64) {
	c := t.connOf(s)
	side := &t.conns.spare.side[dir]
	if c != nil {
		side = &c.side[dir]
	}
	t.trackRTT(s, l, dir, at)
	t.trackState(s, l, side, dir, at)
	if l.Flags&packet.FlagRST == 0 {
		t.trackWindow(s, l, side, dir)
		if !l.Fragment && s.flags&flagGaps == 0 {
			t.trackSequence(s, l, side, dir, at)
		}
	}
}

// connOf returns the details of a connection, and makes room for them if there
// is none yet. nil means that there is no room.
func (t *Table) connOf(s *slot) *conn {
	if s.extra == 0 {
		i := t.conns.get()
		if i == none {
			// A connection is refused once, before anything is known of it.
			if s.tcp == 0 {
				t.n.tcpRefused++
			}
			return nil
		}
		s.extra = i + 1
	}
	return &t.conns.list[s.extra-1]
}

func (t *Table) trackState(s *slot, l *packet.Level, side *connSide, dir int, at int64) {
	state := s.tcp.state()
	if l.Flags&packet.FlagRST != 0 {
		if side.rst == 0 {
			side.rst = at
		}
		if state != stateClosing && state != stateClosed {
			s.tcp.set(stateReset)
		}
		return
	}
	if l.Flags&packet.FlagSYN != 0 {
		if side.syn == 0 {
			side.syn, side.ttl = at, l.TTL
		}
		switch {
		case l.Flags&packet.FlagACK == 0 && state == stateUnknown:
			s.tcp.set(stateSynSent)
		case state <= stateSynSent && (l.Flags&packet.FlagACK != 0 || dir == ba):
			// The answer, or both sides began at once (RFC 9293, 3.5).
			s.tcp.set(stateSynReceived)
		}
		return
	}
	if l.Flags&packet.FlagACK != 0 {
		s.tcp |= tcpAck << dir
		switch state {
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
			if dir != last && l.Flags&packet.FlagFIN == 0 {
				s.tcp.set(stateClosed)
			}
		}
	}
	if l.Flags&packet.FlagFIN != 0 && s.tcp.state() != stateReset {
		if side.fin == 0 {
			side.fin = at
		}
		if s.tcp&(tcpFin<<dir) != 0 {
			return
		}
		s.tcp |= tcpFin << dir
		s.tcp &^= tcpLastFin
		if dir == ba {
			s.tcp |= tcpLastFin
		}
		if s.tcp&(tcpFin|tcpFin<<1) == tcpFin|tcpFin<<1 {
			s.tcp.set(stateClosing)
		} else {
			s.tcp.set(stateFinWait)
		}
	}
}

// trackWindow counts the segments that close the window of their sender.
func (t *Table) trackWindow(s *slot, l *packet.Level, side *connSide, dir int) {
	switch {
	case l.Window != 0:
		s.tcp &^= tcpZero << dir
	case l.Flags&packet.FlagSYN == 0 && s.tcp&(tcpZero<<dir) == 0:
		s.tcp |= tcpZero << dir
		side.zeroWindows++
	}
}
