package flow_test

import (
	"net/netip"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

const second = int64(time.Second)

// host is one end of a conversation.
type host struct {
	mac  byte
	addr string
	port uint16
}

var (
	client = host{1, "192.0.2.1", 40000}
	server = host{2, "192.0.2.2", 80}
)

// level makes a level from one host to another.
func level(from, to host, transport packet.Layer, wire int) packet.Level {
	l := packet.Level{
		N: 3, Net: packet.LayerIPv4, HasLink: true, EtherType: 0x0800, Transport: transport,
		SrcMAC: [6]byte{2, 5: from.mac}, DstMAC: [6]byte{2, 5: to.mac},
		SrcPort: from.port, DstPort: to.port, TTL: 64, Wire: uint32(wire), PayloadWire: uint32(max(wire-54, 0)),
	}
	l.Layers = [packet.MaxLayers]packet.Layer{packet.LayerEthernet, packet.LayerIPv4, transport}
	src, dst := netip.MustParseAddr(from.addr), netip.MustParseAddr(to.addr)
	if src.Is6() {
		l.Net, l.EtherType, l.Layers[1] = packet.LayerIPv6, 0x86dd, packet.LayerIPv6
	}
	copy(l.Src[:], src.AsSlice())
	copy(l.Dst[:], dst.AsSlice())
	l.Proto = map[packet.Layer]uint8{packet.LayerTCP: 6, packet.LayerUDP: 17, packet.LayerSCTP: 132, packet.LayerICMPv4: 1, packet.LayerICMPv6: 58}[transport]
	return l
}

func of(levels ...packet.Level) *packet.Packet {
	p := &packet.Packet{N: len(levels)}
	copy(p.Levels[:], levels)
	return p
}

// tcp makes a segment.
func tcp(from, to host, flags uint8, seq, ack uint32, payload int) *packet.Packet {
	l := level(from, to, packet.LayerTCP, 54+payload)
	l.Flags, l.Seq, l.Ack, l.Window = flags, seq, ack, 1000
	return of(l)
}

func udp(from, to host, wire int) *packet.Packet { return of(level(from, to, packet.LayerUDP, wire)) }

// ping makes an echo message; a reply when it comes from the server.
func ping(from, to host, id uint16, seq uint32) *packet.Packet {
	l := level(from, to, packet.LayerICMPv4, 98)
	l.ICMPType, l.ICMPID, l.Seq = 8, id, seq
	if from == server {
		l.ICMPType = 0
	}
	return of(l)
}

func arp(from, to host) *packet.Packet {
	l := level(from, to, packet.LayerNone, 42)
	l.N, l.Net, l.EtherType, l.Layers[1], l.Layers[2] = 2, packet.LayerARP, 0x0806, packet.LayerARP, packet.LayerNone
	return of(l)
}

func newTable(change func(*flow.Config)) *flow.Table {
	cfg := flow.DefaultConfig()
	cfg.Capacity = 1024
	if change != nil {
		change(&cfg)
	}
	return flow.New(cfg, flow.Place{CaptureID: "test"}, nil)
}

// expire returns the records that are due.
func expire(t *flow.Table, now int64) (out []flowrecord.Record) {
	t.Expire(now, collect(&out))
	return out
}

// flush ends all flows.
func flush(t *flow.Table, now int64) (out []flowrecord.Record) {
	t.Flush(now, flowrecord.FinishStopped, collect(&out))
	return out
}
