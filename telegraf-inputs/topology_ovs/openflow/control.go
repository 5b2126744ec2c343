package openflow

import (
	"encoding/binary"
	"fmt"
)

// Dialect encodes messages of one version.
type Dialect struct {
	Version Version
}

// Hello is the first message of a session. It is sent in the highest version of
// the set, with the bitmap of all (OpenFlow 1.3.1, 7.5.1); a peer that knows no
// bitmaps takes the lower of both headers' versions.
func Hello(xid uint32, offer Versions) []byte {
	var body [8]byte
	binary.BigEndian.PutUint16(body[0:], 1) // OFPHET_VERSIONBITMAP
	binary.BigEndian.PutUint16(body[2:], 8)
	binary.BigEndian.PutUint32(body[4:], uint32(offer))
	return message(max(offer.Highest(), V10), typeHello, xid, body[:])
}

// HelloVersions is what a peer's HELLO offers: the bitmap if it has one, else
// all known versions up to the header's. Elements that are not known are
// skipped; a broken one ends the reading.
func HelloVersions(m Message) Versions {
	for b := m.Body; len(b) >= 4; {
		typ, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			break
		}
		if typ == 1 && n >= 8 {
			return Versions(binary.BigEndian.Uint32(b[4:]))
		}
		b = b[min(len(b), roundUp8(n)):]
	}
	var s Versions
	for v := V10; v <= min(m.Version, V15); v++ {
		s |= 1 << v
	}
	return s
}

// EchoRequest asks whether the peer is alive; it answers with the same data.
func (d Dialect) EchoRequest(xid uint32, data []byte) []byte {
	return message(d.Version, typeEchoRequest, xid, data[:min(len(data), MaxMessage-HeaderLen)])
}

// EchoReply answers an echo request with the request's own data.
func (d Dialect) EchoReply(request Message) []byte {
	return message(d.Version, typeEchoReply, request.XID, request.Body)
}

// FeaturesRequest asks who the switch is.
func (d Dialect) FeaturesRequest(xid uint32) []byte {
	return message(d.Version, typeFeaturesRequest, xid, nil)
}

// BarrierRequest asks for an answer after all that was sent before is done.
func (d Dialect) BarrierRequest(xid uint32) []byte {
	if d.Version == V10 {
		return message(d.Version, type10BarrierRequest, xid, nil)
	}
	return message(d.Version, type11BarrierRequest, xid, nil)
}

// Features is what a switch says of itself.
type Features struct {
	DatapathID  uint64
	Buffers     uint32
	Tables      uint8
	AuxiliaryID uint8 // 1.3 and later: 0 is the main connection
}

// DecodeFeatures reads a KindFeaturesReply.
func DecodeFeatures(m Message) (Features, error) {
	if len(m.Body) < 24 {
		return Features{}, fmt.Errorf("read features: %w", ErrShort)
	}
	f := Features{
		DatapathID: binary.BigEndian.Uint64(m.Body), Buffers: binary.BigEndian.Uint32(m.Body[8:]), Tables: m.Body[12],
	}
	if m.Version >= V13 {
		f.AuxiliaryID = m.Body[13]
	}
	return f, nil
}

// Async tells the switch which messages we want unasked: none of packets,
// removed flows, ports and tables, and of forwarded requests those about groups
// when groups is true (1.4 and later: OFPACPT_REQUESTFORWARD). nil below 1.4,
// which has no such messages. A connection of Open vSwitch's management socket
// gets none of the others anyway.
func (d Dialect) Async(xid uint32, groups bool) []byte {
	if d.Version < V14 {
		return nil
	}
	var body []byte
	// Properties 0 to 11: packet-in, port status, flow removed, role status,
	// table status, request forward; even for a secondary, odd for a primary or
	// equal connection (OpenFlow 1.4.0, 7.3.10).
	for _, typ := range []uint16{0, 1, 2, 3, 4, 5, 8, 9, 10, 11} {
		mask := uint32(0)
		if groups && typ >= 10 {
			mask = 1 // OFPRFR_GROUP_MOD
		}
		body = binary.BigEndian.AppendUint16(body, typ)
		body = binary.BigEndian.AppendUint16(body, 8)
		body = binary.BigEndian.AppendUint32(body, mask)
	}
	return message(d.Version, type13SetAsync, xid, body)
}

// Forward is a change of a group that another controller made.
type Forward struct {
	Command uint16 // OFPGC: 0 add, 1 modify, 2 delete, 3 insert bucket, 5 remove bucket
	Group   uint32 // the group, AnyGroup for all
}

// AnyGroup stands for all groups in a request or a change (OFPG_ALL).
const AnyGroup = 0xfffffffc

// DecodeForward reads a KindRequestForward; ok is false if it is not about a
// group.
func DecodeForward(m Message) (f Forward, ok bool, err error) {
	h, err := ParseHeader(m.Body)
	if err != nil {
		return Forward{}, false, fmt.Errorf("read forwarded request: %w", err)
	}
	if h.Type != typeGroupMod {
		return Forward{}, false, nil
	}
	b := m.Body[HeaderLen:]
	if len(b) < 8 {
		return Forward{}, false, fmt.Errorf("read forwarded request: %w", ErrShort)
	}
	return Forward{Command: binary.BigEndian.Uint16(b), Group: binary.BigEndian.Uint32(b[4:])}, true, nil
}

func roundUp8(n int) int { return (n + 7) &^ 7 }
