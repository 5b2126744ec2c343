package flow

import (
	"bytes"
	"encoding/binary"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// What tracking IDs and flow IDs are made of: docs/formats/tracking-id.md.

const trackingVersion = 1

// tunnelCode is what stands for a kind of tunnel in canonical keys.
func tunnelCode(l packet.Layer) byte {
	switch l {
	case packet.LayerVXLAN:
		return 1
	case packet.LayerGeneve:
		return 2
	case packet.LayerGRE:
		return 3
	case packet.LayerERSPAN:
		return 4
	case packet.LayerMPLS:
		return 5
	case packet.LayerGTPU:
		return 6
	case packet.LayerIPIP:
		return 7
	}
	return 0
}

// addrLen is the length of the addresses of a network layer.
func addrLen(net packet.Layer) int {
	switch net {
	case packet.LayerIPv4:
		return 4
	case packet.LayerIPv6:
		return 16
	}
	return 0
}

// ports returns the two numbers that tell the ends apart beyond addresses.
func (r *rest) ports() (a, b uint16) {
	switch r.tport {
	case packet.LayerICMPv4, packet.LayerICMPv6:
		return r.icmpID(), r.icmpID()
	case packet.LayerUDP:
		if r.tkind != packet.LayerNone {
			return r.portB, r.portB
		}
	}
	return r.portA, r.portB
}

// canonical appends the key of a flow, the same for both directions. Up to l3 it
// is what L3TrackingID is made of; all of it is what TrackingID is made of.
func (r *rest) canonical(b []byte) (all []byte, l3 int) {
	n := addrLen(r.net)
	portA, portB := r.ports()
	low, high, lowPort, highPort, lowMAC, highMAC := r.a[:n], r.b[:n], portA, portB, r.macA, r.macB
	swap := bytes.Compare(low, high)
	if swap == 0 {
		swap = int(portA) - int(portB)
	}
	if swap == 0 {
		swap = bytes.Compare(r.macA[:], r.macB[:])
	}
	if swap > 0 {
		low, high, lowPort, highPort, lowMAC, highMAC = high, low, portB, portA, r.macB, r.macA
	}
	var version, fragment byte
	switch r.net {
	case packet.LayerIPv4:
		version = 4
	case packet.LayerIPv6:
		version = 6
	}
	if r.bits&restBare != 0 {
		fragment = 1
	}
	b = append(b, trackingVersion, version, r.proto, fragment, tunnelCode(r.tkind))
	b = binary.BigEndian.AppendUint32(b, r.tunnel)
	b = binary.BigEndian.AppendUint16(append(b, low...), lowPort)
	b = binary.BigEndian.AppendUint16(append(b, high...), highPort)
	l3 = len(b)
	if r.bits&restLink == 0 {
		return b, l3
	}
	tags := r.bits >> restShift
	b = append(binary.BigEndian.AppendUint16(b, r.ether), tags)
	id := r.linkID()
	for i := range tags {
		b = binary.BigEndian.AppendUint16(b, uint16(id>>(12*i))&0xfff)
	}
	b = append(b, lowMAC[:]...)
	return append(b, highMAC[:]...), l3
}

// linkID is the stack of VLAN tags, 12 bits each, the outermost lowest.
func (r *rest) linkID() int64 {
	var b [8]byte
	copy(b[:], r.tags[:])
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// maxCanonical is the length of the longest canonical key with what flowHash
// adds.
const maxCanonical = 9 + 2*18 + 3 + 2*packet.MaxVLANs + 12 + 16

// tracking makes both tracking IDs. A flow without IP has no L3TrackingID.
func (t *Table) tracking(r *rest) (l2, l3 flowrecord.Tracking) {
	var buf [maxCanonical]byte
	b, n := r.canonical(buf[:0])
	if r.net != packet.LayerNone {
		l3 = flowrecord.Tracking(max(xxhash64(b[:n], 0), 1))
		if !t.l2 {
			return l3, l3
		}
	}
	return flowrecord.Tracking(max(xxhash64(b, 0), 1)), l3
}

// hashPlace is the half of a flow's ID that says where it was seen.
func hashPlace(p *Place) uint64 {
	b := append([]byte(nil), p.NodeTID[:]...)
	for _, s := range [...]string{p.HostID, p.Interface, p.CaptureID} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return xxhash64(b, 0)
}

// flowHash is the half of a flow's ID that says which one it is: its key, the
// flow of the tunnel around it, and when it began. It is never 0.
func (t *Table) flowHash(r *rest) uint64 {
	var buf [maxCanonical]byte
	b, n := r.canonical(buf[:0])
	if !t.l2 && r.net != packet.LayerNone {
		b = b[:n]
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.start))
	b = binary.BigEndian.AppendUint64(b, r.parent)
	return max(xxhash64(b, t.placeHash), 1)
}

// flowID makes the ID of a flow from its hash: a UUID of version 8 (RFC 9562,
// 5.8).
func (t *Table) flowID(hash uint64) (id entity.UUID) {
	if hash == 0 {
		return id
	}
	binary.BigEndian.PutUint64(id[:], t.placeHash)
	binary.BigEndian.PutUint64(id[8:], hash)
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
