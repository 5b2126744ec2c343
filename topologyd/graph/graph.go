package graph

import (
	"hash/maphash"
	"runtime"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph/pack"
)

// Config holds the limits and delays of a graph.
type Config struct {
	// StaleAfter and ExpireAfter tell after how many report intervals without a
	// report a facet is marked stale, and after how many it is expired.
	StaleAfter, ExpireAfter float64
	// MinTombstone is the least time for which a deleted facet is remembered so
	// that an older report cannot bring it back; it is three report intervals
	// when that is longer.
	MinTombstone time.Duration
	// MaxTombstones bounds how many are remembered; more are not.
	MaxTombstones int
}

// DefaultConfig returns the configuration that DESIGN and documentation speak
// of: stale after one and a half, expired after three report intervals.
func DefaultConfig() Config {
	return Config{StaleAfter: 1.5, ExpireAfter: 3, MinTombstone: 2 * time.Minute, MaxTombstones: 200_000}
}

// Graph is the live graph. All methods may be called concurrently.
type Graph struct {
	cfg  Config
	seed maphash.Seed
	// wishes are the ordered indexes that are asked for.
	wishes *wishes
	mu     sync.Mutex
	content
}

// content is all that a graph holds, guarded by its mutex.
type content struct {
	t     tables
	epoch uint64 // of the tables; raised by every view
	view  *View  // of the current state, nil after a change

	// What only the writer needs.
	live       heartbeats
	names      names
	index      indexWriter
	sets       map[string]string // packed attributes of edges
	staleEdges int

	freeNodes, freeEdges, freeExtras []int32

	dangling map[entity.UUID]waiting
	joins    joins

	// tombs are the deletions of the log, which all replicas know; heard are
	// those of facets that were not known, which are not logged.
	tombs, heard tombs
	logged       int64 // the newest log time

	collect bool
	noted   []heardAt

	// Of the call that is under way:
	out     []Change
	first   int                // in out
	busy    int32              // the node that it speaks of, refreshed at its end
	depth   int                // of renewing TIDs
	renewed map[int32]int      // how often a node's TID was renewed
	late    []int32            // nodes that are refreshed before it ends
	isLate  map[int32]struct{} // the same, once they are many
	one     [1]evidence
	// Room that is used again.
	scratch, body, edges  []byte
	part                  []byte
	facets, owned         []packedFacet
	asserted              []packedAssertion
	idAttrs, total, grown entity.Attrs

	stats Stats
}

// Stats counts what happened since the graph was made.
type Stats struct {
	Changed, Unchanged, Outdated, Expired uint64
	// TombstonesRefused counts deletions that could not be remembered.
	TombstonesRefused uint64
	// JoinsRefused counts events that speak of rows of the table of joins which
	// cannot be used.
	JoinsRefused uint64
	// Dangling is the number of assertions whose other end is not known, or is of
	// the same node.
	Dangling int
	// Facets, Nodes, Edges and Stale are current numbers; Joined is that of the
	// entities that are shown by the node of another, Joins that of the rows.
	Facets, Nodes, Edges, Stale, Joined, Joins int
	Revision                                   uint64
}

// New returns an empty graph.
func New(cfg Config) *Graph {
	g := &Graph{cfg: cfg, seed: maphash.MakeSeed(), wishes: newWishes()}
	g.Reset()
	return g
}

// Reset empties the graph; its counters and revisions begin anew, its versions
// (see [View.Version]) go on.
func (g *Graph) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.content = content{
		collect:  g.collect,
		epoch:    g.epoch + 1,
		dangling: make(map[entity.UUID]waiting),
		live:     heartbeats{many: make(map[int32][]liveness)},
		names:    names{numbers: make(map[string]uint32)},
		sets:     make(map[string]string),
		joins:    newJoins(),
		tombs:    newTombs(g.cfg.MaxTombstones),
		heard:    newTombs(g.cfg.MaxTombstones),
	}
	g.t.dict = pack.NewDict()
	g.t.index.seed, g.t.index.wishes = g.seed, g.wishes
}

// View returns the graph at its current revision.
func (g *Graph) View() *View {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.current()
}

// current is View for those who hold the lock.
func (g *Graph) current() *View {
	if g.view == nil {
		g.view = &View{t: g.t, version: g.epoch}
		g.epoch++
	}
	return g.view
}

// Revision returns the current revision.
func (g *Graph) Revision() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.t.revision
}

// Refresh counts all facets as reported at the time now, as after a restart,
// when their sources could not be heard.
func (g *Graph) Refresh(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for slot := range g.live.one.n {
		facets := g.live.of(slot)
		for i := range facets {
			facets[i].seen = now.UnixNano()
		}
	}
}

// Stats returns the counters.
func (g *Graph) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Nodes, s.Edges, s.Revision = g.t.nodeCount, g.t.edgeCount, g.t.revision
	s.Joins = len(g.joins.rows)
	return s
}

// Outcome is what an event does to the graph.
type Outcome uint8

// Outcomes of an event.
const (
	// Unchanged: it says what is known; only the time of the last report moved.
	Unchanged Outcome = iota
	// Changed: it changes the graph.
	Changed
	// Outdated: it is older than what is known, or speaks of a facet that was
	// deleted after it was sent.
	Outdated
)

// Check tells what Apply would do with an event at the time now, and does it
// when that leaves no trace in the graph: of an unchanged report only the time
// is noted, and a Stale mark that goes away is appended to out. The caller logs
// and applies those that would change the graph.
func (g *Graph) Check(p *Prepared, now time.Time, out []Change) ([]Change, Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.check(p, now, out)
}

