package packet_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"unsafe"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// FuzzDecode decodes anything, cut at any place, and checks what must hold of
// every result.
func FuzzDecode(f *testing.F) {
	for _, s := range packettest.Samples() {
		f.Add(uint16(s.Link), s.Data, uint16(s.Wire-len(s.Data)), uint16(len(s.Data)/2))
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, beyond, cut uint16) {
		check(t, packet.LinkType(link), data, len(data)+int(beyond), int(cut))
	})
}

// TestInvariants does what the fuzzer does with samples: as they are, cut at
// every place, and with bytes changed.
func TestInvariants(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range packettest.Samples() {
		for cut := range min(len(s.Data), 300) {
			check(t, s.Link, s.Data, s.Wire, cut)
		}
		for range 100 {
			check(t, s.Link, mutate(r, s.Data), s.Wire, r.IntN(len(s.Data)+1))
		}
	}
}

// mutate returns a copy with a few bytes changed, mostly near the front.
func mutate(r *rand.Rand, data []byte) []byte {
	out := bytes.Clone(data)
	for range 1 + r.IntN(4) {
		i := r.IntN(min(len(out), 20<<r.IntN(4)))
		switch r.IntN(4) {
		case 0:
			out[i] ^= 1 << r.IntN(8)
		case 1:
			out[i] = byte(r.Uint32())
		case 2:
			out[i] = [...]byte{0, 1, 4, 6, 17, 41, 44, 47, 51, 58, 60, 137, 0x45, 0x81, 0x88, 0xff}[r.IntN(16)]
		default:
			out[i]++
		}
	}
	if r.IntN(4) == 0 {
		out = out[:1+r.IntN(len(out))]
	}
	return out
}

func check(t *testing.T, link packet.LinkType, data []byte, wire, cut int) {
	t.Helper()
	d := packet.New()
	var p, dirty, fewer packet.Packet
	d.Decode(&p, link, data, wire)
	wire = max(wire, len(data))
	checkBounds(t, &p, data, wire)

	// What was in the packet before, and what is in memory behind the frame,
	// changes nothing.
	fill(&dirty)
	behind := append(bytes.Clone(data), bytes.Repeat([]byte{0x45}, 100)...)
	d.Decode(&dirty, link, behind[:len(data)], wire)
	if diff := packettest.Differ(&p, &dirty); diff != "" {
		t.Fatalf("% x: what was before shows: %s", data, diff)
	}

	if cut > len(data) {
		return
	}
	d.Decode(&fewer, link, data[:cut], wire)
	checkBounds(t, &fewer, data[:cut], wire)
	if diff := contradicts(&fewer, &p); diff != "" {
		t.Fatalf("% x: cut at %d: %s", data, cut, diff)
	}
}

// fill makes every byte of a packet 1: a boolean must not be anything else.
func fill(p *packet.Packet) {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p))
	for i := range raw {
		raw[i] = 1
	}
}

func checkBounds(t *testing.T, p *packet.Packet, data []byte, wire int) {
	t.Helper()
	if p.N < 0 || p.N > packet.MaxLevels {
		t.Fatalf("% x: %d levels", data, p.N)
	}
	if p.Stop > packet.StopLinkType {
		t.Fatalf("% x: stop %d", data, p.Stop)
	}
	start := int32(0)
	for i := range p.N {
		l := &p.Levels[i]
		switch {
		case l.N == 0 || l.N > packet.MaxLayers || l.NVLANs > packet.MaxVLANs:
			t.Fatalf("% x: level %d has %d layers, %d tags", data, i, l.N, l.NVLANs)
		case l.Payload < start || l.Payload > l.End || int(l.End) > len(data):
			t.Fatalf("% x: level %d has payload [%d:%d] of %d bytes, and begins at %d", data, i, l.Payload, l.End, len(data), start)
		case !open(p, i) && (int(l.PayloadWire) > wire || int(l.Wire) > wire), int(l.Wire) > wire+1<<17:
			t.Fatalf("% x: level %d has %d bytes, %d of payload, of %d", data, i, l.Wire, l.PayloadWire, wire)
		case i+1 < p.N && l.Tunnel == packet.LayerNone:
			t.Fatalf("% x: level %d is no tunnel, and is not the last", data, i)
		}
		start = l.Payload
	}
}

// contradicts says what fewer, the decoding of a part of a frame, has that p,
// that of all of it, has not.
func contradicts(fewer, p *packet.Packet) string {
	if fewer.N > p.N {
		return fmt.Sprintf("%d levels, more than %d", fewer.N, p.N)
	}
	for i := range fewer.N {
		a, b := &fewer.Levels[i], &p.Levels[i]
		if a.N > b.N || string(path(a.Layers[:a.N])) != string(path(b.Layers[:a.N])) {
			return fmt.Sprintf("level %d: layers %v, which are %v", i, a.Layers[:a.N], b.Layers[:b.N])
		}
		if a.Wire != b.Wire && !a.FragMore && !open(p, i) {
			return fmt.Sprintf("level %d: %d bytes, which are %d", i, a.Wire, b.Wire)
		}
		x, y := packettest.Of(a), packettest.Of(b)
		if a.N == b.N && (a.Payload > b.Payload || a.End > b.End) {
			return fmt.Sprintf("level %d: payload [%d:%d], which is [%d:%d]", i, a.Payload, a.End, b.Payload, b.End)
		}
		if a.N < b.N {
			// What the missing layers say is not there: the protocol after the
			// extension headers, the tunnel, the ports.
			x.Proto, x.PayloadWire, x.Tunnel, x.TunnelID = y.Proto, y.PayloadWire, y.Tunnel, y.TunnelID
			x.SrcPort, x.DstPort, x.Seq, x.ICMPType, x.ICMPID = y.SrcPort, y.DstPort, y.Seq, y.ICMPType, y.ICMPID
			x.Path, x.VLANs, x.MPLS, x.Wire = y.Path, y.VLANs, y.MPLS, y.Wire
			if x.Frag == nil {
				x.Frag = y.Frag
			}
			if a.Net == packet.LayerNone {
				x.Src, x.Dst, x.ARPOp = y.Src, y.Dst, y.ARPOp
			}
		}
		if fewer.Stop == packet.StopTruncated && i == fewer.N-1 {
			// Whether MPLS carries a pseudowire, and what is behind headers that
			// are no layer (SNAP, extension headers), may have been cut off.
			if x.PayloadWire > y.PayloadWire {
				x.PayloadWire = y.PayloadWire
			}
			x.Proto = y.Proto
			if a.Tunnel == packet.LayerNone && b.Tunnel == packet.LayerMPLS {
				x.Tunnel = b.Tunnel
			}
		}
		// Layers of an inner level in a first fragment say its length.
		if open(p, i) {
			x.Wire, x.PayloadWire = y.Wire, y.PayloadWire
		}
		if !reflect.DeepEqual(x, y) {
			return fmt.Sprintf("level %d: %+v, which is %+v", i, x, y)
		}
	}
	return ""
}

func path(layers []packet.Layer) []byte {
	out := make([]byte, len(layers))
	for i, l := range layers {
		out[i] = byte(l)
	}
	return out
}

// open reports whether a level is inside a tunnel of which there is only the
// first fragment.
func open(p *packet.Packet, level int) bool {
	for i := range level {
		if p.Levels[i].Fragment {
			return true
		}
	}
	return false
}
