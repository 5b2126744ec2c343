package graph

import (
	"container/heap"

	"github.com/skein-net/skein/internal/entity"
)

// tombstone remembers a deleted facet for a while, so that an older report
// that comes late does not bring it back.
type tombstone struct {
	time  int64 // of the delete event
	until int64 // when it is forgotten
}

type facetKey struct {
	node   entity.UUID
	source string
}

// tombs is a bounded set of tombstones. What it answers depends only on what it
// was told, in which order, and at which times, so that replicas which are told
// the same answer the same.
type tombs struct {
	max   int
	byKey map[facetKey]tombstone
	order tombHeap // by the time of forgetting; an entry may be out of date
}

func newTombs(limit int) tombs { return tombs{max: limit, byKey: make(map[facetKey]tombstone)} }

// bury remembers a deletion for a time; false means that there are too many.
func (t *tombs) bury(key facetKey, time, now, keep int64) bool {
	old, known := t.byKey[key]
	if known && old.until <= now { // as if it were cleaned away
		old = tombstone{}
	}
	if !known && len(t.byKey) >= t.max {
		if t.clean(now); len(t.byKey) >= t.max {
			return false
		}
	}
	t.put(key, tombstone{time: max(old.time, time), until: max(old.until, now+keep)})
	return true
}

func (t *tombs) put(key facetKey, tomb tombstone) {
	t.byKey[key] = tomb
	heap.Push(&t.order, tombEntry{tomb.until, key})
	if len(t.order) > 2*t.max+1024 {
		t.order = t.order[:0]
		for k, s := range t.byKey {
			t.order = append(t.order, tombEntry{s.until, k})
		}
		heap.Init(&t.order)
	}
}

// covers tells whether an event of a time is older than the deletion of its
// facet, which is still remembered at the time now.
func (t *tombs) covers(key facetKey, time, now int64) bool {
	tomb, ok := t.byKey[key]
	return ok && time <= tomb.time && now < tomb.until
}

func (t *tombs) forget(key facetKey) { delete(t.byKey, key) }

// clean forgets what need not be remembered any more.
func (t *tombs) clean(now int64) {
	for len(t.order) > 0 && t.order[0].until <= now {
		e := heap.Pop(&t.order).(tombEntry)
		if tomb, ok := t.byKey[e.key]; ok && tomb.until <= now {
			delete(t.byKey, e.key)
		}
	}
}

type tombEntry struct {
	until int64
	key   facetKey
}

type tombHeap []tombEntry

func (h tombHeap) Len() int           { return len(h) }
func (h tombHeap) Less(i, j int) bool { return h[i].until < h[j].until }
func (h tombHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *tombHeap) Push(x any)        { *h = append(*h, x.(tombEntry)) }
func (h *tombHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