// lockFor is for how many events the graph is locked at a time: long enough
// that those who want the lock do not fight for it, short enough that a view is
// had within a millisecond. In between others get the processor too, who would
// wait ten milliseconds for it otherwise.
const lockFor = 64

// CheckAll is Check for several events; outcomes runs in parallel.
func (g *Graph) CheckAll(ps []*Prepared, outcomes []Outcome, now time.Time, out []Change) []Change {
	for i := 0; i < len(ps); i += lockFor {
		g.mu.Lock()
		for j := i; j < min(i+lockFor, len(ps)); j++ {
			out, outcomes[j] = g.check(ps[j], now, out)
		}
		g.mu.Unlock()
		runtime.Gosched()
	}
	return out
}

func (g *Graph) check(p *Prepared, now time.Time, out []Change) ([]Change, Outcome) {
	g.begin(out)
	if p.Event.Type == entity.TypeJoin {
		return g.end(), g.checkRow(p, now.UnixNano())
	}
	slot := g.t.findEntity(p.id)
	outcome, facet := g.admit(p, slot, now.UnixNano())
	g.settle(p, outcome, slot, facet, now.UnixNano(), &g.heard, now.UnixNano())
	return g.end(), outcome
}

// settle does what events do that change nothing but times.
func (g *Graph) settle(p *Prepared, outcome Outcome, slot int32, facet int, now int64, tombs *tombs, tombNow int64) {
	switch {
	case outcome == Outdated:
		g.stats.Outdated++
	case outcome == Changed:
	case facet < 0:
		g.stats.Unchanged++
		g.bury(tombs, p, 0, tombNow)
	default:
		g.stats.Unchanged++
		g.touch(slot, facet, p.facet.time, now)
		g.note(slot, facet)
		g.live.setLine(slot, facet, p.Line)
	}
}

// isGuest reports whether the event is of a source that adds to an entity of
// others.
func (p *Prepared) isGuest() bool { return entity.IsGuest(p.facet.source, p.Event.Type) }

// facetOf returns the number of the facet that an event speaks of, and the time
// of the event that made it; -1 when it is not known.
func (g *Graph) facetOf(p *Prepared, slot int32) (facet int, made int64) {
	if slot < 0 {
		return -1, 0
	}
	return g.t.findFacet(slot, p.facet.source)
}

// admit compares an event with what was heard, logged or not, to tell whether
// it is worth being logged.
func (g *Graph) admit(p *Prepared, slot int32, now int64) (outcome Outcome, facet int) {
	p.Force = false
	isDelete := p.Event.Kind == entity.Delete
	if facet, _ = g.facetOf(p, slot); facet < 0 {
		if slot < 0 && !isDelete && p.isGuest() {
			return Outdated, facet
		}
		key := facetKey{p.id, p.facet.source}
		switch {
		case isDelete: // remembered, since the state may come late
			return Unchanged, facet
		case g.heard.covers(key, p.facet.time, now), g.tombs.covers(key, p.facet.time, g.logged):
			return Outdated, facet
		default:
			return Changed, facet
		}
	}
	l := &g.live.of(slot)[facet]
	if p.facet.time < l.time {
		// A source whose clock was set back would be ignored for as long as the
		// step; after a silence longer than its interval, a minute at the least,
		// older times count again.
		if now-l.seen <= max(l.keep(), int64(time.Minute)) {
			return Outdated, facet
		}
		p.Force = true
	}
	if !isDelete && l.hash == p.hash {
		return Unchanged, facet
	}
	return Changed, facet
}

// decide compares an event with what the log said before, and with nothing
// else, so that all replicas come to the same.
func (g *Graph) decide(p *Prepared, slot int32, logged int64) (outcome Outcome, facet int) {
	isDelete := p.Event.Kind == entity.Delete
	facet, made := g.facetOf(p, slot)
	if facet < 0 {
		switch {
		case isDelete:
			return Unchanged, facet
		case slot < 0 && p.isGuest():
			return Outdated, facet
		case !p.Force && g.tombs.covers(facetKey{p.id, p.facet.source}, p.facet.time, logged):
			return Outdated, facet
		default:
			return Changed, facet
		}
	}
	switch {
	case !p.Force && p.facet.time < made:
		return Outdated, facet
	case !isDelete && g.live.of(slot)[facet].hash == p.hash:
		return Unchanged, facet
	default:
		return Changed, facet
	}
}

// touch notes a report of a facet that changes nothing else.
func (g *Graph) touch(slot int32, facet int, eventTime, now int64) {
	l := &g.live.of(slot)[facet]
	l.time, l.seen = max(l.time, eventTime), max(l.seen, now)
	if l.stale {
		l.stale = false
		g.stats.Stale--
		g.view = nil
		g.refreshStale(slot)
	}
}

// Touch is Check for reports in their encoded form: for each fingerprint that
// is that of the current state of a facet, it notes the time of the report and
// sets hit. The slices run in parallel; times are Unix nanoseconds on the
// source's clock. Stale marks that go away are returned as changes.
func (g *Graph) Touch(lines []uint64, times []int64, hit []bool, now time.Time, out []Change) []Change {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begin(out)
	n := now.UnixNano()
	for i, line := range lines {
		if line == 0 {
			continue
		}
		slot, facet := g.live.findLine(line)
		if slot < 0 {
			continue
		}
		g.touch(slot, facet, times[i], n)
		g.note(slot, facet)
		g.stats.Unchanged++
		hit[i] = true
	}
	return g.end()
}
