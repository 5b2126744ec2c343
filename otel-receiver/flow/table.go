package flow

import (
	"math"
	"math/bits"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// The table is an open-addressing hash table in groups of eight slots. Each
// group has a word of eight tags: a bit that says that the slot is taken, and
// seven bits of the hash. A flow lies in one of the window groups from the one
// its hash says; nothing else has to be looked at, and nothing is ever moved.
// When a table fills up to its capacity, 7 of 8 slots, less than one flow of a
// hundred has to make room before that because its window is full.
const (
	groupSlots = 8
	window     = 8

	tagLow  = 0x0101010101010101
	tagHigh = 0x8080808080808080
	tagUsed = 0x80
)

// none is an index that is none.
const none = math.MaxUint32

// Table is a table of flows. It is not for concurrent use; see the package
// comment.
type Table struct {
	cfg     Config
	l2      bool
	place   Place
	secrets secrets
	// placeHash is half of all IDs; it names the place.
	placeHash uint64

	tags   []uint64
	slots  []slot
	rests  []rest
	free   uint32 // the first of the rests given back, linked by parent
	fresh  uint32 // from here on rests were never used: their memory is not there yet
	live   int
	groups uint64

	// ended are flows that have left the table and were not yet reported: a ring.
	ended      []endedFlow
	endedFirst int
	endedN     int

	// weight is how many packets the one that is counted now stands for.
	weight uint32
	// kept is how many packets of a flow were kept, by its rest; nil when none are.
	kept []uint32
	// reverse is where a level is turned round.
	reverse packet.Level

	conns    conns
	messages messages
	pending  pending
	frags    frags
	paths    paths
	apps     apps
	wants    [KindVRRPv2 + 1]bool
	detailer Detailer

	idle  [16]int64 // by class
	nIdle int
	// classARP and classDNS are the classes of flows told by their layers.
	classARP, classDNS uint8
	hold               int64
	update             int64

	// sweep is the next group that Expire looks at, swept when it was last called.
	sweep uint64
	swept int64

	queue queue
	// queueFlows is from how many flows on the queue is used.
	queueFlows int
	n          counters
	shared     shared
	report     report
}

// endedFlow is a flow that has left the table.
type endedFlow struct {
	slot   slot
	finish flowrecord.Finish
	at     int64
}

// New makes a table with all the memory it will ever have. d may be nil: then no
// messages are explained.
func New(cfg Config, place Place, d Detailer) *Table {
	cfg = cfg.withDefaults()
	ring := min(max(cfg.Capacity/64, 64), 16384)
	// 7 of 8 slots are taken when the table is full. Tables begin on a cache line
	// because the Go heap aligns what is larger than 32 kB to pages.
	groups := max((cfg.Capacity*8/7+groupSlots)/groupSlots, 512/groupSlots, window)
	t := &Table{
		cfg:      cfg,
		l2:       cfg.KeyMode == L2,
		place:    place,
		secrets:  newSecrets(),
		tags:     make([]uint64, groups),
		slots:    hugePages(make([]slot, groups*groupSlots)),
		rests:    hugePages(make([]rest, cfg.Capacity+ring+1)),
		groups:   uint64(groups),
		ended:    make([]endedFlow, ring),
		conns:    newConns(cfg.TCPDetails),
		pending:  newPending(cfg.Capacity / 32),
		detailer: d,
		hold:     int64(cfg.HoldFinished),
		update:   int64(cfg.Update),
		paths:    newPaths(),
		swept:    math.MinInt64,

		weight:     1,
		queueFlows: queueFlows,
	}
	t.placeHash = hashPlace(&place)
	t.free = none
	t.idle[0], t.nIdle = int64(cfg.Idle), 1
	t.apps = newApps(cfg.Apps, t.classOf)
	t.classARP = t.classOf(cfg.IdleARP)
	t.classDNS = t.classOf(cfg.IdleDNS)
	if cfg.Keep != 0 {
		t.kept = make([]uint32, len(t.rests))
	}
	if cfg.Defrag {
		t.frags = newFrags(cfg.Fragments)
	}
	if d != nil {
		for k := KindDNS; k <= KindVRRPv2; k++ {
			t.wants[k] = d.Wants(k)
		}
		t.messages = newMessages(cfg.Messages)
	}
	return t
}

// classOf returns the class of an idle time. When there are too many different
// ones, the nearest that is not shorter, or else the longest, is taken.
func (t *Table) classOf(d time.Duration) uint8 {
	if d <= 0 {
		return 0
	}
	best := 0
	for i, have := range t.idle[:t.nIdle] {
		if have == int64(d) {
			return uint8(i)
		}
		if have > int64(d) && (t.idle[best] < int64(d) || have < t.idle[best]) {
			best = i
		}
	}
	if t.nIdle == len(t.idle) {
		return uint8(best)
	}
	t.idle[t.nIdle] = int64(d)
	t.nIdle++
	return uint8(t.nIdle - 1)
}

// find returns the slot of a key, none when there is no such flow.
func (t *Table) find(k key) uint32 {
	g, _ := bits.Mul64(k.pos, t.groups)
	tag := (k.pos&0x7f | tagUsed) * tagLow
	for range window {
		x := t.tags[g] ^ tag
		for m := (x - tagLow) &^ x & tagHigh; m != 0; m &= m - 1 {
			i := uint32(g)*groupSlots + uint32(bits.TrailingZeros64(m))>>3
			if t.slots[i].h == k.h {
				return i
			}
		}
		if g++; g == t.groups {
			g = 0
		}
	}
	return none
}

// insert takes a slot for a key that is not in the table, and the rest of it;
// keep is a slot that must not make room.
func (t *Table) insert(k key, keep uint32, at int64) uint32 {
	home, _ := bits.Mul64(k.pos, t.groups)
	i := t.vacant(home)
	if i == none || t.live >= t.cfg.Capacity {
		victim := t.oldest(home, keep, i == none)
		why := flowrecord.FinishEvicted
		if t.slots[victim].tcp.finished() {
			why = t.finish(&t.slots[victim]) // it was over anyway
		}
		t.end(victim, why, at)
		t.n.evicted++
		if i == none {
			i = victim
		}
	}
	r := t.takeRest()
	t.live++
	t.tags[i/groupSlots] |= (k.pos&0x7f | tagUsed) << (i % groupSlots * 8)
	t.slots[i] = slot{h: k.h, rest: r, flags: k.high}
	t.n.created++
	return i
}

// takeRest returns a rest that is free. There is one: rests are as many as
// slots that may be taken and flows that may wait to be reported.
func (t *Table) takeRest() uint32 {
	r := t.free
	if r == none {
		r = t.fresh
		t.fresh++
		return r
	}
	t.free = uint32(t.rests[r].parent)
	return r
}

// vacant returns a free slot in the window.
func (t *Table) vacant(g uint64) uint32 {
	for range window {
		if m := ^t.tags[g] & tagHigh; m != 0 {
			return uint32(g)*groupSlots + uint32(bits.TrailingZeros64(m))>>3
		}
		if g++; g == t.groups {
			g = 0
		}
	}
	return none
}

// oldest returns the slot that makes room: of the first sixteen flows from group
// g on the one whose last packet is the longest ago, connections that ended
// first. With near it is one in the window.
func (t *Table) oldest(g uint64, keep uint32, near bool) uint32 {
	best, bestLast, seen := uint32(none), int64(math.MaxInt64), 0
	for range t.groups {
		for m := t.tags[g] & tagHigh; m != 0; m &= m - 1 {
			i := uint32(g)*groupSlots + uint32(bits.TrailingZeros64(m))>>3
			if i == keep {
				continue
			}
			s := &t.slots[i]
			last := s.last
			if s.tcp.finished() {
				last -= t.idle[0]
			}
			if seen++; best == none || last < bestLast {
				best, bestLast = i, last
			}
		}
		if seen >= 2*groupSlots && (!near || best != none) {
			break
		}
		if g++; g == t.groups {
			g = 0
		}
	}
	return best
}

// end takes a flow out of the table and puts it into the ring of those that
// are still to be reported. When the ring is full its packets are counted as
// lost.
func (t *Table) end(i uint32, why flowrecord.Finish, at int64) {
	s := &t.slots[i]
	if t.endedN == len(t.ended) {
		t.n.unreported++
		r := &t.rests[s.rest]
		t.n.unreportedPackets += r.fresh(s, ab) + r.fresh(s, ba)
		t.n.unreportedBytes += s.bytes[ab] + s.bytes[ba]
		t.release(s)
	} else {
		n := t.endedFirst + t.endedN
		if n >= len(t.ended) {
			n -= len(t.ended)
		}
		t.ended[n] = endedFlow{slot: *s, finish: why, at: at}
		t.endedN++
	}
	t.clear(i)
}

// clear makes a slot free; what belongs to it must have been released or moved.
func (t *Table) clear(i uint32) {
	t.tags[i/groupSlots] &^= 0xff << (i % groupSlots * 8)
	t.slots[i] = slot{}
	t.live--
}

// release gives back what a flow holds outside of its slot.
func (t *Table) release(s *slot) {
	if s.extra != 0 {
		if s.flags&flagTCP != 0 {
			t.conns.put(s.extra - 1)
		} else {
			t.messages.put(s.extra - 1)
		}
		s.extra = 0
	}
	t.rests[s.rest].parent = uint64(t.free)
	t.free = s.rest
}

// finish says why a flow is over that ends now.
func (t *Table) finish(s *slot) flowrecord.Finish {
	switch {
	case s.tcp.finished() && s.tcp.state() == stateReset:
		return flowrecord.FinishTCPRst
	case s.tcp.finished():
		return flowrecord.FinishTCPFin
	case s.tcp&(tcpFin|tcpFin<<1) != 0 && s.flags&flagBoth == 0:
		// Only one direction comes by here, and it was closed.
		return flowrecord.FinishTCPFin
	}
	return flowrecord.FinishTimeout
}

// ipLevel reports whether a level has an IP header.
func ipLevel(l *packet.Level) bool { return l.Net == packet.LayerIPv4 || l.Net == packet.LayerIPv6 }
