package flow

import (
	"math/bits"
	"net/netip"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// sweepTime is how long it takes to look at the whole table when Expire is
// called often enough.
const sweepTime = time.Second

// Bounds of what one call of Expire does: groups of slots it looks at in any
// case, and records it makes from the table.
const (
	minSweep   = 4096
	maxReports = 16384
)

// report is what records are made with.
type report struct {
	record flowrecord.Record
	tcp    flowrecord.TCP
}

// Expire reports the flows that changed and are due, and those that ended, as of
// now, in Unix nanoseconds. The record is valid during the call of emit only.
//
// It looks at a part of the table, as large as the time since the last call, so
// that calls every 100 ms see all of it every second; tables of up to 28,000
// flows are looked at as a whole. A report may so come a second late. No call
// makes more than 16,384 records from the table, besides those of flows that had
// to make room.
func (t *Table) Expire(now int64, emit func(*flowrecord.Record)) {
	t.drain()
	t.expireFragments(now, int64(t.cfg.FragmentTimeout))
	t.emitEnded(emit)
	limit := t.n.reports + maxReports
	for n := t.sweepGroups(now); n > 0 && t.n.reports < limit; n-- {
		g := t.sweep
		if t.sweep++; t.sweep == t.groups {
			t.sweep = 0
		}
		for m := t.tags[g] & tagHigh; m != 0; m &= m - 1 {
			t.check(uint32(g)*groupSlots+uint32(bits.TrailingZeros64(m))>>3, now, emit)
		}
	}
	t.shared.publish(&t.n, t.live)
}

// sweepGroups returns how many groups are looked at now.
func (t *Table) sweepGroups(now int64) uint64 {
	elapsed := now - t.swept
	first := now < t.swept || elapsed < 0
	t.swept = now
	if first || elapsed >= int64(sweepTime) {
		return min(t.groups, max(minSweep, t.groups/4))
	}
	return min(t.groups, max(minSweep, t.groups*uint64(elapsed)/uint64(sweepTime)+1))
}

// check reports a flow if that is due.
func (t *Table) check(i uint32, now int64, emit func(*flowrecord.Record)) {
	s := &t.slots[i]
	idle := t.idle[s.class&uint8(len(t.idle)-1)]
	finished := s.tcp.finished()
	if finished {
		idle = t.hold
	}
	left := s.last + idle - now
	if left <= 0 {
		t.tell(s, t.finish(s), now, emit)
		t.release(s)
		t.clear(i)
		return
	}
	if s.flags&flagDirty == 0 {
		return
	}
	if s.flags&flagUrgent == 0 {
		// The end is near and will be reported: one report is enough.
		due := t.update
		if finished {
			due += t.hold
		} else if left <= t.update/8 {
			due += t.update / 4
		}
		if int64(ticks(now)-s.begun) < due>>tickShift {
			return // told without a look at the rest
		}
		if now-t.rests[s.rest].begun < due {
			return
		}
	}
	t.tell(s, flowrecord.NotFinished, now, emit)
	t.settle(s)
}

// settle makes what was reported part of the past.
func (t *Table) settle(s *slot) {
	r := &t.rests[s.rest]
	for d := range s.packets {
		r.packets[d] += r.fresh(s, d)
		r.bytes[d] += s.bytes[d]
	}
	s.packets, s.bytes, r.high = [2]uint32{}, [2]uint64{}, [2]uint8{}
	s.flags &^= flagDirty | flagRTT | flagUrgent
}

// Flush reports all flows as ended and empties the table. Flows that were over
// keep the reason they had.
func (t *Table) Flush(now int64, reason flowrecord.Finish, emit func(*flowrecord.Record)) {
	t.drain()
	t.emitEnded(emit)
	t.expireFragments(now, -1)
	t.emitEnded(emit)
	for g, word := range t.tags {
		for m := word & tagHigh; m != 0; m &= m - 1 {
			i := uint32(g)*groupSlots + uint32(bits.TrailingZeros64(m))>>3
			s := &t.slots[i]
			why := reason
			if f := t.finish(s); f != flowrecord.FinishTimeout {
				why = f
			}
			t.tell(s, why, now, emit)
			t.release(s)
			t.clear(i)
		}
	}
	t.shared.publish(&t.n, t.live)
}

// emitEnded reports the flows that have left the table.
func (t *Table) emitEnded(emit func(*flowrecord.Record)) {
	for ; t.endedN > 0; t.endedN-- {
		e := &t.ended[t.endedFirst]
		t.tell(&e.slot, e.finish, e.at, emit)
		t.release(&e.slot)
		if t.endedFirst++; t.endedFirst == len(t.ended) {
			t.endedFirst = 0
		}
	}
}

// tell fills the record of a flow and hands it out.
func (t *Table) tell(s *slot, why flowrecord.Finish, now int64, emit func(*flowrecord.Record)) {
	r := &t.rests[s.rest]
	out := &t.report.record
	*out = flowrecord.Record{
		ID: t.flowID(t.flowHash(r)), ParentID: t.flowID(r.parent),
		NodeTID: t.place.NodeTID, HostID: t.place.HostID, Interface: t.place.Interface, CaptureID: t.place.CaptureID,
		LayersPath: t.paths.list[r.path].layers, Application: t.apps.list[r.app].name,
		Finish: why,
		Metric: r.total(s), Update: r.update(s, now),
		Fragments: int64(r.frags), FragmentErrors: int64(r.fragErrs),
	}
	out.TrackingID, out.L3TrackingID = t.tracking(r)
	if r.weight > 0 {
		out.SamplingRate = int64(r.weight) + 1
	}
	if t.kept != nil {
		out.RawPackets = int64(t.kept[s.rest])
	}
	if out.Application == "" {
		out.Application = t.paths.list[r.path].last
	}
	t.tellKeys(r, out)
	if r.tport == packet.LayerTCP {
		t.tellTCP(s, out)
	} else if s.extra != 0 {
		t.tellMessage(s, r.kind, out)
	}
	t.n.reports++
	emit(out)
}

// update returns what was counted since the last report. When that is nothing
// its times are that of the report.
func (r *rest) update(s *slot, now int64) flowrecord.Metric {
	if s.flags&flagDirty == 0 {
		return flowrecord.Metric{Start: now, Last: now}
	}
	m := flowrecord.Metric{
		ABPackets: int64(r.fresh(s, ab)), ABBytes: int64(s.bytes[ab]),
		BAPackets: int64(r.fresh(s, ba)), BABytes: int64(s.bytes[ba]),
		Start: r.begun, Last: s.last,
	}
	if s.flags&flagRTT != 0 {
		m.RTT = r.rtt
	}
	return m
}

// tellKeys fills what a flow is known by.
func (t *Table) tellKeys(r *rest, out *flowrecord.Record) {
	if r.bits&restLink != 0 {
		out.LinkProtocol = "ETHERNET"
		out.LinkA, out.LinkB, out.LinkID = r.macA, r.macB, r.linkID()
	}
	switch r.net {
	case packet.LayerIPv4:
		out.NetworkProtocol = "IPV4"
		out.NetworkA, out.NetworkB = netip.AddrFrom4([4]byte(r.a[:])), netip.AddrFrom4([4]byte(r.b[:]))
	case packet.LayerIPv6:
		out.NetworkProtocol = "IPV6"
		out.NetworkA, out.NetworkB = netip.AddrFrom16(r.a), netip.AddrFrom16(r.b)
	}
	if r.tkind != packet.LayerERSPAN {
		out.NetworkID = int64(r.tunnel)
	}
	switch r.tport {
	case packet.LayerTCP, packet.LayerUDP, packet.LayerSCTP:
		out.TransportProtocol = transportName(r.tport)
		out.TransportA, out.TransportB = r.portA, r.portB
	case packet.LayerICMPv4, packet.LayerICMPv6:
		out.ICMPType = icmpName(r.tport, r.icmpType())
		out.ICMPCode, out.ICMPID = int64(r.icmpCode()), int64(r.icmpID())
	}
}

func (t *Table) tellTCP(s *slot, out *flowrecord.Record) {
	out.TCP = &t.report.tcp
	*out.TCP = flowrecord.TCP{State: stateName(s.tcp.state())}
	if s.extra == 0 {
		return
	}
	c := &t.conns.list[s.extra-1]
	out.TCP.AB, out.TCP.BA = c.side[ab].record(), c.side[ba].record()
	if s.flags&flagGaps != 0 {
		out.TCP.AB.Retransmits, out.TCP.AB.OutOfOrder, out.TCP.AB.Skipped, out.TCP.AB.SkippedBytes = 0, 0, 0, 0
		out.TCP.BA.Retransmits, out.TCP.BA.OutOfOrder, out.TCP.BA.Skipped, out.TCP.BA.SkippedBytes = 0, 0, 0, 0
	}
}

func (c *connSide) record() flowrecord.TCPSide {
	return flowrecord.TCPSide{
		SynStart: c.syn, FinStart: c.fin, RstStart: c.rst, SynTTL: int64(c.ttl),
		Retransmits: int64(c.retransmits), OutOfOrder: int64(c.outOfOrder),
		Skipped: int64(c.skipped), SkippedBytes: int64(c.skippedBytes), ZeroWindows: int64(c.zeroWindows),
	}
}

func (t *Table) tellMessage(s *slot, kind Kind, out *flowrecord.Record) {
	m := &t.messages.list[s.extra-1]
	v, ok := t.detailer.Detail(kind, m.data[:m.n])
	if !ok || v.Kind() != entity.KindMap {
		t.n.messagesFailed++
		return
	}
	switch kind {
	case KindDNS:
		out.DNS = v
	case KindDHCPv4:
		out.DHCPv4 = v
	case KindVRRPv2:
		out.VRRPv2 = v
	}
}
