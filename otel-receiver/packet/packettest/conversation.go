package packettest

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// Packet is a frame of a conversation.
type Packet struct {
	Time time.Time
	Data []byte
	// Wire is the length on the wire.
	Wire int
}

// Conversation says who talks: A from AMAC begins. IPv4 or IPv6 as the addresses
// are.
type Conversation struct {
	A, B       netip.AddrPort
	AMAC, BMAC byte
	VLAN       uint16
	// Start is the time of the first packet, Gap the time between two.
	Start time.Time
	Gap   time.Duration
	// Wrap, when set, puts a frame in a tunnel; see VXLAN. reply is set for what
	// B sends.
	Wrap func(frame []byte, reply bool) ([]byte, error)
}

// NewConversation returns a conversation over IPv4 from port 40000 to port 80,
// with 1 ms between packets.
func NewConversation() Conversation {
	return Conversation{
		A: netip.AddrPortFrom(addr(outerA), portA), B: netip.AddrPortFrom(addr(outerB), 80), AMAC: 1, BMAC: 2,
		Start: time.Unix(1_600_000_000, 0).UTC(), Gap: time.Millisecond,
	}
}

// VXLAN returns a Wrap that puts frames into VXLAN between two hosts.
func VXLAN(vni uint32) func(frame []byte, reply bool) ([]byte, error) {
	return func(frame []byte, reply bool) ([]byte, error) {
		a, b, am, bm := "172.16.0.1", "172.16.0.2", byte(21), byte(22)
		if reply {
			a, b, am, bm = b, a, bm, am
		}
		return Frame(Ethernet(am, bm, layers.EthernetTypeIPv4), IPv4(a, b, 17), UDP(50000, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: vni}, gopacket.Payload(frame))
	}
}

// script writes the packets of a conversation.
type script struct {
	c   Conversation
	out []Packet
	err error
}

// say adds a packet of an IP protocol.
func (s *script) say(reply bool, proto layers.IPProtocol, inside ...gopacket.SerializableLayer) {
	if s.err != nil {
		return
	}
	a, b, am, bm := s.c.A.Addr().String(), s.c.B.Addr().String(), s.c.AMAC, s.c.BMAC
	if reply {
		a, b, am, bm = b, a, bm, am
	}
	typ := layers.EthernetTypeIPv4
	var network gopacket.SerializableLayer = IPv4(a, b, proto)
	if s.c.A.Addr().Is6() {
		typ, network = layers.EthernetTypeIPv6, IPv6(a, b, proto)
	}
	stack := Stack{Ethernet(am, bm, typ)}
	if s.c.VLAN != 0 {
		stack = Stack{Ethernet(am, bm, layers.EthernetTypeDot1Q), Dot1Q(s.c.VLAN, typ)}
	}
	data, err := Frame(append(stack.With(network), inside...)...)
	if err == nil && s.c.Wrap != nil {
		data, err = s.c.Wrap(data, reply)
	}
	if err != nil {
		s.err = fmt.Errorf("make packet %d: %w", len(s.out), err)
		return
	}
	at := s.c.Start.Add(time.Duration(len(s.out)) * s.c.Gap)
	s.out = append(s.out, Packet{Time: at, Data: data, Wire: len(data)})
}

// TCP returns a connection: handshake, a request of up bytes and an answer of
// down bytes in segments of at most 1400, each acknowledged, and its end.
func (c Conversation) TCP(up, down int) ([]Packet, error) {
	s := &script{c: c}
	seq := [2]uint32{1000, 5000}
	say := func(reply bool, n int, flags func(*layers.TCP)) {
		from, to, me, you := c.A.Port(), c.B.Port(), 0, 1
		if reply {
			from, to, me, you = to, from, 1, 0
		}
		h := &layers.TCP{SrcPort: layers.TCPPort(from), DstPort: layers.TCPPort(to), Seq: seq[me], Ack: seq[you], ACK: true, Window: 512}
		flags(h)
		if !h.ACK {
			h.Ack = 0
		}
		s.say(reply, layers.IPProtocolTCP, h, Payload(n))
		seq[me] += uint32(n)
		if h.SYN || h.FIN {
			seq[me]++
		}
	}
	ack := func(*layers.TCP) {}
	data := func(h *layers.TCP) { h.PSH = true }
	send := func(reply bool, n int) {
		for ; n > 0; n -= 1400 {
			say(reply, min(n, 1400), data)
			say(!reply, 0, ack)
		}
	}
	say(false, 0, func(h *layers.TCP) { h.SYN, h.ACK = true, false })
	say(true, 0, func(h *layers.TCP) { h.SYN = true })
	say(false, 0, ack)
	send(false, up)
	send(true, down)
	say(false, 0, func(h *layers.TCP) { h.FIN = true })
	say(true, 0, func(h *layers.TCP) { h.FIN = true })
	say(false, 0, ack)
	return s.out, s.err
}

// UDP returns n requests of up bytes, each with an answer of down bytes.
func (c Conversation) UDP(n, up, down int) ([]Packet, error) {
	s := &script{c: c}
	for range n {
		s.say(false, layers.IPProtocolUDP, UDP(c.A.Port(), c.B.Port()), Payload(up))
		s.say(true, layers.IPProtocolUDP, UDP(c.B.Port(), c.A.Port()), Payload(down))
	}
	return s.out, s.err
}

// Ping returns n echo requests with an ID, of size bytes, each with its reply.
func (c Conversation) Ping(id uint16, n, size int) ([]Packet, error) {
	s := &script{c: c}
	for i := range n {
		for _, reply := range []bool{false, true} {
			if c.A.Addr().Is6() {
				kind := layers.CreateICMPv6TypeCode(128, 0)
				if reply {
					kind = layers.CreateICMPv6TypeCode(129, 0)
				}
				s.say(reply, layers.IPProtocolICMPv6, &layers.ICMPv6{TypeCode: kind}, &layers.ICMPv6Echo{Identifier: id, SeqNumber: uint16(i + 1)}, Payload(size))
				continue
			}
			kind := layers.CreateICMPv4TypeCode(8, 0)
			if reply {
				kind = layers.CreateICMPv4TypeCode(0, 0)
			}
			s.say(reply, layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: kind, Id: id, Seq: uint16(i + 1)}, Payload(size))
		}
	}
	return s.out, s.err
}

// WritePcap writes packets as a pcap file with timestamps in nanoseconds, each
// cut to snapLen bytes; 0 means not cut.
func WritePcap(w io.Writer, link packet.LinkType, snapLen int, packets []Packet) error {
	if snapLen <= 0 {
		snapLen = 262144
	}
	out := pcapgo.NewWriterNanos(w)
	if err := out.WriteFileHeader(uint32(snapLen), layers.LinkType(link)); err != nil {
		return fmt.Errorf("write header of pcap file: %w", err)
	}
	for i, p := range packets {
		data := p.Data[:min(len(p.Data), snapLen)]
		info := gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(data), Length: max(p.Wire, len(data))}
		if err := out.WritePacket(info, data); err != nil {
			return fmt.Errorf("write packet %d: %w", i, err)
		}
	}
	return nil
}
