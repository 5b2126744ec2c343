package graph

import (
	"slices"

	"github.com/skein-net/skein/topologyd/join"
)

// touched is a key of a row whose entities on either side are others than before
// the call, and how many pairs it had.
type touched struct {
	row    *joinRow
	hash   uint64
	before int
}

// transfer is an entity that leaves a node or joins one.
type transfer struct {
	slot int32
	to   hook // node is noSlot: it is a node itself
}

// rejoin does what follows from the table of joins after the attributes of an
// entity changed: had are the keys that it had before.
func (g *Graph) rejoin(slot int32, had []sideKey, at int64) {
	moves := g.rekey(slot, had, at)
	g.leave(moves, at)
	g.enter(moves, noSlot, at)
	g.busy = noSlot
	g.renewTID(slot, at) // a row may have made or taken its owner
}

// rekey enters an entity under the keys that it has now, renews the edges that
// rows make, and tells who has to move.
func (g *Graph) rekey(slot int32, had []sideKey, at int64) []transfer {
	var room [16]sideKey
	has := g.keysOf(slot, room[:0])
	if slices.Equal(had, has) {
		return nil
	}
	j := &g.joins
	j.touched, j.moving, j.entered = j.touched[:0], slot, append(j.entered[:0], had...)
	for _, k := range had {
		if !slices.Contains(has, k) {
			g.noteTouched(k)
			g.leaveGroup(k.side, k.hash, slot)
			j.entered = slices.DeleteFunc(j.entered, func(x sideKey) bool { return x == k })
		}
	}
	for _, k := range has {
		if !slices.Contains(had, k) {
			g.noteTouched(k)
			g.enterGroup(k.side, k.hash, slot)
			j.entered = append(j.entered, k)
		}
	}
	j.moving = noSlot
	for _, k := range had {
		if !slices.Contains(has, k) {
			g.disturb(k, slot)
		}
	}
	for _, k := range has {
		if !slices.Contains(had, k) {
			g.disturb(k, slot)
		}
	}
	var pairs []pair
	for _, t := range j.touched {
		g.count(&t)
		if t.row.row.Kind == join.Edge {
			pairs = g.touchedPairs(&t, slot, pairs)
		} else {
			g.disturbGroup(t.row, t.hash)
			g.disturbTarget(t.row, slot) // which may have lost the key
		}
	}
	g.renew(pairs, at)
	return g.decideMoves()
}

// noteTouched notes the rows of which a key is about to get or lose an entity.
func (g *Graph) noteTouched(k sideKey) {
	j := &g.joins
	for _, r := range k.side.uses {
		if other := r.other(k.side); other.groups.terms.used == 0 || g.groupSize(other, k.hash) == 0 {
			continue
		}
		if !slices.ContainsFunc(j.touched, func(t touched) bool { return t.row == r && t.hash == k.hash }) {
			j.touched = append(j.touched, touched{r, k.hash, g.pairs(r, k.hash)})
		}
	}
}

func (r *joinRow) other(s *joinSide) *joinSide {
	if s.isTo {
		return r.from
	}
	return r.to
}

func (g *Graph) groupSize(s *joinSide, hash uint64) int {
	set := g.group(s, hash)
	return int(set.n)
}

// pairs returns how many pairs of entities a key of a row connects.
func (g *Graph) pairs(r *joinRow, hash uint64) int {
	n := g.groupSize(r.to, hash)
	if n == 0 {
		return 0
	}
	return n * g.groupSize(r.from, hash)
}

// count brings the counters of a row up to date after a key of it changed.
func (g *Graph) count(t *touched) {
	after := g.pairs(t.row, t.hash)
	if t.row.row.Kind == join.Same {
		t.row.ambiguous += above(after, 1) - above(t.before, 1)
	} else {
		t.row.tooMany += above(after, maxPairs) - above(t.before, maxPairs)
	}
}

func above(n, limit int) int {
	if n > limit {
		return 1
	}
	return 0
}

// rename notes that a member is one by another row.
func (g *Graph) rename(slot int32, h hook) {
	for name, n := range map[string]int{g.joins.hooks[slot].row: -1, h.row: 1} {
		if r := g.joins.rows[name]; r != nil {
			r.pairs += n
		}
	}
	g.joins.hooks[slot] = h
	g.reflag(slot)
	g.reflag(h.node)
	g.refreshLater(h.node)
}

// leave takes those who move away from the nodes that they had joined.
func (g *Graph) leave(moves []transfer, at int64) {
	for _, m := range moves {
		if g.isHooked(m.slot) {
			g.unhook(m.slot, at)
		}
	}
}

// enter has those who move join their nodes, or be nodes themselves, apart from
// one who is gone.
func (g *Graph) enter(moves []transfer, gone int32, at int64) {
	for _, m := range moves {
		if m.to.node < 0 && m.slot != gone && !g.t.hasNode(m.slot) {
			g.show(m.slot, at)
		}
	}
	for _, m := range moves {
		if m.to.node >= 0 {
			g.hookTo(m.slot, m.to, at)
		}
	}
}

// evaluateRow does what a new row says of all entities: it makes edges, or has
// entities matched anew.
func (g *Graph) evaluateRow(r *joinRow, at int64) {
	if r.from.groups.terms.used == 0 || r.to.groups.terms.used == 0 {
		return
	}
	seen := make(map[uint64]struct{})
	var edges []pair
	for slot := range g.t.nodes.n {
		if !g.t.hasEntity(slot) {
			continue
		}
		for _, hash := range g.hashesOf(slot, r.to, nil) {
			if _, again := seen[hash]; again {
				continue
			}
			t := touched{row: r, hash: hash}
			if seen[hash] = struct{}{}; g.pairs(r, hash) == 0 {
				continue
			}
			g.count(&t)
			if r.row.Kind == join.Same {
				g.disturbGroup(r, hash)
			} else if g.pairs(r, hash) <= maxPairs {
				edges = g.groupPairs(r, hash, edges)
			}
		}
	}
	g.renew(edges, at)
}
