package lldptest

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/proctest"
)

// TLV returns one TLV of LLDP.
func TLV(typ uint8, value ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(typ)<<9|uint16(len(value))), value...)
}

// Text returns a TLV of LLDP that holds text behind some bytes.
func Text(typ uint8, text string, before ...byte) []byte {
	return TLV(typ, append(before, text...)...)
}

// Organization returns a TLV of an organization, for example "\x00\x12\x0f" for
// IEEE 802.3.
func Organization(oui string, subtype uint8, value ...byte) []byte {
	return TLV(127, append(append([]byte(oui), subtype), value...)...)
}

// PDU returns an LLDPDU of a device and a port, each known by its name, that holds
// for ttl seconds, with more TLVs and an end.
func PDU(device, port string, ttl uint16, tlvs ...[]byte) []byte {
	out := Text(1, device, 7)
	out = append(out, Text(2, port, 5)...)
	out = append(out, TLV(3, byte(ttl>>8), byte(ttl))...)
	for _, t := range tlvs {
		out = append(out, t...)
	}
	return append(out, 0, 0)
}

// source is where frames made by hand come from.
const source = "\x02\x00\x00\x00\x00\x99"

// LLDP returns the Ethernet frame of a PDU.
func LLDP(pdu []byte) []byte {
	return pad(append([]byte("\x01\x80\xc2\x00\x00\x0e"+source+"\x88\xcc"), pdu...))
}

// Tagged puts a tag of IEEE 802.1Q into a frame.
func Tagged(frame []byte, tci uint16) []byte {
	out := append([]byte(nil), frame[:12]...)
	out = binary.BigEndian.AppendUint16(append(out, 0x81, 0), tci)
	return append(out, frame[12:]...)
}

// CDPTLV returns one TLV of CDP.
func CDPTLV(typ uint16, value ...byte) []byte {
	out := binary.BigEndian.AppendUint16(nil, typ)
	return append(binary.BigEndian.AppendUint16(out, uint16(4+len(value))), value...)
}

// CDPPacket returns a packet of CDP version 2 without a right checksum.
func CDPPacket(device, port string, ttl uint8, tlvs ...[]byte) []byte {
	out := []byte{2, ttl, 0, 0}
	out = append(out, CDPTLV(1, []byte(device)...)...)
	out = append(out, CDPTLV(3, []byte(port)...)...)
	for _, t := range tlvs {
		out = append(out, t...)
	}
	return out
}

// CDP returns the Ethernet frame of a packet.
func CDP(packet []byte) []byte {
	const snap = "\xaa\xaa\x03\x00\x00\x0c\x20\x00"
	out := []byte("\x01\x00\x0c\xcc\xcc\xcc" + source)
	out = binary.BigEndian.AppendUint16(out, uint16(len(snap)+len(packet)))
	return pad(append(append(out, snap...), packet...))
}

// pad makes a frame as long as Ethernet asks.
func pad(frame []byte) []byte {
	for len(frame) < 60 {
		frame = append(frame, 0)
	}
	return frame
}

// Send sends frames out of an interface of a namespace that a test made, once it
// has a carrier: before, the kernel drops them without a word.
func Send(t testing.TB, namespace, iface string, frames ...[]byte) {
	t.Helper()
	proctest.Eventually(t, 10*time.Second, "frames are sent", func() error { return send(namespace, iface, frames) })
}
