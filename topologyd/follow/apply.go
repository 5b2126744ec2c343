package follow

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Delta is what happened to the result of one query.
type Delta struct {
	Of *Followed
	// Before and Revision are the revisions of the graph that the result was of and
	// is of now.
	Before, Revision uint64
	// Changes are those of the result: what entered is added, what left is deleted
	// (and given as it is now, or was at last), the rest updated. Edges that left
	// come first, then nodes that left, nodes, edges. The revision and time of each
	// are those of the last change of the element itself; when it is there or gone
	// because of another, Revision and the latest time that is known.
	Changes []graph.Change
	// Err ends following the query, which is removed.
	Err error
}

// Apply takes changes, all from the revision that the set knows up to that of v,
// as the graph made them, and v, the graph after them. It gives what happened to
// the results of queries that are not global; the latter are due. Changes that v
// does not show yet, or that views before it showed, do no harm as long as all of
// them come some time: what is told is always the difference between views.
func (s *Set) Apply(changes []graph.Change, v *graph.View) []Delta {
	before := s.revision
	s.v, s.revision = v, v.Revision()
	defer s.forget()
	s.stats.Changes += uint64(len(changes))
	s.collect(changes)
	if len(s.touches) > 0 {
		detailed := s.stats.Bounded.Queries+s.stats.Global.Queries > 0
		if detailed {
			s.details()
		}
		evaluated := [2]uint64{s.stats.Local.Evaluated, s.stats.Bounded.Evaluated}
		for _, g := range s.groups {
			s.visit(g)
		}
		n := uint64(len(s.touches))
		s.stats.Local.Skipped += sub(n*uint64(s.stats.Local.Queries), s.stats.Local.Evaluated-evaluated[0])
		s.stats.Bounded.Skipped += sub(n*uint64(s.stats.Bounded.Queries), s.stats.Bounded.Evaluated-evaluated[1])
		if detailed {
			s.notice(before)
		}
	}
	for _, f := range s.lost {
		s.demote(f)
	}
	var out []Delta
	for _, f := range s.queries {
		if f.way != gremlin.WayGlobal || f.dirty == 0 && !f.running && !f.reach.Counters {
			f.revision = max(f.revision, s.revision)
		}
	}
	for _, f := range s.altered {
		d := Delta{Of: f, Before: before, Revision: s.revision}
		if d.Err = s.tooLarge(f); d.Err != nil {
			s.Remove(f)
		} else {
			d.Changes = s.flush(f)
		}
		clear(f.delta)
		if d.Err != nil || len(d.Changes) > 0 {
			out = append(out, d)
		}
	}
	return out
}

func sub(a, b uint64) uint64 { return a - min(a, b) }

// forget lets go of what is for one batch.
func (s *Set) forget() {
	s.v, s.altered, s.lost = nil, s.altered[:0], s.lost[:0]
	clear(s.touches)
	s.touches = s.touches[:0]
	clear(s.byID)
	clear(s.nodes)
	clear(s.edges)
	if cap(s.touches) > 100_000 {
		s.touches, s.byID = nil, make(map[entity.UUID]int32)
	}
}

// group are queries that start at the same kind of element and make the same
// moves.
type group struct {
	name  string
	edges bool
	// shape is nil for local queries.
	shape *gremlin.Shape
	index index
	n     int
	left  int // queries that left since the index was cleaned
}

// join enters a query into its group.
func (s *Set) join(f *Followed) {
	shape := f.reach.Shape()
	name := f.way.String() + shape.String()
	g := s.groups[name]
	if g == nil {
		g = &group{name: name, edges: f.reach.Start() == gremlin.KindEdges}
		g.index.edges = g.edges
		s.groups[name] = g
	}
	g.n++
	if f.group = g; f.way == gremlin.WayBounded {
		if g.shape == nil {
			g.shape = shape
		} else {
			g.shape = g.shape.Merge(shape)
		}
	}
	g.index.add(f, s.v)
}

// visit has the queries of a group look at what they may want.
func (s *Set) visit(g *group) {
	for i := range s.touches {
		if t := &s.touches[i]; t.edge == g.edges && (g.shape == nil || g.shape.Starts(&t.Touched)) {
			s.root(g, t)
		}
	}
	if g.shape == nil {
		return
	}
	s.starts = s.starts[:0]
	back := g.shape.Back(s.v, s.cfg.MaxVisits, func(start int32) { s.starts = append(s.starts, start) })
	for i := range s.touches {
		if t := &s.touches[i]; t.edge {
			back.Edge(&t.Touched, t.parent, t.child)
		} else {
			back.Node(&t.Touched)
		}
	}
	if back.Visits < 0 {
		for _, f := range s.queries {
			if f.group == g {
				s.lose(f, "too much leads to what changed")
			}
		}
		return
	}
	at := current{v: s.v, edge: g.edges}
	for _, start := range s.starts {
		s.mark++
		at.slot = start
		id := s.idOf(start, g.edges)
		g.index.find(id, &at, func(f *Followed) { s.meet(f, start, id) })
	}
}

