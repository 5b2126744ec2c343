package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderLen is the length of the header of each message.
const HeaderLen = 8

// MaxMessage is the greatest length of a message that its header can say.
const MaxMessage = 65535

// ErrShort is wrapped by every error about bytes that end too early or a length
// that contradicts another.
var ErrShort = errors.New("bytes end too early")

// Numbers of messages that do not differ between versions, and those that do.
const (
	typeHello           = 0
	typeError           = 1
	typeEchoRequest     = 2
	typeEchoReply       = 3
	typeVendor          = 4
	typeFeaturesRequest = 5
	typeFeaturesReply   = 6
	typePacketIn        = 10
	typeFlowRemoved     = 11
	typePortStatus      = 12
	typeGroupMod        = 15 // 1.1 and later

	type10StatsRequest   = 16
	type10StatsReply     = 17
	type10BarrierRequest = 18
	type10BarrierReply   = 19

	type11StatsRequest   = 18
	type11StatsReply     = 19
	type11BarrierRequest = 20
	type11BarrierReply   = 21

	type13SetAsync       = 28
	type14RequestForward = 32
)

// Experimenters whose messages are known.
const (
	vendorNicira    = 0x00002320
	vendorONF       = 0x4f4e4600
	vendorNetronome = 0x0000154d
)

// Header is the header of a message.
type Header struct {
	Version Version
	Type    uint8
	Length  uint16 // of the whole message, in bytes
	XID     uint32 // a reply has its request's
}

// ParseHeader reads the first eight bytes of a message.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, fmt.Errorf("read header: %w", ErrShort)
	}
	h := Header{
		Version: Version(b[0]), Type: b[1],
		Length: binary.BigEndian.Uint16(b[2:]), XID: binary.BigEndian.Uint32(b[4:]),
	}
	if h.Length < HeaderLen {
		return Header{}, fmt.Errorf("read header: it says %d bytes: %w", h.Length, ErrShort)
	}
	return h, nil
}

// Message is one message: its header and what follows it.
type Message struct {
	Header
	Body []byte
}

// ParseMessage reads one message, which must fill b.
func ParseMessage(b []byte) (Message, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return Message{}, err
	}
	if int(h.Length) != len(b) {
		return Message{}, fmt.Errorf("read message: its header says %d bytes of %d: %w", h.Length, len(b), ErrShort)
	}
	return Message{Header: h, Body: b[HeaderLen:]}, nil
}

// Kind is what a message is, whatever number its version gives it.
type Kind uint8

// The kinds of messages. KindOther is everything that a session may ignore.
const (
	KindOther Kind = iota
	KindHello
	KindError
	KindEchoRequest
	KindEchoReply
	KindFeaturesRequest
	KindFeaturesReply
	KindBarrierRequest
	KindBarrierReply
	KindPacketIn
	KindFlowRemoved
	KindPortStatus
	KindStatsRequest   // a request of any statistics
	KindFlowStats      // a reply: rules (DecodeFlowStats)
	KindGroupDesc      // a reply: groups (DecodeGroups)
	KindGroupStats     // a reply: counters of groups (DecodeGroupStats)
	KindFlowMonitor    // a reply or an event: changes of rules (DecodeUpdates)
	KindOtherStats     // a reply of other statistics
	KindMonitorPaused  // changes are lost from here (1.0 to 1.3; later an Update says so)
	KindMonitorResumed // the end of that
	KindRequestForward // 1.4 and later: another controller changed a group (DecodeForward)
)

// String names a kind.
func (k Kind) String() string {
	names := [...]string{
		"other", "hello", "error", "echo request", "echo reply", "features request", "features reply",
		"barrier request", "barrier reply", "packet in", "flow removed", "port status", "statistics request",
		"flow statistics", "group descriptions", "group statistics", "flow monitor", "other statistics",
		"flow monitor paused", "flow monitor resumed", "request forward",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Kind says what the message is. It looks at no more than the first 24 bytes.
func (m Message) Kind() Kind {
	switch m.Type {
	case typeHello:
		return KindHello
	case typeError:
		return KindError
	case typeEchoRequest:
		return KindEchoRequest
	case typeEchoReply:
		return KindEchoReply
	case typeVendor:
		return vendorKind(m.Body)
	case typeFeaturesRequest:
		return KindFeaturesRequest
	case typeFeaturesReply:
		return KindFeaturesReply
	case typePacketIn:
		return KindPacketIn
	case typeFlowRemoved:
		return KindFlowRemoved
	case typePortStatus:
		return KindPortStatus
	}
	if m.Version == V10 {
		switch m.Type {
		case type10StatsRequest:
			return KindStatsRequest
		case type10StatsReply:
			return m.statsKind()
		case type10BarrierRequest:
			return KindBarrierRequest
		case type10BarrierReply:
			return KindBarrierReply
		}
		return KindOther
	}
	switch m.Type {
	case type11StatsRequest:
		return KindStatsRequest
	case type11StatsReply:
		return m.statsKind()
	case type11BarrierRequest:
		return KindBarrierRequest
	case type11BarrierReply:
		return KindBarrierReply
	case type14RequestForward:
		if m.Version >= V14 {
			return KindRequestForward
		}
	}
	return KindOther
}

func vendorKind(body []byte) Kind {
	if len(body) < 8 {
		return KindOther
	}
	switch vendor, subtype := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:]); {
	case vendor == vendorNicira && subtype == nxtMonitorPaused, vendor == vendorONF && subtype == onftMonitorPaused:
		return KindMonitorPaused
	case vendor == vendorNicira && subtype == nxtMonitorResumed, vendor == vendorONF && subtype == onftMonitorResumed:
		return KindMonitorResumed
	}
	return KindOther
}

func (m Message) statsKind() Kind {
	p, err := m.Part()
	if err != nil {
		return KindOther
	}
	return p.Kind()
}

// message makes one message of a body. A body that is too long for the header
// is the caller's mistake; all bodies here are bounded.
func message(v Version, typ uint8, xid uint32, body []byte) []byte {
	b := make([]byte, HeaderLen, HeaderLen+len(body))
	b[0], b[1] = uint8(v), typ
	binary.BigEndian.PutUint16(b[2:], uint16(HeaderLen+len(body)))
	binary.BigEndian.PutUint32(b[4:], xid)
	return append(b, body...)
}
