package graph

import (
	"slices"

	"github.com/skein-net/skein/topologyd/join"
)

// This file is which entities rows of kind same match, see [joins].

// disturb has an entity matched anew after it got or lost a key of a side To.
func (g *Graph) disturb(k sideKey, slot int32) {
	if k.side.isTo && slices.ContainsFunc(k.side.uses, func(r *joinRow) bool { return r.row.Kind == join.Same }) {
		g.joins.dirty[slot] = struct{}{}
	}
}

// disturbGroup has all be matched anew to whom it may matter that a key of a row
// got or lost an entity.
func (g *Graph) disturbGroup(r *joinRow, hash uint64) {
	from, to := g.group(r.from, hash), g.group(r.to, hash)
	if from.n > 2 || to.n > 2 { // it was not one to one, and is not
		return
	}
	for a := range from.all {
		g.disturbTarget(r, a)
	}
	for b := range to.all {
		g.joins.dirty[b] = struct{}{}
	}
}

// disturbTarget has all be matched anew that a row matched, or may match, with an
// entity.
func (g *Graph) disturbTarget(r *joinRow, slot int32) {
	for _, b := range g.joins.suitors[slot] {
		g.joins.dirty[b] = struct{}{}
	}
	var room [4]uint64
	for _, hash := range g.hashesOf(slot, r.from, room[:0]) {
		if b := g.partner(r, r.to, hash); b >= 0 {
			g.joins.dirty[b] = struct{}{}
		}
	}
}

// partner returns the entity on one side of a row that has a key, when there is
// but one on either side; -1 otherwise.
func (g *Graph) partner(r *joinRow, s *joinSide, hash uint64) int32 {
	set := g.group(s, hash)
	if set.n != 1 || g.groupSize(r.other(s), hash) != 1 {
		return noSlot
	}
	return set.one()
}

// matchOf returns the entity that a row matches with one of its side To; -1 when
// there is none.
func (g *Graph) matchOf(r *joinRow, b int32) int32 {
	only := func(slot int32, mine, theirs *joinSide) int32 {
		found := int32(noSlot)
		var room [4]uint64
		for _, hash := range g.hashesOf(slot, mine, room[:0]) {
			switch x := g.partner(r, theirs, hash); {
			case x < 0 || x == slot || x == found:
			case found >= 0:
				return noSlot
			default:
				found = x
			}
		}
		return found
	}
	a := only(b, r.to, r.from)
	if a < 0 || only(a, r.from, r.to) != b {
		return noSlot
	}
	return a
}

// candOf returns what an entity is matched with.
func (g *Graph) candOf(b int32) (cand, bool) {
	if b == g.joins.gone {
		return cand{}, false
	}
	typ, _ := g.t.identity(b)
	for _, r := range g.joins.same {
		if r.row.To.Entity != typ {
			continue
		}
		if a := g.matchOf(r, b); a >= 0 {
			return cand{a, r}, true
		}
	}
	return cand{}, false
}

// decideMoves matches those anew that are dirty, and tells who has to move, in the
// order of their IDs.
func (g *Graph) decideMoves() []transfer {
	j := &g.joins
	if len(j.dirty) == 0 {
		return nil
	}
	affected := make([]int32, 0, len(j.dirty))
	for b := range j.dirty {
		affected = append(affected, b)
	}
	clear(j.dirty)
	for _, b := range affected[:len(affected):len(affected)] {
		was, had := j.cands[b]
		c, has := g.candOf(b)
		if had && (!has || was.with != c.with) {
			list := j.suitors[was.with]
			if list = slices.DeleteFunc(list, func(x int32) bool { return x == b }); len(list) == 0 {
				delete(j.suitors, was.with)
			} else {
				j.suitors[was.with] = list
			}
		}
		if has && (!had || was.with != c.with) {
			j.suitors[c.with] = append(j.suitors[c.with], b)
		}
		if has {
			j.cands[b] = c
		} else {
			delete(j.cands, b)
		}
		if has != had { // whoever would join it may now, or may not
			affected = append(affected, j.suitors[b]...)
		}
	}
	slices.SortFunc(affected, g.compareEmitters)
	var moves []transfer
	for _, b := range slices.Compact(affected) {
		to := hook{node: noSlot}
		if c, has := j.cands[b]; has {
			if _, taken := j.cands[c.with]; !taken {
				to = hook{c.with, c.row.row.Name}
			}
		}
		h, hooked := j.hooks[b]
		switch {
		case hooked && to == h, !hooked && to.node < 0:
		case hooked && to.node == h.node:
			g.rename(b, to)
		default:
			moves = append(moves, transfer{b, to})
		}
	}
	return moves
}
