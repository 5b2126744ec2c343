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
// has.
func (g *Graph) SetMetric(id entity.UUID, at time.Time, counters entity.Attrs) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	slot := g.t.findNode(id)
	if slot < 0 {
		return false
	}
	old := *g.t.nodes.at(slot)
	last := at.UnixMilli()
	before := old.Metric.Map()
	start := last
	if !old.Metric.IsZero() {
		if start = before.Get(keyLast).Int(); last <= start {
			return false
		}
	}
	total := make(entity.Attrs, 0, len(counters)+2)
	grown := make(entity.Attrs, 0, len(counters)+2)
	for _, c := range counters {
		now := c.Value.Int()
		if now == 0 {
			continue
		}
		key := g.intern(c.Key)
		total = append(total, entity.A(key, entity.Int(now)))
		was := before.Get(c.Key).Int()
		if was > now {
			was = 0
		}
		if now > was {
			grown = append(grown, entity.A(key, entity.Int(now-was)))
		}
	}
	first := before.Get(keyStart)
	if first.IsZero() {
		first = entity.Int(last)
	}
	n := *old
	n.Metric = entity.Map(append(total, entity.A(keyStart, first), entity.A(keyLast, entity.Int(last))).Normalize())
	if !old.Metric.IsZero() {
		n.LastUpdateMetric = entity.Map(append(grown, entity.A(keyStart, entity.Int(start)), entity.A(keyLast, entity.Int(last))).Normalize())
	}
	*g.t.nodes.edit(slot, g.epoch) = &n
	g.view = nil
	return true
}
