package flow

import (
	"encoding/binary"
	"math/bits"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// frags follows the IP datagrams that come in fragments: only the first
// fragment has ports, so the others belong to the flow that it belongs to. It
// is a small table of sets of fragWays entries.
type frags struct {
	sets   uint64
	list   []datagram
	active int
	swept  int64
}

const fragWays = 4

// datagram is one datagram in fragments.
type datagram struct {
	id   uint64 // a hash of addresses, protocol, identification and tunnel; 0 for a free entry
	at   int64  // Unix ns of the last fragment
	key  key    // the flow, when its first fragment has come
	high uint8  // the direction, as key.high
	// known is set when the first fragment has come, last when the last one has.
	known, last bool
	// echo is the request that the first fragment makes, 0 for none.
	echo uint64

	// What came before the first fragment, and the flow to make of it if the
	// first one never comes.
	packets uint64
	bytes   uint64
	weight  uint32 // the largest
	from    int64
	bareKey key
	rest    rest
}

func newFrags(n int) frags {
	sets := max((n+fragWays-1)/fragWays, 1)
	return frags{sets: uint64(sets), list: make([]datagram, sets*fragWays)}
}

// hasPorts reports whether a protocol's flows are told apart by what is in its
// header, which only the first fragment has.
func hasPorts(proto uint8) bool {
	switch proto {
	case 1, 6, 17, 58, 132: // ICMP, TCP, UDP, ICMPv6, SCTP
		return true
	}
	return false
}

// datagramID names a datagram (RFC 791, 3.2; RFC 8200, 4.5).
func (t *Table) datagramID(l *packet.Level, parent uint64) uint64 {
	sec := &t.secrets
	var h uint64
	if l.Net == packet.LayerIPv4 {
		h = mix(uint64(binary.LittleEndian.Uint32(l.Src[:]))<<32^sec[0], uint64(binary.LittleEndian.Uint32(l.Dst[:]))^sec[1])
	} else {
		h = mix(binary.LittleEndian.Uint64(l.Src[:])^sec[0], binary.LittleEndian.Uint64(l.Src[8:])^sec[1]) ^
			mix(binary.LittleEndian.Uint64(l.Dst[:])^sec[2], binary.LittleEndian.Uint64(l.Dst[8:])^sec[3])
	}
	h = mix(h^uint64(l.FragID)^sec[4], uint64(l.Proto)<<8^uint64(l.Net)^sec[5])
	return mix(h^parent, sec[6]) | 1
}

// addFragment counts a fragment and returns the key of its flow. It is false
// when it waits for the first one of its datagram.
func (t *Table) addFragment(l *packet.Level, data []byte, at int64, parent key) (key, bool) {
	weight := uint64(t.weight)
	t.n.fragments += weight
	first := l.FragOffset == 0
	bare := hasPorts(l.Proto) && (len(t.frags.list) == 0 || (first && l.Transport == packet.LayerNone))
	if bare || !hasPorts(l.Proto) {
		k := t.keyOf(l, parent.h, bare)
		i := t.add(k, l, data, at, parent, bare)
		t.rests[t.slots[i].rest].fragments(weight)
		return k, true
	}
	d := t.datagram(t.datagramID(l, parent.h), at)
	d.last = d.last || !l.FragMore
	d.weight = max(d.weight, t.weight)
	if at > d.at {
		d.at = at
	}
	if first {
		return t.firstFragment(d, l, data, at, parent), true
	}
	if d.known {
		if i := t.find(d.key); i != none {
			t.countFragments(i, d.high, weight, weight*uint64(l.Wire), at, at, t.weight)
			if r := t.pending.at(d.echo); d.echo != 0 && d.last && r.key == d.echo && r.at != 0 {
				r.at = at // the request was complete only now
			}
			return d.key, true
		}
		// The flow has left the table; what comes now waits as if it were new.
		d.known = false
	}
	if d.packets == 0 {
		d.from, d.rest = at, rest{}
		d.bareKey = t.keyOf(l, parent.h, true)
		outer := uint32(none)
		if parent.h != 0 {
			outer = t.find(parent)
		}
		t.describe(&d.rest, l, at, outer, true)
		d.rest.path = t.paths.of(l, KindNone, true, &t.n)
	}
	d.packets += weight
	d.bytes += weight * uint64(l.Wire)
	return key{}, false
}

// firstFragment counts the fragment that says what flow it is of, and those that
// came before it.
func (t *Table) firstFragment(d *datagram, l *packet.Level, data []byte, at int64, parent key) key {
	weight := uint64(t.weight)
	k := t.keyOf(l, parent.h, false)
	i := t.add(k, l, data, at, parent, false)
	s := &t.slots[i]
	r := &t.rests[s.rest]
	r.fragments(weight)
	d.key, d.high, d.known, d.echo = k, k.high, true, 0
	if (l.Transport == packet.LayerICMPv4 && l.ICMPType == echoRequest4) || (l.Transport == packet.LayerICMPv6 && l.ICMPType == echoRequest6) {
		d.echo = requestKey(s, s.direction(d.high), l.Seq)
	}
	if d.packets > 0 {
		// The start is part of the flow's ID: it stays once the flow is known.
		if r.packets == [2]uint64{} && r.fresh(s, ab)+r.fresh(s, ba) == weight {
			r.start = min(r.start, d.from)
		}
		r.begun = max(min(r.begun, d.from), r.start)
		t.countFragments(i, d.high, d.packets, d.bytes, d.from, d.at, d.weight)
		d.packets, d.bytes = 0, 0
	}
	return k
}

func (t *Table) countFragments(i uint32, high uint8, packets, bytes uint64, from, to int64, weight uint32) {
	s := &t.slots[i]
	t.countMany(s, s.direction(high), packets, bytes, from, to)
	t.rests[s.rest].fragments(packets)
	if weight > 1 {
		t.thin(s, weight)
	}
}

// datagram returns the entry of a datagram, a new one if there is none. When
// its set is full the entry that nothing came for the longest is given up.
func (t *Table) datagram(id uint64, at int64) *datagram {
	f := &t.frags
	set, _ := bits.Mul64(id, f.sets)
	ways := f.list[set*fragWays : (set+1)*fragWays]
	var use *datagram
	for i := range ways {
		d := &ways[i]
		if d.id == id {
			return d
		}
		if use == nil || use.id != 0 && (d.id == 0 || d.at < use.at) {
			use = d
		}
	}
	if use.id != 0 {
		t.n.fragmentsEvicted++
		t.giveUp(use, at)
	}
	*use = datagram{id: id, at: at}
	f.active++
	return use
}

// giveUp frees an entry. Fragments that waited in vain for the first one make a
// flow of their own; a datagram of which something is missing counts as an error
// of its flow.
func (t *Table) giveUp(d *datagram, at int64) {
	i := uint32(none)
	switch {
	case d.packets > 0:
		if i = t.find(d.bareKey); i == none {
			i = t.put(d.bareKey, &d.rest, 0, none, d.from)
		}
		t.countFragments(i, d.bareKey.high, d.packets, d.bytes, d.from, d.at, d.weight)
		t.n.fragmentsLost += d.packets
	case d.known && !d.last:
		i = t.find(d.key)
	}
	if i != none && d.weight <= 1 { // of those that were left out nobody knows
		t.rests[t.slots[i].rest].fragErrs = uint16(min(int(t.rests[t.slots[i].rest].fragErrs)+1, 1<<16-1))
	}
	*d = datagram{}
	t.frags.active--
}

// expireFragments gives up the datagrams that nothing came for since the
// timeout; all of them when it is negative.
func (t *Table) expireFragments(now, timeout int64) {
	f := &t.frags
	if f.active == 0 || (timeout >= 0 && now-f.swept < timeout/16 && now >= f.swept) {
		return
	}
	f.swept = now
	for i := range f.list {
		if d := &f.list[i]; d.id != 0 && (timeout < 0 || now-d.at >= timeout) {
			t.giveUp(d, now)
		}
	}
}
