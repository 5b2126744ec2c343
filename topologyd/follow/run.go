package follow

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// fill works out the result of a query that is not global from the beginning.
func (s *Set) fill(ctx context.Context, f *Followed) error {
	lim := s.cfg.Limits
	if f.way == gremlin.WayLocal {
		lim.Results = s.cfg.MaxElements
	}
	r, err := f.reach.Source().Run(ctx, s.v, lim)
	if err != nil {
		return s.explained(err)
	}
	edges := f.reach.Start() == gremlin.KindEdges
	slots := r.NodeSlots()
	if edges {
		slots = r.EdgeSlots()
	}
	if f.way == gremlin.WayBounded {
		f.given = make(map[entity.UUID][]entity.UUID)
	}
	kept := 0
	for slot := range slots {
		if !f.reach.Starts(s.v, slot) {
			continue // it shows the entity that V names, but has another ID, by which it is not followed
		}
		id := s.idOf(slot, edges)
		if f.way == gremlin.WayLocal {
			s.enter(f, id, edges)
			continue
		}
		list := s.from(f, slot, nil)
		kept += 1 + len(list)
		if list == nil || kept > 4*s.cfg.MaxElements {
			if list != nil {
				s.lose(f, "it starts at too many elements")
			}
			s.drop(f)
			f.members, f.way, f.why = make(map[entity.UUID]member), gremlin.WayGlobal, s.whyLost(f)
			return nil
		}
		if len(list) == 0 {
			continue
		}
		f.given[id] = list
		for _, id := range list {
			s.enter(f, id, f.reach.Kind == gremlin.KindEdges)
		}
		if err := s.tooLarge(f); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
	}
	clear(f.delta)
	return s.tooLarge(f)
}

// lose notes that a bounded query needs too much.
func (s *Set) lose(f *Followed, why string) {
	if f.why == "" {
		f.why = why
		s.lost = append(s.lost, f)
	}
}

func (s *Set) whyLost(f *Followed) string {
	s.stats.Demoted++
	return f.why
}

// demote makes a bounded query global.
func (s *Set) demote(f *Followed) {
	if f.group == nil || s.queries[f.text] != f {
		return
	}
	s.stats.Demoted++
	s.leave(f)
	s.stats.Bounded.Queries--
	s.stats.Global.Queries++
	f.way, f.given = gremlin.WayGlobal, nil
	for id, m := range f.members {
		m.n = s.stateOf(id, m.edge)
		f.members[id] = m
	}
	f.revision, f.dirty = s.revision, s.revision+1
	s.wish(f)
}

// wish enters a global query under the keys that it looks at.
func (s *Set) wish(f *Followed) {
	paths, all := f.reach.Keys()
	if all {
		s.anyKey = append(s.anyKey, f)
		return
	}
	s.wishes[""] = append(s.wishes[""], f) // for what comes and goes
	seen := make(map[string]bool)
	for _, p := range paths {
		for i := 0; i <= len(p); i++ {
			if key := p[:i]; i > 0 && (i == len(p) || p[i] == '.') && !seen[key] {
				seen[key] = true
				s.wishes[key] = append(s.wishes[key], f)
			}
		}
	}
}

// runFirst runs a global query for the first time.
func (s *Set) runFirst(ctx context.Context, f *Followed) error {
	r, err := f.query.Run(ctx, s.v, s.runLimits())
	if err != nil {
		return s.explained(err)
	}
	s.put(f, r)
	clear(f.delta)
	return s.tooLarge(f)
}

// runLimits are those of the run of a global query.
func (s *Set) runLimits() gremlin.Limits {
	lim := s.cfg.Limits
	// A graph has nodes and edges, and a node may recur: more than the limit are
	// refused afterwards.
	lim.Results = 4 * s.cfg.MaxElements
	return lim
}

// explained says what a limit that was met means for those who follow.
func (s *Set) explained(err error) error {
	var limit *gremlin.LimitError
	if errors.As(err, &limit) && limit.Limit == "results" {
		return &gremlin.LimitError{Limit: limit.Limit, Max: limit.Max, Hint: hintNarrow}
	}
	return fmt.Errorf("run the query: %w", err)
}

// Due returns the global query that should be run next, nil when none has to. It
// is not due again until it is given to Put. Queries on counters are always due.
func (s *Set) Due(wanted func(*Followed) bool) *Followed {
	var best *Followed
	for _, f := range s.queries {
		if f.way != gremlin.WayGlobal || f.running || f.dirty == 0 && !f.reach.Counters || !wanted(f) {
			continue
		}
		if best == nil || f.ran < best.ran {
			best = f
		}
	}
	if best != nil {
		best.running, best.dirty = true, 0 // what comes from now on makes it due again
		s.runs++
		best.ran = s.runs
	}
	return best
}

// Run runs a query that is due, on a view that is not older than what the set
// knows. It may be called beside the other methods.
func (s *Set) Run(ctx context.Context, f *Followed, v *graph.View) (*gremlin.Result, error) {
	r, err := f.query.Run(ctx, v, s.runLimits())
	if err != nil {
		return nil, s.explained(err)
	}
	return r, nil
}

