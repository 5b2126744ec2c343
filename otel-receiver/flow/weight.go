package flow

import (
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// MaxWeight bounds how many packets one stands for.
const MaxWeight = 1 << 16

// bound brings a weight into bounds; 0 is 1.
func bound(weight uint32) uint32 { return min(max(weight, 1), MaxWeight) }

// AddWeighted counts a packet that was chosen at random from weight ones and
// stands for all of them; [Table.Add] is that with weight 1. What records say of
// packets and bytes is then an estimate, which SamplingRate marks: the largest
// weight of the flow. Of a TCP connection with such packets the sequence is no
// longer followed.
func (t *Table) AddWeighted(p *packet.Packet, data []byte, at int64, weight uint32) {
	if weight <= 1 {
		t.Add(p, data, at)
		return
	}
	t.weight = bound(weight)
	others := uint64(t.weight - 1)
	t.n.packets += others
	if p.N > 0 {
		t.n.bytes += others * uint64(p.Levels[0].Wire)
	} else {
		t.n.undecoded += others
	}
	t.Add(p, data, at)
	t.weight = 1
}

// outermost counts a packet to the table and returns how many levels it has.
func (t *Table) outermost(p *packet.Packet) int {
	weight := uint64(t.weight)
	t.n.packets += weight
	n := min(p.N, len(p.Levels))
	if n <= 0 {
		t.n.undecoded += weight
		return 0
	}
	t.n.bytes += weight * uint64(p.Levels[0].Wire)
	return n
}

// AddKeep does what AddWeighted does, and says whether the packet is one of the
// first Config.Keep of the flow of its outermost level. id is that flow, the ID
// of its records; it is zero when the packet is not to be kept, and for packets
// that are not of a flow yet: fragments that came before the first one.
func (t *Table) AddKeep(p *packet.Packet, data []byte, at int64, weight uint32) (id flowrecord.ID, keep bool) {
	if t.kept == nil {
		t.AddWeighted(p, data, at, weight)
		return id, false
	}
	t.weight = bound(weight)
	defer func() { t.weight = 1 }()
	all := t.cfg.Keep < 0
	n := t.outermost(p)
	if n == 0 {
		return id, all
	}
	t.drain()
	var k key
	var i uint32
	l := &p.Levels[0]
	if l.Fragment {
		var ok bool
		if k, ok = t.addFragment(l, data, at, key{}); !ok {
			return id, all
		}
		i = t.find(k)
	} else {
		k = t.keyOf(l, 0, false)
		i = t.add(k, l, data, at, key{}, false)
	}
	if i != none {
		rest := t.slots[i].rest
		if kept := &t.kept[rest]; all || uint64(*kept) < uint64(t.cfg.Keep) {
			*kept = addSat(*kept, 1)
			id, keep = t.flowID(t.flowHash(&t.rests[rest])), true
		}
	}
	t.levels(p.Levels[1:n], data, at, k)
	return id, keep
}

// stand counts the other packets that one stood for.
func (t *Table) stand(s *slot, dir int, wire uint32, at int64) {
	n := uint64(t.weight - 1)
	t.countMany(s, dir, n, n*uint64(wire), at, at)
	t.thin(s, t.weight)
}

// thin notes that a packet of a flow stood for others.
func (t *Table) thin(s *slot, weight uint32) {
	r := &t.rests[s.rest]
	r.weight = max(r.weight, uint16(weight-1))
	s.gaps()
}

// gaps ends the following of sequence numbers: not every segment comes by
// itself.
func (s *slot) gaps() {
	s.flags |= flagGaps
	if s.flags&flagTCP != 0 {
		s.tcp &^= tcpSeq | tcpSeq<<1
	}
}

// countMany adds any number of packets, the first at from and the last at to.
// What is more than maxFresh in one update is not told, and counted so.
func (t *Table) countMany(s *slot, dir int, packets, bytes uint64, from, to int64) {
	if s.after(from) && packets < 1<<highShift {
		// The rest of the flow, which is not in the caches, is not needed.
		t.count(s, dir, uint32(packets), bytes, from, to)
		return
	}
	r := &t.rests[s.rest]
	sum := r.fresh(s, dir) + packets
	if sum > maxFresh {
		t.n.unreportedPackets += sum - maxFresh
		sum = maxFresh
	}
	s.packets[dir], r.high[dir] = uint32(sum&(1<<highShift-1)), uint8(sum>>highShift)
	dirty := s.flags&flagDirty != 0
	t.count(s, dir, 0, bytes, from, to)
	if dirty {
		from = min(from, r.begun)
	}
	r.begun = max(from, r.start)
	if r.high[dir] != 0 {
		s.flags |= flagUrgent
	}
}

// after reports whether a packet of that time is certainly not the first one
// since the last report.
func (s *slot) after(at int64) bool {
	return s.flags&flagDirty != 0 && int32(ticks(at)-s.begun) > 0
}

// maxFresh is the most packets that fit into an update.
const maxFresh = 1<<(highShift+8) - 1

// carry makes room in the slot's counter of packets, of which the last bit is
// set.
func (t *Table) carry(s *slot, dir int) {
	r := &t.rests[s.rest]
	s.flags |= flagUrgent
	s.packets[dir] &^= 1 << highShift
	if r.high[dir] == 255 {
		t.n.unreportedPackets += 1 << highShift
		return
	}
	r.high[dir]++
}

// levels counts the levels of a packet inside the flow with the key parent.
func (t *Table) levels(levels []packet.Level, data []byte, at int64, parent key) {
	for i := range levels {
		l := &levels[i]
		if l.Fragment {
			t.drain()
			k, ok := t.addFragment(l, data, at, parent)
			if !ok {
				return
			}
			parent = k
			continue
		}
		k := t.keyOf(l, parent.h, false)
		t.drain()
		t.add(k, l, data, at, parent, false)
		parent = k
	}
}
