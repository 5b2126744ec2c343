package graph

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// joins are the table of joins and what follows from it. They are the writer's
// alone.
//
// Which entities match follows from their content and the table alone: a row of
// kind same matches A of its side From and B of its side To when there is a key
// that nobody else has on either side, B has no such key in common with another A,
// nor A with another B. B joins A by the first row that matches it, unless A
// itself is matched by a row. A row of kind edge makes an edge of every pair with
// a key in common, apart from keys that too many pairs have.
type joins struct {
	rows map[string]*joinRow
	same []*joinRow // of kind same, by priority and name
	// edges is the number of rows of kind edge.
	edges int
	// looks are the sides that look at entities of a type.
	looks map[string][]*joinSide
	// mentioned remembers which attributes the sides may look at.
	mentioned map[mention]bool
	// hooks say which entities joined which nodes, members the reverse, in the
	// order of their IDs.
	hooks   map[int32]hook
	members map[int32][]int32
	// cands are the entities that a row matches, whether they may join or not, and
	// with what; suitors the reverse, in no order.
	cands   map[int32]cand
	suitors map[int32][]int32

	// Of the call that is under way:
	gone, leaving int32 // entities that are not taken into account any more
	// moving is the one whose keys change just now, entered those under which it is
	// found at the moment.
	moving  int32
	entered []sideKey
	touched []touched
	dirty   map[int32]struct{} // entities to be matched anew
	keys    [][]string
	look    joinEntity
}

// joinRow is one row with its sides.
type joinRow struct {
	row       *join.Row
	text      string
	time      int64 // of the event, as the log has it
	heard     int64 // of the newest event, logged or not
	seen      int64 // when that was, on the daemon's clock
	source    string
	attrs     entity.Attrs
	from, to  *joinSide
	pairs     int // members, or evidence for edges
	ambiguous int // keys of kind same that match but are not one to one
	tooMany   int // keys of kind edge that too many pairs have
}

// joinSide is what one side of a row looks at, or the same side of several rows.
type joinSide struct {
	side   join.Side
	spec   string
	isTo   bool
	uses   []*joinRow
	groups groups
}

// cand is what an entity is matched with, and by which row.
type cand struct {
	with int32
	row  *joinRow
}

// maxPairs is how many pairs of entities a key of a row may connect.
const maxPairs = 1024

func newJoins() joins {
	return joins{
		rows: make(map[string]*joinRow), looks: make(map[string][]*joinSide), mentioned: make(map[mention]bool),
		hooks: make(map[int32]hook), members: make(map[int32][]int32),
		cands: make(map[int32]cand), suitors: make(map[int32][]int32),
		gone: noSlot, leaving: noSlot, moving: noSlot, dirty: make(map[int32]struct{}),
	}
}

// looksAt tells whether a row looks at entities of a type.
func (j *joins) looksAt(typ string) bool { return len(j.looks) > 0 && len(j.looks[typ]) > 0 }

// isJoinSource reports whether a source is a row of the table.
func isJoinSource(source string) bool { return strings.HasPrefix(source, entity.SourceJoinPrefix) }

// changeRow replaces a row of the table by another of the same name, or nil by a
// new one, or one by nil, and does what follows from it.
func (g *Graph) changeRow(old, row *joinRow, at int64) {
	j := &g.joins
	if old != nil && row != nil && sameJoin(old.row, row.row) {
		old.row, old.text, old.time, old.heard, old.seen = row.row, row.text, row.time, row.heard, row.seen
		g.publishRows()
		return
	}
	clear(j.mentioned)
	if old != nil {
		g.takeRow(old, at)
	}
	if row != nil {
		row.source = entity.SourceJoinPrefix + row.row.Name
		for key, value := range row.row.Attributes {
			row.attrs = append(row.attrs, entity.A(key, entity.String(value)))
		}
		row.attrs = row.attrs.Normalize()
		j.rows[row.row.Name] = row
		for _, h := range j.hooks { // what is preferred may be another; who leaves is counted out
			if h.row == row.row.Name {
				row.pairs++
				g.refreshLater(h.node)
			}
		}
		row.from, row.to = g.sideFor(&row.row.From, false, row), g.sideFor(&row.row.To, true, row)
		if row.row.Kind == join.Same {
			j.same = append(j.same, row)
			slices.SortFunc(j.same, func(a, b *joinRow) int {
				return cmp.Or(cmp.Compare(a.row.Priority, b.row.Priority), strings.Compare(a.row.Name, b.row.Name))
			})
		} else {
			j.edges++
		}
		g.evaluateRow(row, at)
	}
	g.publishRows()
	moves := g.decideMoves()
	g.leave(moves, at)
	g.enter(moves, noSlot, at)
	g.refreshNow(at)
}

