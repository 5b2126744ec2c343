package flow

import (
	"encoding/binary"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// Add counts a decoded packet: each level to its flow. at is when it was seen,
// in Unix nanoseconds; times may go back a little. data is the frame that was
// decoded; it is not kept. It does not allocate.
func (t *Table) Add(p *packet.Packet, data []byte, at int64) {
	t.n.packets++
	n := min(p.N, len(p.Levels))
	if n <= 0 {
		t.n.undecoded++
		return
	}
	t.n.bytes += uint64(p.Levels[0].Wire)
	var parent key
	for i := range n {
		l := &p.Levels[i]
		if l.Fragment {
			t.drain()
			k, ok := t.addFragment(l, data, at, parent)
			if !ok {
				return // it waits for the first one, and has no levels inside
			}
			parent = k
			continue
		}
		k := t.keyOf(l, parent.h, false)
		if t.live >= t.queueFlows && canWait(l) {
			t.wait(l, k, parent, at)
		} else {
			t.drain()
			t.add(k, l, data, at, parent, false)
		}
		parent = k
	}
}

// add counts a level to the flow with its key and returns the flow's slot.
// parent is the key of the level around it, zero for the outermost.
func (t *Table) add(k key, l *packet.Level, data []byte, at int64, parent key, bare bool) uint32 {
	i := t.find(k)
	if i != none && l.Transport == packet.LayerTCP && l.Flags&(packet.FlagSYN|packet.FlagACK|packet.FlagRST) == packet.FlagSYN && t.slots[i].tcp.over() {
		t.end(i, t.finish(&t.slots[i]), at)
		i = none
	}
	if i == none {
		i = t.begin(k, l, data, at, parent, bare)
	}
	s := &t.slots[i]
	dir := s.direction(k.high)
	t.count(s, dir, 1, uint64(l.Wire), at, at)
	if t.weight > 1 {
		t.stand(s, dir, l.Wire, at)
	}
	if bare {
		return i
	}
	switch l.Transport {
	case packet.LayerTCP:
		if !s.tcp.fast(s, l, dir) {
			t.track(s, l, dir, at)
		}
	case packet.LayerICMPv4, packet.LayerICMPv6:
		t.echo(s, l, dir, at)
	default:
		if s.flags&flagMessage != 0 {
			t.message(s, l, data)
		}
	}
	return i
}

// count adds packets, the first at from and the last at to.
func (t *Table) count(s *slot, dir int, packets uint32, bytes uint64, from, to int64) {
	s.packets[dir] += packets
	s.bytes[dir] += bytes
	if to > s.last {
		s.last = to
	}
	if s.flags&flagDirty == 0 {
		s.flags |= flagDirty
		s.begun = ticks(from)
		t.rests[s.rest].begun = from
	}
	if int32(s.packets[dir]) < 0 {
		t.carry(s, dir)
	}
}

// begin makes a flow whose first packet has this level; that packet is not yet
// counted.
func (t *Table) begin(k key, l *packet.Level, data []byte, at int64, outer key, bare bool) uint32 {
	var r rest
	parent := uint32(none)
	if outer.h != 0 {
		parent = t.find(outer)
	}
	t.describe(&r, l, at, parent, bare)
	class := uint8(0)
	if !bare {
		class = t.classify(&r, l, data)
	}
	r.path = t.paths.of(l, r.kind, bare, &t.n)
	return t.put(k, &r, class, parent, at)
}

// classify says what application a flow is of, and how long it may be idle.
func (t *Table) classify(r *rest, l *packet.Level, data []byte) (class uint8) {
	if l.Net == packet.LayerARP {
		return t.classARP
	}
	if r.kind = messageKind(l, data); r.kind == KindDNS {
		return t.classDNS
	}
	switch l.Transport {
	case packet.LayerTCP, packet.LayerUDP, packet.LayerSCTP:
		if r.kind == KindNone && l.Tunnel == packet.LayerNone {
			r.app = t.apps.find(l.Transport, l.SrcPort, l.DstPort)
			return t.apps.list[r.app].class
		}
	}
	return 0
}

// put puts a described flow into the table and returns its slot.
func (t *Table) put(k key, r *rest, class uint8, keep uint32, at int64) uint32 {
	i := t.insert(k, keep, at)
	s := &t.slots[i]
	s.class = class
	s.last = at
	if r.tport == packet.LayerTCP {
		s.flags |= flagTCP
		if t.cfg.NoSequences {
			s.flags |= flagGaps
		}
	}
	if t.kept != nil {
		t.kept[s.rest] = 0
	}
	if t.wants[r.kind] {
		s.flags |= flagMessage
	}
	t.rests[s.rest] = *r
	return i
}

// describe notes what records tell of a flow.
func (t *Table) describe(r *rest, l *packet.Level, at int64, parent uint32, bare bool) {
	r.start = at
	if parent != none {
		r.parent = t.flowHash(&t.rests[t.slots[parent].rest])
	}
	if l.HasLink {
		r.bits |= restLink
		r.macA, r.macB = l.SrcMAC, l.DstMAC
		r.ether = etherType(l)
		n := min(int(l.NVLANs), len(l.VLANs))
		var tags uint64
		for i := range n {
			tags |= uint64(l.VLANs[i]&0xfff) << (12 * i)
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], tags)
		copy(r.tags[:], b[:])
		r.bits |= uint8(n) << restShift
	}
	if l.Tunnel != packet.LayerNone {
		r.tkind = l.Tunnel
		if l.Tunnel != packet.LayerMPLS {
			r.tunnel = l.TunnelID
		}
	}
	if !ipLevel(l) {
		return
	}
	r.net, r.proto = l.Net, l.Proto
	n := 4
	if l.Net == packet.LayerIPv6 {
		n = 16
	}
	copy(r.a[:n], l.Src[:n])
	copy(r.b[:n], l.Dst[:n])
	if bare {
		r.bits |= restBare
		return
	}
	r.tport = l.Transport
	switch l.Transport {
	case packet.LayerTCP, packet.LayerUDP, packet.LayerSCTP:
		r.portA, r.portB = l.SrcPort, l.DstPort
	case packet.LayerICMPv4, packet.LayerICMPv6:
		r.setICMP(l.ICMPID, l.ICMPType, l.ICMPCode)
	}
}

// total returns what a flow counted up to now.
func (r *rest) total(s *slot) flowrecord.Metric {
	return flowrecord.Metric{
		ABPackets: int64(r.packets[ab] + r.fresh(s, ab)), ABBytes: int64(r.bytes[ab] + s.bytes[ab]),
		BAPackets: int64(r.packets[ba] + r.fresh(s, ba)), BABytes: int64(r.bytes[ba] + s.bytes[ba]),
		Start: r.start, Last: s.last, RTT: r.rtt,
	}
}
