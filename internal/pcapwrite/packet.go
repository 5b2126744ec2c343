package pcapwrite

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Media types of the formats. The first is registered with IANA, the second is
// what is in use.
const (
	TypePcap   = "application/vnd.tcpdump.pcap"
	TypePcapNG = "application/x-pcapng"
)

// Bounds.
const (
	// MaxData is the longest packet that is written, in bytes, as libpcap has it
	// (MAXIMUM_SNAPLEN).
	MaxData = 256 << 10
	// MaxText is where comments and names are cut, in bytes.
	MaxText = 4 << 10
	// MaxComments is how many comments one block has at most; the others are left
	// out.
	MaxComments = 32
	// MaxTime is the last time that a pcap file can tell, in Unix nanoseconds.
	MaxTime = math.MaxUint32*1_000_000_000 + 999_999_999
)

// ErrPacket is wrapped by the errors for packets that cannot be written; the
// writer can go on with the next one.
var ErrPacket = errors.New("the packet cannot be written")

// Direction is which way a packet went.
type Direction uint8

// The directions.
const (
	Unknown Direction = iota
	Inbound
	Outbound
)

// Packet is one packet. The writers neither keep nor change it.
type Packet struct {
	// Time is when it was captured, Unix nanoseconds, from 0 to [MaxTime].
	Time int64
	// Data is what was captured of it, at most [MaxData] bytes, Wire its length on
	// the wire; less than len(Data) counts as that.
	Data []byte
	Wire int
	// Direction and Comments are in pcapng only.
	Direction Direction
	Comments  []string
}

func (p *Packet) check() error {
	switch {
	case p.Time < 0 || p.Time > MaxTime:
		return fmt.Errorf("%w: its time is %d", ErrPacket, p.Time)
	case len(p.Data) > MaxData:
		return fmt.Errorf("%w: %d bytes are more than %d", ErrPacket, len(p.Data), MaxData)
	}
	return nil
}

// wire is the length on the wire as it is written.
func (p *Packet) wire() uint32 { return uint32(min(max(p.Wire, len(p.Data)), math.MaxInt32)) }

// text makes a string what a file may hold.
func text(s string) string {
	if len(s) > MaxText {
		cut := MaxText
		for cut > MaxText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	bad := func(r rune) bool { return r != '\n' && unicode.IsControl(r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, bad) < 0 {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if bad(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return s
}
