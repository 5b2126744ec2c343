package ofprobe

import (
	"github.com/skein-net/skein/internal/entity"
)

// item is a rule or group as a switch told it.
type item struct {
	// key identifies it within the bridge: the text of its identity.
	key string
	// sum is a fingerprint of all that its entity says, 0 when there is none.
	sum uint64
	// counters tells that packets and bytes are known.
	counters       bool
	packets, bytes uint64
	// tag and value are the tag of its counters.
	tag, value string
	// event makes the entity's event; old is the last one, nil if there is none.
	event func(old *entity.Event) entity.Event
}

// entry is a rule or group that is an entity.
type entry struct {
	ev  entity.Event
	sum uint64
	// read numbers the last read of all that had it.
	read uint64
	// touched numbers the read during which a change of it came.
	touched uint64
	// dirty tells that it waits to be reported.
	dirty bool
	// tag and value are the tag of its counters: table or group.
	tag, value string
	// id is the entity's ID as text, made when it is needed.
	id string
	// packets and bytes are the last ones known, sent tells that they were sent
	// and metered that they wait to be.
	packets, bytes uint64
	sent, metered  bool
}

// teller takes what is to be reported.
type teller interface {
	Set(ev entity.Event)
	Delete(ref entity.Ref, why string)
}

// sink is a teller that is told when everything was: a feed.Sink.
type sink interface {
	teller
	Listed()
}

// table holds what is known of one kind of things of a bridge, rules or groups,
// and what of it waits to be reported. It is not safe for concurrent use.
type table struct {
	entries map[string]*entry
	// gone are those that ended and wait to be reported, during those that ended
	// during the read that is under way.
	gone   map[string]ended
	during map[string]struct{}
	dirty  []*entry
	// read numbers the reads of all, reading tells that one is under way.
	read    uint64
	reading bool
	// room is how many more there may be; it is asked before each new one.
	room func() bool
	// over counts those for which there is no room.
	over int
	// overRead counts them during a read, had all that the read had.
	overRead, had int
	// sums are the entries by their fingerprint.
	sums map[uint64]*entry
	// merged counts changes that were overtaken before they were reported, alike
	// what a read had besides another one of the same key, shortened states that
	// say less than the switch did.
	merged, alike, shortened int
	// forgot tells that more ended during a read than during holds.
	forgot bool
}

// maxDuring bounds how many ends are kept in mind during a read.
const maxDuring = 1 << 16

type ended struct {
	ref entity.Ref
	why string
}

func newTable(room func() bool) *table {
	return &table{entries: make(map[string]*entry), gone: make(map[string]ended), during: make(map[string]struct{}), sums: make(map[uint64]*entry), room: room}
}

// begin notes that a read of all was asked for.
func (t *table) begin() {
	t.read++
	t.reading = true
	t.overRead, t.had, t.forgot = 0, 0, false
	clear(t.during)
}

// skipped notes things of a read that were not looked at.
func (t *table) skipped(n int) { t.had += n }

// twin tells that the read had the entry before: the switch tells two things by
// the same bytes. The first stands for both, so that they do not take turns.
func (t *table) twin(e *entry) bool {
	if !t.reading || e.read != t.read || e.touched == t.read {
		return false
	}
	t.alike++
	return true
}

// same takes in an item of a read by its fingerprint alone. It tells whether it
// is known.
func (t *table) same(sum, packets, bytes uint64) bool {
	e := t.sums[sum]
	if e == nil || e.touched == t.read {
		return false
	}
	if !t.twin(e) {
		t.had++
		e.read = t.read
		e.count(packets, bytes)
	}
	return true
}

// seen takes in an item of a read.
func (t *table) seen(it *item) {
	e := t.entries[it.key]
	_, ended := t.during[it.key]
	switch {
	case e == nil && ended:
		// A change told its end since everything was asked for.
	case e != nil && t.twin(e):
	case e == nil && !t.room():
		t.had++
		t.overRead++
	case e != nil && t.reading && e.touched == t.read:
		// A change since then is at least as new as what is read.
		t.had++
		e.read = t.read
		e.count(it.packets, it.bytes)
	default:
		t.had++
		e = t.put(it)
		e.read = t.read
		if it.counters {
			e.count(it.packets, it.bytes)
		}
	}
}