// root has queries look at a start element that changed itself: those that may
// want it as it is, and those that may have wanted it as it was.
func (s *Set) root(g *group, t *touch) {
	s.mark++
	meet := func(f *Followed) {
		s.meet(f, t.Slot, t.id)
		if f.way != gremlin.WayLocal {
			return // its result need not hold the start
		}
		if _, ok := f.members[t.id]; ok {
			s.note(f, t.id, true)
		}
	}
	if t.Slot >= 0 {
		g.index.find(t.id, &current{v: s.v, slot: t.Slot, edge: t.edge}, meet)
	}
	if o, ok := t.old(); ok && (t.Slot < 0 || !t.detailed || g.index.tells(&t.Touched)) {
		g.index.find(t.id, &o, meet)
	}
}

// meet looks at a start element of a query again, once for each mark. The slot is
// -1 when it is gone.
func (s *Set) meet(f *Followed, slot int32, id entity.UUID) {
	if f.mark == s.mark || f.group == nil {
		return
	}
	f.mark = s.mark
	s.counts(f.way).Evaluated++
	passes := slot >= 0 && f.reach.Starts(s.v, slot)
	if f.way == gremlin.WayLocal {
		_, in := f.members[id]
		switch {
		case passes && !in:
			s.enter(f, id, f.reach.Start() == gremlin.KindEdges)
		case !passes && in:
			s.exit(f, id)
		}
		return
	}
	s.ids = s.ids[:0]
	if passes {
		if s.ids = s.from(f, slot, s.ids); s.ids == nil {
			return
		}
	}
	old := f.given[id]
	if slices.Equal(old, s.ids) {
		return
	}
	s.replace(f, old, s.ids)
	if len(s.ids) == 0 {
		delete(f.given, id)
	} else {
		f.given[id] = slices.Clone(s.ids)
	}
}

// from gives the IDs of what a start element gives, sorted; nil when that is too
// much to be worked out.
func (s *Set) from(f *Followed, slot int32, out []entity.UUID) []entity.UUID {
	visits := s.cfg.MaxVisits
	s.slots = f.reach.From(s.v, slot, &visits, s.slots[:0])
	if visits < 0 {
		s.lose(f, "too much is reached from one start")
		return nil
	}
	edges := f.reach.Kind == gremlin.KindEdges
	for _, slot := range s.slots {
		out = append(out, s.idOf(slot, edges))
	}
	slices.SortFunc(out, compareIDs)
	if out == nil {
		out = []entity.UUID{}
	}
	return out
}

func compareIDs(a, b entity.UUID) int { return bytes.Compare(a[:], b[:]) }

// replace changes what one start gives; both lists are sorted.
func (s *Set) replace(f *Followed, old, now []entity.UUID) {
	edges := f.reach.Kind == gremlin.KindEdges
	for len(old) > 0 || len(now) > 0 {
		order := 0
		switch {
		case len(old) == 0:
			order = 1
		case len(now) == 0:
			order = -1
		default:
			order = compareIDs(old[0], now[0])
		}
		switch {
		case order > 0:
			s.enter(f, now[0], edges)
			now = now[1:]
		case order < 0:
			s.exit(f, old[0])
			old = old[1:]
		default:
			old, now = old[1:], now[1:]
		}
	}
}

// enter notes that one more start gives an element.
func (s *Set) enter(f *Followed, id entity.UUID, edge bool) {
	m, ok := f.members[id]
	if !ok {
		s.note(f, id, false)
		s.hold(f, id)
		s.total++
	}
	f.members[id] = member{m.n + 1, edge}
}

// exit notes that one start less gives an element.
func (s *Set) exit(f *Followed, id entity.UUID) {
	m := f.members[id]
	if m.n--; m.n > 0 {
		f.members[id] = m
		return
	}
	s.note(f, id, true)
	s.unhold(f, id)
	delete(f.members, id)
	s.total--
}

// note remembers that an element may have changed, and whether it was in the
// result when it did first.
func (s *Set) note(f *Followed, id entity.UUID, was bool) {
	if len(f.delta) == 0 {
		s.altered = append(s.altered, f)
	}
	if _, ok := f.delta[id]; !ok {
		f.delta[id] = was
	}
}

