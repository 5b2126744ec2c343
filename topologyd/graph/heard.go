package graph

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Heard is a report that changed nothing and therefore is not in the log.
// Replicas tell one another of them, so that none believes that a source fell
// silent which spoke to another.
type Heard struct {
	Node   entity.UUID // ID of the entity
	Source string
	// Time is that of the report, Unix nanoseconds on the source's clock.
	Time int64
}

// place of a facet, of which a report was heard.
type heardAt struct {
	slot   int32
	source string
}

// CollectHeard has the graph note which reports it hears, for TakeHeard.
func (g *Graph) CollectHeard() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.collect = true
}

// note remembers a facet as heard until TakeHeard.
func (g *Graph) note(slot int32, facet int) {
	l := &g.live.of(slot)[facet]
	if !g.collect || l.noted {
		return
	}
	l.noted = true
	g.noted = append(g.noted, heardAt{slot, g.t.sourceOf(slot, facet)})
}

// TakeHeard returns the reports heard since it was called last, one for each
// facet.
func (g *Graph) TakeHeard() []Heard {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]Heard, 0, len(g.noted))
	for _, at := range g.noted {
		if !g.t.hasEntity(at.slot) { // gone since
			continue
		}
		if i, _ := g.t.findFacet(at.slot, at.source); i >= 0 && g.live.of(at.slot)[i].noted {
			l := &g.live.of(at.slot)[i]
			l.noted = false
			out = append(out, Heard{g.t.nodeID(at.slot), at.source, l.time})
		}
	}
	g.noted = g.noted[:0]
	return out
}

// Hear notes reports that others heard, at the time now. Stale marks that go
// away are appended to out.
func (g *Graph) Hear(list []Heard, now time.Time, out []Change) []Change {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begin(out)
	for i := range list {
		slot := g.t.findEntity(list[i].Node)
		if slot < 0 {
			continue
		}
		if facet, _ := g.t.findFacet(slot, list[i].Source); facet >= 0 {
			g.touch(slot, facet, list[i].Time, now.UnixNano())
		}
	}
	return g.end()
}