// counted takes in the counters of a key.
func (t *table) counted(key string, packets, bytes uint64) {
	if e := t.entries[key]; e != nil {
		e.count(packets, bytes)
	}
}

// changed takes in an item that a change told.
func (t *table) changed(it *item) {
	e := t.entries[it.key]
	if e == nil && !t.room() {
		t.over++
		return
	}
	if e != nil && e.dirty {
		t.merged++
	}
	e = t.put(it)
	e.touched = t.read
	e.read = t.read
}

// removed takes in the end of a key.
func (t *table) removed(key, why string) {
	switch {
	case !t.reading:
	case len(t.during) < maxDuring:
		t.during[key] = struct{}{}
	default:
		t.forgot = true
	}
	e := t.entries[key]
	if e == nil {
		t.over = max(t.over-1, 0)
		return
	}
	t.drop(key, e, why)
}

func (t *table) drop(key string, e *entry, why string) {
	if e.dirty {
		t.merged++
	}
	delete(t.entries, key)
	t.sign(e, 0)
	e.dirty, e.metered = false, false
	t.gone[key] = ended{e.ev.Ref, why}
}

// put makes an item's state that of its entry.
func (t *table) put(it *item) *entry {
	e := t.entries[it.key]
	if e == nil {
		e = &entry{tag: it.tag, value: it.value}
		t.entries[it.key] = e
		if _, ok := t.gone[it.key]; ok {
			delete(t.gone, it.key)
			t.merged++
		}
		t.state(e, it.event(nil))
	} else if it.sum == 0 || e.sum != it.sum {
		ev := it.event(&e.ev)
		if !ev.SameState(&e.ev) {
			t.state(e, ev)
		}
	}
	t.sign(e, it.sum)
	return e
}

// state gives an entry another state.
func (t *table) state(e *entry, ev entity.Event) {
	if e.ev = ev; ev.Attributes.Has(keyTruncated) {
		t.shortened++
	}
	t.soil(e)
}

// sign gives an entry another fingerprint.
func (t *table) sign(e *entry, sum uint64) {
	if e.sum == sum {
		return
	}
	if t.sums[e.sum] == e {
		delete(t.sums, e.sum)
	}
	if e.sum = sum; sum != 0 {
		t.sums[sum] = e
	}
}

func (e *entry) count(packets, bytes uint64) {
	if e.packets != packets || e.bytes != bytes {
		e.packets, e.bytes, e.sent = packets, bytes, false
	}
}

func (t *table) soil(e *entry) {
	if !e.dirty {
		e.dirty = true
		t.dirty = append(t.dirty, e)
	}
}

// end notes that the read is complete: what was in none of the last reads ended.
// A read that was cut short does not have everything, so several must agree; how
// many is said by reads, 0 for "it does not matter how many".
func (t *table) end(reads uint64, why string) {
	t.reading = false
	clear(t.during)
	if reads > 0 {
		for key, e := range t.entries {
			if e.read+reads <= t.read {
				t.drop(key, e, why)
			}
		}
	}
	if t.over = t.overRead; reads != 1 {
		// Some that were not looked at are known all the same.
		t.over = max(t.had-len(t.entries), 0)
	}
}

// flush reports what waits.
func (t *table) flush(to teller) {
	for key, g := range t.gone {
		to.Delete(g.ref, g.why)
		delete(t.gone, key)
	}
	for i, e := range t.dirty {
		t.dirty[i] = nil
		if e.dirty {
			e.dirty = false
			to.Set(e.ev)
		}
	}
	t.dirty = t.dirty[:0]
}

// pending tells whether anything waits to be reported.
func (t *table) pending() bool { return len(t.dirty) > 0 || len(t.gone) > 0 }

// again makes everything wait to be reported, for a new listing.
func (t *table) again() {
	clear(t.gone)
	for _, e := range t.entries {
		t.soil(e)
	}
}

// clear forgets everything without a word.
func (t *table) clear() {
	clear(t.entries)
	clear(t.gone)
	clear(t.during)
	clear(t.sums)
	t.dirty, t.over, t.reading = nil, 0, false
}
