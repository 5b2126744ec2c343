package report

import (
	"encoding/binary"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// reason tells why an entry waits to be sent.
type reason uint8

const (
	idle reason = iota
	change
	periodic
	retry
)

// entry is what the reporter knows of one entity.
type entry struct {
	id    entity.UUID
	event entity.Event
	// seq numbers the sends of this entry: the outcome of the last one counts.
	seq uint64
	// queued is why the entry is in a queue, idle when it is in none.
	queued reason
	// gone is set once the reporter has forgotten the entry.
	gone bool
	// repeats is how many times a delete will still be sent again.
	repeats uint8
	// deleted is when the delete was asked for.
	deleted time.Time
	// pos is the index within the entry's slot of the wheel.
	pos int
}

// fifo is a queue of entries. An entry that was taken out of order stays in it
// and is skipped.
type fifo struct {
	items []*entry
	head  int
}

func (q *fifo) push(e *entry) { q.items = append(q.items, e) }

// pop returns the oldest entry, nil when there is none.
func (q *fifo) pop() *entry {
	if q.head == len(q.items) {
		return nil
	}
	e := q.items[q.head]
	q.items[q.head] = nil
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if q.head > 1024 && q.head*2 > len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return e
}

// wheelSlots is into how many parts the report interval is divided.
const wheelSlots = 1024

// wheel holds the entries by the part of the interval in which they are due.
// An entity's part follows from its ID alone, so that the reports of many are
// spread evenly and that of one keeps its distance from the last.
type wheel struct {
	slots [wheelSlots][]*entry
	// tick is the duration of one part.
	tick time.Duration
	// done is the number of the last part that was handled, since start.
	done int64
}

func newWheel(interval time.Duration) *wheel {
	return &wheel{tick: max(interval/wheelSlots, time.Nanosecond)}
}

func slotOf(id entity.UUID) int {
	return int(binary.BigEndian.Uint32(id[12:]) % wheelSlots)
}

func (w *wheel) add(e *entry) {
	s := slotOf(e.id)
	e.pos = len(w.slots[s])
	w.slots[s] = append(w.slots[s], e)
}

func (w *wheel) remove(e *entry) {
	s := w.slots[slotOf(e.id)]
	last := len(s) - 1
	s[e.pos] = s[last]
	s[e.pos].pos = e.pos
	s[last] = nil
	w.slots[slotOf(e.id)] = s[:last]
}

// due calls f for every entry whose part ended since the last call. elapsed is
// the time since start. f may remove the entry that it is given.
func (w *wheel) due(elapsed time.Duration, f func(*entry)) {
	now := int64(elapsed / w.tick)
	for n := max(w.done+1, now-wheelSlots+1); n <= now; n++ {
		s := n % wheelSlots
		for i := len(w.slots[s]) - 1; i >= 0; i-- {
			f(w.slots[s][i])
		}
	}
	w.done = now
}

// next is when, since start, the next part ends that holds an entry; ok is
// false when the wheel is empty.
func (w *wheel) next() (at time.Duration, ok bool) {
	for n := w.done + 1; n <= w.done+wheelSlots; n++ {
		if len(w.slots[n%wheelSlots]) > 0 {
			return time.Duration(n) * w.tick, true
		}
	}
	return 0, false
}