// sameJoin tells whether two rows do the same.
func sameJoin(a, b *join.Row) bool {
	x, y := *a, *b
	x.Description, y.Description = "", ""
	return x.JSON() == y.JSON()
}

// takeRow takes a row out of the table, with the edges that it made. Entities
// that it matched are dirty.
func (g *Graph) takeRow(r *joinRow, at int64) {
	j := &g.joins
	delete(j.rows, r.row.Name)
	for _, s := range [...]*joinSide{r.from, r.to} {
		s.uses = slices.DeleteFunc(s.uses, func(x *joinRow) bool { return x == r })
		if len(s.uses) == 0 {
			typ := s.side.Entity
			j.looks[typ] = slices.DeleteFunc(j.looks[typ], func(x *joinSide) bool { return x == s })
			if len(j.looks[typ]) == 0 {
				delete(j.looks, typ)
			}
		}
	}
	if r.row.Kind == join.Same {
		j.same = slices.DeleteFunc(j.same, func(x *joinRow) bool { return x == r })
		for slot, c := range j.cands {
			if c.row == r {
				j.dirty[slot] = struct{}{}
			}
		}
		return
	}
	j.edges--
	g.dropRowEdges(r, at)
}

// sideFor returns the side of a row: one that is there already, or a new one with
// all that it looks at.
func (g *Graph) sideFor(side *join.Side, isTo bool, r *joinRow) *joinSide {
	text, _ := json.Marshal(side) // strings only: it cannot fail
	for _, s := range g.joins.looks[side.Entity] {
		if s.isTo == isTo && s.spec == string(text) {
			s.uses = append(s.uses, r)
			return s
		}
	}
	s := &joinSide{side: *side, spec: string(text), isTo: isTo, uses: []*joinRow{r}}
	g.joins.looks[side.Entity] = append(g.joins.looks[side.Entity], s)
	for slot := range g.t.nodes.n {
		if g.t.hasEntity(slot) {
			for _, hash := range g.hashesOf(slot, s, nil) {
				g.enterGroup(s, hash, slot)
			}
		}
	}
	return s
}

// JoinState is a row of the table of joins as the log has it.
type JoinState struct {
	Name, Row string
	Time      int64 // of the event, Unix nanoseconds
}

// publishRows has the next view show the table.
func (g *Graph) publishRows() {
	list := make([]JoinState, 0, len(g.joins.rows))
	for name, r := range g.joins.rows {
		list = append(list, JoinState{name, r.text, r.time})
	}
	slices.SortFunc(list, func(a, b JoinState) int { return strings.Compare(a.Name, b.Name) })
	g.t.joins = list
	g.view = nil
}

// JoinStates returns the table of joins, by name. It must not be changed.
func (v *View) JoinStates() []JoinState { return v.t.joins }

// RestoreJoins puts the table of joins back into a graph that is being filled
// from a snapshot, best before its nodes. Rows that cannot be used are left out
// and counted.
func (g *Graph) RestoreJoins(list []JoinState, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begin(nil)
	for _, s := range list {
		row, err := join.Parse([]byte(s.Row))
		if err != nil || row.Name != s.Name {
			g.stats.JoinsRefused++
			continue
		}
		g.changeRow(g.joins.rows[s.Name], &joinRow{row: row, text: s.Row, time: s.Time, heard: s.Time, seen: now.UnixNano()}, milliseconds(s.Time))
	}
	g.out = nil
}
