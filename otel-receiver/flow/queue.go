package flow

import (
	"math/bits"
	"unsafe"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// A table of many flows is larger than the caches, and each packet is of
// another flow: counting it would mean to wait for memory, longer than all else
// takes. So packets are counted some packets later, and what they will need is
// asked for at once: first the word of tags, then the slot. What is waiting is
// counted before anything is reported, and before anything that cannot wait.

const (
	// queueFlows is from how many flows on it is worth it.
	queueFlows = 4096
	// queueLen is how many levels wait, a power of two; queueTags is after how
	// many others the tags of one have come.
	queueLen  = 8
	queueTags = 3
)

// queued is a level that waits to be counted.
type queued struct {
	level  packet.Level
	key    key
	parent key
	at     int64
	weight uint32
}

// queue is a ring: the levels from first on, n of them.
type queue struct {
	list  [queueLen]queued
	first uint32
	n     uint32
}

// canWait reports whether a level may be counted later, when the frame is gone:
// it carries nothing that is looked at besides headers.
func canWait(l *packet.Level) bool {
	switch l.Transport {
	case packet.LayerUDP:
		return l.DstPort != portDNS && l.SrcPort != portDNS && !isDHCP(l.DstPort)
	case packet.LayerNone:
		return !ipLevel(l) || l.Proto != protoVRRP
	}
	return true
}

// wait puts a level into the queue.
func (t *Table) wait(l *packet.Level, k, parent key, at int64) {
	q := &t.queue
	if q.n == queueLen {
		t.next()
	}
	e := &q.list[(q.first+q.n)%queueLen]
	q.n++
	e.level, e.key, e.parent, e.at, e.weight = *l, k, parent, at, t.weight
	g, _ := bits.Mul64(k.pos, t.groups)
	prefetch(unsafe.Pointer(&t.tags[g]))
	if q.n > queueTags {
		t.fetch(&q.list[(q.first+q.n-1-queueTags)%queueLen])
	}
}

// fetch asks for the slot of a level whose tags have come: the first that could
// be it.
func (t *Table) fetch(e *queued) {
	g, _ := bits.Mul64(e.key.pos, t.groups)
	x := t.tags[g] ^ (e.key.pos&0x7f|tagUsed)*tagLow
	if m := (x - tagLow) &^ x & tagHigh; m != 0 {
		prefetch(unsafe.Pointer(&t.slots[g*groupSlots+uint64(bits.TrailingZeros64(m))>>3]))
	}
}

// next counts the level that waits longest.
func (t *Table) next() {
	q := &t.queue
	e := &q.list[q.first]
	q.first = (q.first + 1) % queueLen
	q.n--
	weight := t.weight
	t.weight = e.weight
	t.add(e.key, &e.level, nil, e.at, e.parent, false)
	t.weight = weight
}

// drain counts all that waits.
func (t *Table) drain() {
	for t.queue.n > 0 {
		t.next()
	}
}