// notice tells those whose results hold what changed, and those that are global.
func (s *Set) notice(before uint64) {
	for i := range s.touches {
		t := &s.touches[i]
		due := t.last.Revision
		if t.last.IsMark() || due <= before {
			due = s.revision + 1 // a view may have shown it before, or not
		}
		for _, f := range s.holders[t.id] {
			if f.way == gremlin.WayBounded {
				s.note(f, t.id, true)
				continue
			}
			f.dirtied(due)
			if f.since == nil {
				f.since = make(map[entity.UUID]*graph.Change)
			}
			if f.since[t.id] = nil; t.Slot < 0 {
				c := *t.last
				f.since[t.id] = &c
			}
		}
		if s.stats.Global.Queries == 0 {
			continue
		}
		for _, f := range s.anyKey {
			f.dirtied(due)
		}
		if t.Whole {
			for _, f := range s.wishes[""] {
				f.dirtied(due)
			}
			continue
		}
		for _, key := range t.Keys {
			for _, f := range s.wishes[key] {
				f.dirtied(due)
			}
		}
	}
}

// dirtied notes that a global query has to know of a revision.
func (f *Followed) dirtied(revision uint64) {
	if revision > f.revision {
		f.dirty = max(f.dirty, revision)
	}
}

// flush makes changes of what is noted about a query.
func (s *Set) flush(f *Followed) []graph.Change {
	out := make([]graph.Change, 0, len(f.delta))
	for id, was := range f.delta {
		m, is := f.members[id]
		n, touched := s.byID[id]
		if !was && !is || was && is && !touched {
			continue
		}
		edge := m.edge
		if !is {
			edge = f.reach.Kind == gremlin.KindEdges
		}
		var t *touch
		if touched {
			t = &s.touches[n]
		}
		out = append(out, s.change(id, edge, was, is, t))
	}
	sortChanges(out)
	return out
}

// change makes the change of one element of a result; t is nil when it did not
// change itself.
func (s *Set) change(id entity.UUID, edge, was, is bool, t *touch) graph.Change {
	c := graph.Change{Op: graph.NodeUpdated, Revision: s.revision, At: s.at}
	switch {
	case !was:
		c.Op = graph.NodeAdded
	case !is:
		c.Op = graph.NodeDeleted
	}
	if edge {
		c.Op += graph.EdgeAdded - graph.NodeAdded
	}
	if t != nil {
		c.Revision, c.At = t.last.Revision, t.last.At
		if c.Op != graph.NodeAdded && c.Op != graph.EdgeAdded {
			c.OldNode, c.OldEdge = t.first.OldNode, t.first.OldEdge
		}
		c.Node, c.Edge = t.last.Node, t.last.Edge
		return c
	}
	if edge {
		c.Edge = s.edge(id)
	} else {
		c.Node = s.node(id)
	}
	switch c.Op {
	case graph.NodeDeleted, graph.EdgeDeleted:
		c.OldNode, c.OldEdge = c.Node, c.Edge
	case graph.NodeUpdated:
		c.At = c.Node.UpdatedAt
	case graph.EdgeUpdated:
		c.At = c.Edge.UpdatedAt
	}
	return c
}

// node returns the node with an ID as it is now; when it is gone, nothing but
// the ID.
func (s *Set) node(id entity.UUID) *graph.Node {
	slot := s.v.NodeSlot(id)
	if slot < 0 {
		return &graph.Node{ID: id}
	}
	n := s.nodes[slot]
	if n == nil {
		n = s.v.NodeAt(slot)
		s.nodes[slot] = n
	}
	return n
}

func (s *Set) edge(id entity.UUID) *graph.Edge {
	slot := s.v.EdgeSlot(id)
	if slot < 0 {
		return &graph.Edge{ID: id}
	}
	e := s.edges[slot]
	if e == nil {
		e = s.v.EdgeAt(slot)
		s.edges[slot] = e
	}
	return e
}

func (s *Set) idOf(slot int32, edge bool) entity.UUID {
	if edge {
		return s.v.EdgeID(slot)
	}
	return s.v.NodeID(slot)
}

// sortChanges puts changes into an order in which the ends of an edge are there
// as long as it is.
func sortChanges(out []graph.Change) {
	rank := func(c *graph.Change) int {
		switch c.Op {
		case graph.EdgeDeleted:
			return 0
		case graph.NodeDeleted:
			return 1
		case graph.NodeAdded, graph.NodeUpdated:
			return 2
		default:
			return 3
		}
	}
	slices.SortFunc(out, func(a, b graph.Change) int {
		if d := cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(a.Revision, b.Revision)); d != 0 {
			return d
		}
		x, _ := elementOf(&a)
		y, _ := elementOf(&b)
		return compareIDs(x, y)
	})
}
