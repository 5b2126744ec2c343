package orders

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// flap tells how often a node left the result of a query: one whose query asks
// for what captures themselves change would go to and fro for ever.
type flap struct {
	count int
	last  time.Time
	hold  time.Duration
}

// maxFlaps bounds the nodes of one query that are watched for it.
const maxFlaps = 10_000

// flapped notes that a node left. The lock is held.
func (t *term) flapped(q *query, id entity.UUID) {
	now := t.now()
	f := q.flaps[id]
	if f == nil {
		if len(q.flaps) >= maxFlaps {
			for old, f := range q.flaps {
				if now.Sub(f.last) > t.cfg.FlapWindow+f.hold {
					delete(q.flaps, old)
				}
			}
			if len(q.flaps) >= maxFlaps {
				return
			}
		}
		f = &flap{}
		q.flaps[id] = f
	}
	if now.Sub(f.last) > t.cfg.FlapWindow+f.hold {
		f.count, f.hold = 0, 0
	}
	f.count++
	f.last = now
}

// holds tells whether a node that enters is left out for a while. The lock is
// held.
func (t *term) holds(q *query, id entity.UUID) bool {
	f := q.flaps[id]
	now := t.now()
	if f == nil || f.count <= t.cfg.FlapLimit || now.Sub(f.last) > t.cfg.FlapWindow {
		return false
	}
	f.hold = min(max(2*f.hold, t.cfg.HoldMin), t.cfg.HoldMax)
	q.held[id] = now.Add(f.hold)
	return true
}

// release lets in the nodes that were held long enough. The lock is held.
func (t *term) release(q *query, now time.Time) {
	for id, until := range q.held {
		if now.Before(until) {
			continue
		}
		delete(q.held, id)
		if _, in := q.nodes[id]; in {
			t.enter(q, id, t.deps.View())
		}
	}
}
