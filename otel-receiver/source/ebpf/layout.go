package ebpf

import (
	"encoding/binary"
	"time"
)

// How many bytes of the first packet of a flow are kept: SMALL and LARGE of
// bpf/flows.h.
const (
	SmallSample = 128
	LargeSample = 384
)

// Sizes and offsets of structs in bpf/flows.h.
const (
	keySize     = 16
	valueHead   = 56
	ringData    = 256
	controlSize = 24
	statsSize   = 64

	valueBytes   = 0
	valuePackets = 16
	valueFirst   = 24
	valueLast    = 32
	valueTime    = 40
	valueWire    = 48
	valueLen     = 52
	valueHigh    = 54
	valueOut     = 55

	eventTime  = 16
	eventWire  = 24
	eventRate  = 28
	eventLen   = 32
	eventProto = 34
	eventOut   = 36
	eventWhy   = 37
	eventType  = 38
	eventCount = 40
	eventBytes = 44
	eventData  = 48
)

// Reasons for a packet to come through the ring (enum why).
const (
	whyFlags = iota + 1
	whyClose
	whyMessage
	whyOther
	whyFull
)

// control is struct control.
type control struct {
	Heartbeat uint64
	Active    uint32
	Rate      [2]uint32
	_         uint32
}

// stats is struct stats.
type stats struct {
	Created                 [2]uint64
	Events                  uint64
	MapFull, RingFull       uint64
	Overflow, OverflowBytes uint64
	TooLong                 uint64
}

func (s *stats) add(o *stats) {
	s.Created[0] += o.Created[0]
	s.Created[1] += o.Created[1]
	s.Events += o.Events
	s.MapFull += o.MapFull
	s.RingFull += o.RingFull
	s.Overflow += o.Overflow
	s.OverflowBytes += o.OverflowBytes
	s.TooLong += o.TooLong
}

// value reads a struct value.
type value []byte

var native = binary.NativeEndian

func (v value) bytes(dir uint8) uint64   { return native.Uint64(v[valueBytes+8*int(dir&1):]) }
func (v value) packets(dir uint8) uint64 { return uint64(native.Uint32(v[valuePackets+4*int(dir&1):])) }
func (v value) first(dir uint8) uint32   { return native.Uint32(v[valueFirst+4*int(dir&1):]) }
func (v value) last(dir uint8) uint32    { return native.Uint32(v[valueLast+4*int(dir&1):]) }
func (v value) time() int64              { return int64(native.Uint64(v[valueTime:])) }
func (v value) wire() int                { return int(native.Uint32(v[valueWire:])) }
func (v value) high() uint8              { return v[valueHigh] & 1 }
func (v value) out() bool                { return v[valueOut] != 0 }

// data is the sample. What the kernel sends as several packets is longer than the
// one that it stands for.
func (v value) data() []byte {
	n := min(int(native.Uint16(v[valueLen:])), len(v)-valueHead, v.wire())
	return v[valueHead : valueHead+n : valueHead+n]
}

// event reads a struct event.
type event []byte

func (e event) key() (k [keySize]byte) { return [keySize]byte(e[:keySize]) }
func (e event) time() int64            { return int64(native.Uint64(e[eventTime:])) }
func (e event) wire() int              { return int(native.Uint32(e[eventWire:])) }
func (e event) rate() uint32           { return native.Uint32(e[eventRate:]) }
func (e event) packets() uint64        { return uint64(native.Uint32(e[eventCount:])) }
func (e event) bytes() uint64          { return uint64(native.Uint32(e[eventBytes:])) }
func (e event) proto() uint16          { return binary.BigEndian.Uint16(e[eventProto:]) }
func (e event) out() bool              { return e[eventOut] != 0 }
func (e event) why() uint8             { return e[eventWhy] }
func (e event) kind() uint8            { return e[eventType] }

// last is the length of the last packet of those that the kernel makes of it.
func (e event) last() int { return int(e.bytes()) - int(e.packets()-1)*e.wire() }

func (e event) data() []byte {
	n := min(int(native.Uint16(e[eventLen:])), len(e)-eventData, e.wire())
	return e[eventData : eventData+n : eventData+n]
}

// step is the unit of times of 32 bits: they are ns since boot, shifted.
const stepShift = 10

// unwrap returns the time since boot of which t is the low part, not later than
// now, both in ns.
func unwrap(t uint32, now time.Duration) time.Duration {
	steps := uint64(now) >> stepShift
	ago := uint32(steps) - t
	if ago > 1<<31 { // another processor's clock was a little ahead
		ago = 0
	}
	return time.Duration((steps - uint64(ago)) << stepShift)
}