// Refresh runs a global query now, when it is due, on the view of the last Apply.
// What happened to the result is given as Put does. The error is that of a context
// that ended: then nothing has happened, and the query is still due.
func (s *Set) Refresh(ctx context.Context, f *Followed, v *graph.View) (d Delta, some bool, err error) {
	if f.way != gremlin.WayGlobal || f.dirty == 0 && !f.running && !f.reach.Counters {
		return d, false, nil
	}
	running := f.running
	r, err := s.Run(ctx, f, v)
	if err != nil && ctx.Err() != nil {
		return d, false, err // not the fault of the query, which others follow
	}
	f.dirty = 0
	d, some = s.Put(f, r, err)
	f.running = running
	return d, some, nil
}

// Put takes the result of a query that was due, or the error, and gives what
// happened to the result. An error ends following it.
func (s *Set) Put(f *Followed, r *gremlin.Result, err error) (Delta, bool) {
	f.running = false
	d := Delta{Of: f, Before: f.revision, Revision: f.revision, Err: err}
	if s.queries[f.text] != f {
		return d, false
	}
	s.stats.Global.Evaluated++
	if err == nil && r.Revision() < f.revision {
		return d, false // another run overtook it
	}
	if err == nil {
		s.v = r.View()
		defer s.forget()
		since := f.since
		f.revision, f.since = max(f.revision, r.Revision()), nil
		d.Revision = f.revision
		old := s.put(f, r)
		if f.dirty <= f.revision {
			f.dirty = 0
		}
		if d.Err = s.tooLarge(f); d.Err == nil {
			d.Changes = s.compare(f, old, since)
		}
		clear(f.delta)
	}
	if d.Err != nil {
		s.Remove(f)
	}
	return d, d.Err != nil || len(d.Changes) > 0
}

// put replaces the members of a global query and returns those before.
func (s *Set) put(f *Followed, r *gremlin.Result) (old map[entity.UUID]member) {
	old = f.members
	f.members = make(map[entity.UUID]member, len(old))
	for _, edge := range [...]bool{false, true} {
		slots := r.NodeSlots()
		if edge {
			slots = r.EdgeSlots()
		}
		for slot := range slots {
			id := s.idOf(slot, edge)
			f.members[id] = member{s.state(slot, edge), edge}
		}
	}
	for id := range old {
		if _, ok := f.members[id]; !ok {
			s.unhold(f, id)
		}
	}
	for id := range f.members {
		if _, ok := old[id]; !ok {
			s.hold(f, id)
		}
	}
	s.total += len(f.members) - len(old)
	return old
}

// compare makes changes of the difference between two results.
func (s *Set) compare(f *Followed, old map[entity.UUID]member, since map[entity.UUID]*graph.Change) []graph.Change {
	var out []graph.Change
	revision := s.revision
	s.revision = f.revision // that of what is told
	for id, m := range f.members {
		was, ok := old[id]
		if _, changed := since[id]; !ok || changed || was.n != m.n {
			out = append(out, s.change(id, m.edge, ok, true, nil))
		}
	}
	for id, m := range old {
		if _, ok := f.members[id]; ok {
			continue
		}
		c := s.change(id, m.edge, true, false, nil)
		if last := since[id]; last != nil && s.slotOf(id, m.edge) < 0 {
			c.Revision, c.At, c.Node, c.Edge = min(last.Revision, f.revision), last.At, last.Node, last.Edge
			c.OldNode, c.OldEdge = last.OldNode, last.OldEdge
		}
		out = append(out, c)
	}
	s.revision = revision
	sortChanges(out)
	return out
}

func (s *Set) slotOf(id entity.UUID, edge bool) int32 {
	if edge {
		return s.v.EdgeSlot(id)
	}
	return s.v.NodeSlot(id)
}

// state tells states of an element apart: revisions begin anew when it comes
// back.
func (s *Set) state(slot int32, edge bool) uint64 {
	var revision uint64
	var created, updated int64
	var stale bool
	if edge {
		revision, stale = s.v.EdgeRevision(slot), s.v.EdgeStale(slot)
		created, updated = s.v.EdgeTimes(slot)
	} else {
		revision, stale = s.v.NodeRevision(slot), s.v.NodeStale(slot)
		created, updated = s.v.NodeTimes(slot)
	}
	n := revision << 1
	if stale {
		n++
	}
	return (n*0x9e3779b97f4a7c15^uint64(created))*0x9e3779b97f4a7c15 ^ uint64(updated)
}

func (s *Set) stateOf(id entity.UUID, edge bool) uint64 {
	if slot := s.slotOf(id, edge); slot >= 0 {
		return s.state(slot, edge)
	}
	return 0
}

// String describes a query for people.
func (f *Followed) String() string {
	var b strings.Builder
	b.WriteString(f.way.String())
	if f.why != "" {
		b.WriteString(" (" + f.why + ")")
	}
	return b.String() + ": " + f.text
}
