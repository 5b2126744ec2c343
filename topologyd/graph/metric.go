package graph

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Keys of the period that counters speak of, Unix milliseconds.
const (
	keyStart = "Start"
	keyLast  = "Last"
)

// SetMetric notes a node's counters as they were at a time. The node shows
// them as Metric, and what they grew by since the report before as
// LastUpdateMetric; counters that are zero are left out. A counter that went
// back was reset: it counts from zero. It makes no revision and no change, and
// tells whether the node is known and the counters are newer than those it
// has. Those of an entity that joined a node are shown when the node's own
// entity has none.
func (g *Graph) SetMetric(id entity.UUID, at time.Time, counters entity.Attrs) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	slot := g.t.findEntity(id)
	if slot < 0 {
		return false
	}
	last := at.UnixMilli()
	had := g.t.data.at(slot).counters
	before := ""
	if had != nil {
		before = had.metric
	}
	start := last
	if had != nil {
		if start = g.t.dict.Get(before, keyLast).Int(); last <= start {
			return false
		}
	}
	total, grown := g.total[:0], g.grown[:0]
	for _, c := range counters {
		now := c.Value.Int()
		if now == 0 {
			continue
		}
		total = append(total, entity.A(c.Key, entity.Int(now)))
		was := g.t.dict.Get(before, c.Key).Int()
		if was > now {
			was = 0
		}
		if now > was {
			grown = append(grown, entity.A(c.Key, entity.Int(now-was)))
		}
	}
	first := g.t.dict.Get(before, keyStart)
	if first.IsZero() {
		first = entity.Int(last)
	}
	total = append(total, entity.A(keyStart, first), entity.A(keyLast, entity.Int(last)))
	g.scratch = g.t.dict.AppendOf(g.scratch[:0], total.Normalize(), owner(slot))
	size := len(g.scratch)
	if had != nil {
		grown = append(grown, entity.A(keyStart, entity.Int(start)), entity.A(keyLast, entity.Int(last)))
		g.scratch = g.t.dict.AppendOf(g.scratch, grown.Normalize(), owner(slot))
	}
	g.total, g.grown = total, grown
	both := string(g.scratch)
	g.t.data.edit(slot, g.epoch).counters = newCounters(both, size)
	g.view = nil
	return true
}
