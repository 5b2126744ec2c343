package alertmanager

import "container/list"

// queue holds the newest state of alerts, those first that were put in first. It is
// bounded, and not for concurrent use.
type queue struct {
	max   int
	byKey map[string]*list.Element
	order *list.List // of *entry
}

func newQueue(limit int) *queue {
	return &queue{max: limit, byKey: make(map[string]*list.Element), order: list.New()}
}

func (q *queue) len() int { return q.order.Len() }

// put adds the state of an alert, or replaces the one that is there, whose place it
// takes. It reports whether the oldest had to make room.
func (q *queue) put(e *entry) (dropped bool) {
	if at, ok := q.byKey[e.key]; ok {
		at.Value = e
		return false
	}
	if q.len() >= q.max {
		q.remove(q.order.Front().Value.(*entry).key)
		dropped = true
	}
	q.byKey[e.key] = q.order.PushBack(e)
	return dropped
}

// offer adds an alert of which nothing is there if there is room.
func (q *queue) offer(e *entry) {
	if _, ok := q.byKey[e.key]; !ok && q.len() < q.max {
		q.put(e)
	}
}

// first returns up to n of the oldest, which stay.
func (q *queue) first(n int) (out []*entry) {
	for at := q.order.Front(); at != nil && len(out) < n; at = at.Next() {
		out = append(out, at.Value.(*entry))
	}
	return out
}

// done removes what was seen to. What was put in since under the same key stays.
func (q *queue) done(entries []*entry) {
	for _, e := range entries {
		if at, ok := q.byKey[e.key]; ok && at.Value.(*entry) == e {
			q.remove(e.key)
		}
	}
}

func (q *queue) remove(key string) {
	if at, ok := q.byKey[key]; ok {
		q.order.Remove(at)
		delete(q.byKey, key)
	}
}
