package alert

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// waiting are things over the limit of a rule. Who waits for longest is next, of
// those who began together the first by key, so that it is the same on every replica.
type waiting struct {
	byKey map[string]*entry
	// queue has each of them, and some that no longer wait.
	queue turns
}

// turn is when a thing began to wait.
type turn struct {
	since time.Time
	key   string
}

func newWaiting() waiting { return waiting{byKey: make(map[string]*entry)} }

// add has a thing wait that was found at its since. One that does already stays.
func (w *waiting) add(key string, e *entry) {
	if w.byKey[key] != nil {
		return
	}
	if len(w.queue) > 2*len(w.byKey)+minResolved {
		w.queue = slices.Grow(w.queue[:0:0], len(w.byKey)+minResolved)
		for key, e := range w.byKey {
			w.queue = append(w.queue, turn{e.since, key})
		}
		heap.Init(&w.queue)
	}
	w.byKey[key] = e
	heap.Push(&w.queue, turn{e.since, key})
}

func (w *waiting) remove(key string) { delete(w.byKey, key) }

// holds reports whether a turn is that of a thing that waits.
func (w *waiting) holds(t turn) bool {
	e := w.byKey[t.key]
	return e != nil && e.since.Equal(t.since)
}

// next returns the thing whose turn it is, which goes on to wait; nil when none
// does.
func (w *waiting) next() (string, *entry) {
	for len(w.queue) > 0 {
		if t := w.queue[0]; w.holds(t) {
			return t.key, w.byKey[t.key]
		}
		heap.Pop(&w.queue)
	}
	return "", nil
}

// turns is a heap.
type turns []turn

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (t turns) Len() int { return len(t) }

// Less is part of [heap.Interface].
func (t turns) Less(i, j int) bool {
	return cmp.Or(t[i].since.Compare(t[j].since), cmp.Compare(t[i].key, t[j].key)) < 0
}

// Swap is part of [heap.Interface].
func (t turns) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push is part of [heap.Interface].
func (t *turns) Push(x any) { *t = append(*t, x.(turn)) } //nolint:forcetypeassert // heap gives what it is given

// Pop is part of [heap.Interface].
func (t *turns) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = turn{}
	*t = (*t)[:last]
	return x
}
