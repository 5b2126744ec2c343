package flow

import "github.com/skein-net/skein/otel-receiver/packet"

// slot is what a packet of a flow touches: one cache line. What is counted here
// is what is new since the last report. It holds no pointer, so that the garbage
// collector does not look at tables.
type slot struct {
	h       uint64
	bytes   [2]uint64
	last    int64 // Unix ns of the last packet
	packets [2]uint32
	next    [2]uint32 // the next sequence number of TCP in each direction
	rest    uint32    // index of the rest of the flow
	extra   uint32    // index + 1 of what TCP or messages need beyond that, 0 for none
	begun   uint32    // when dirty was set, in ticks
	tcp     tcpBits
	flags   uint8
	class   uint8 // which idle time
}

// Flags of a slot.
const (
	flagHigh    = 1 << iota // A is the endpoint whose hash is higher: key.high of its packets
	flagDirty               // there are packets since the last report
	flagBoth                // packets of both directions have come
	flagRTT                 // RTT was measured since the last report
	flagTCP                 // extra is of TCP
	flagUrgent              // report soon: a counter has grown large
	flagMessage             // packets of the flow carry messages for the Detailer
	flagGaps                // not every segment comes by itself: sampled, or counted in bulk
)

// Directions, the indexes of what a flow counts.
const (
	ab = 0
	ba = 1
)

// direction returns that of a packet with this key.high. It has no branch, since
// nobody can guess which it would take.
func (s *slot) direction(high uint8) int {
	dir := high ^ s.flags&flagHigh
	s.flags |= dir * flagBoth
	return int(dir)
}

// rest is what of a flow is needed when it begins and when it is reported.
type rest struct {
	a, b     [16]byte
	start    int64
	begun    int64 // Unix ns of the first packet since the last report
	rtt      int64
	bytes    [2]uint64 // as of the last report
	packets  [2]uint64
	parent   uint64 // half of the parent's ID, 0 for none
	tunnel   uint32 // VNI, GRE key, TEID
	frags    uint32
	macA     [6]byte
	macB     [6]byte
	tags     [6]byte // VLAN IDs, 12 bits each, outermost in the low bits of the first bytes
	portA    uint16  // or the identifier of ICMP
	portB    uint16  // or its type and code
	ether    uint16
	fragErrs uint16
	weight   uint16   // the largest weight of a packet, less 1
	high     [2]uint8 // of the packets since the last report, the bits from highShift on
	proto    uint8
	net      packet.Layer // LayerNone, LayerIPv4 or LayerIPv6
	tport    packet.Layer
	tkind    packet.Layer
	bits     uint8
	kind     Kind
	path     uint16
	app      uint16
}

// highShift is from which bit on packets are counted in rest.high.
const highShift = 31

// setICMP notes what flows of ICMP have instead of ports.
func (r *rest) setICMP(id uint16, typ, code uint8) {
	r.portA, r.portB = id, uint16(typ)<<8|uint16(code)
}

func (r *rest) icmpID() uint16  { return r.portA }
func (r *rest) icmpType() uint8 { return uint8(r.portB >> 8) }
func (r *rest) icmpCode() uint8 { return uint8(r.portB) }

// fresh returns the packets of a direction since the last report.
func (r *rest) fresh(s *slot, dir int) uint64 {
	return uint64(r.high[dir])<<highShift + uint64(s.packets[dir])
}

// fragments counts fragments.
func (r *rest) fragments(n uint64) { r.frags = uint32(min(uint64(r.frags)+n, 1<<32-1)) }

// Bits of rest, and the number of VLAN tags above them.
const (
	restLink  = 1 << iota // there are MACs
	restBare              // a fragment that stays without ports
	restShift = 4
)

// tickShift turns ns into the ticks of slot.begun: 67 ms.
const tickShift = 26

func ticks(at int64) uint32 { return uint32(at >> tickShift) }
