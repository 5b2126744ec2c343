package graph

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// pair is two entities that have a key of a row in common, or had.
type pair struct {
	row      *joinRow
	from, to int32
}

// comparePairs orders pairs by the names of the rows and the IDs of the entities.
func (g *Graph) comparePairs(a, b pair) int {
	if a.row != b.row {
		return strings.Compare(a.row.row.Name, b.row.row.Name)
	}
	return cmp.Or(g.compareEmitters(a.from, b.from), g.compareEmitters(a.to, b.to))
}

// groupPairs appends the pairs that a key of a row connects.
func (g *Graph) groupPairs(r *joinRow, hash uint64, out []pair) []pair {
	from, to := g.group(r.from, hash), g.group(r.to, hash)
	for f := range from.all {
		for t := range to.all {
			out = append(out, pair{r, f, t})
		}
	}
	return out
}

// touchedPairs appends the pairs of a key that may have another edge after an
// entity got or lost it.
func (g *Graph) touchedPairs(c *touched, slot int32, out []pair) []pair {
	r := c.row
	had, has := c.before, g.pairs(r, c.hash)
	if (had == 0 || had > maxPairs) && (has == 0 || has > maxPairs) {
		return out // there were no edges, and there are none
	}
	from, to := g.group(r.from, c.hash), g.group(r.to, c.hash)
	for f := range from.all {
		out = append(out, pair{r, f, slot})
	}
	for t := range to.all {
		out = append(out, pair{r, slot, t})
	}
	if had > maxPairs || has > maxPairs {
		out = g.groupPairs(r, c.hash, out)
	}
	return out
}

// renew renews the edges of pairs, in an order that is the same in all replicas.
func (g *Graph) renew(list []pair, at int64) {
	slices.SortFunc(list, g.comparePairs)
	for _, p := range slices.Compact(list) {
		g.renewPair(p.row, p.from, p.to, at)
	}
}

// renewPairs renews the edges that rows make of an entity and others.
func (g *Graph) renewPairs(slot int32, at int64) {
	if g.joins.edges == 0 {
		return
	}
	var list []pair
	for _, k := range g.keysOf(slot, nil) {
		for _, r := range k.side.uses {
			if r.row.Kind != join.Edge || g.pairs(r, k.hash) > maxPairs {
				continue
			}
			others := g.group(r.other(k.side), k.hash)
			for o := range others.all {
				if k.side.isTo {
					list = append(list, pair{r, o, slot})
				} else {
					list = append(list, pair{r, slot, o})
				}
			}
		}
	}
	g.renew(list, at)
}

// renewPair brings the evidence that two entities are for an edge in line with
// the keys that they have. Of the entities of one node each may be the reason for
// it.
func (g *Graph) renewPair(r *joinRow, from, to int32, at int64) {
	if from == to {
		return
	}
	if r.row.Symmetric && g.compareEmitters(from, to) > 0 {
		from, to = to, from
	}
	l := located{parent: g.t.nodeOf(from), child: g.t.nodeOf(to)}
	if l.parent < 0 || l.child < 0 || l.parent == l.child {
		return
	}
	said := false
	for _, x := range g.entities(l.parent, nil) {
		if r.row.Symmetric && g.compareEmitters(x, to) > 0 {
			continue
		}
		if said = g.claims(r, x, to); said {
			break
		}
	}
	p, c := g.t.nodeID(l.parent), g.t.nodeID(l.child)
	if r.row.Symmetric && smaller(c, p) {
		l.parent, l.child, p, c = l.child, l.parent, c, p
	}
	l.id = entity.EdgeID(p, c, r.row.Relation)
	if said {
		g.support(l, r.row.Relation, r.attrs, to, r.source, at)
	} else {
		g.removeEvidence(l.id, to, r.source, at)
	}
}

// claims tells whether a row makes an edge of two entities.
func (g *Graph) claims(r *joinRow, from, to int32) bool {
	if from == to || from == g.joins.leaving || to == g.joins.leaving {
		return false
	}
	return g.common(r, from, to) != 0 || r.row.Symmetric && g.common(r, to, from) != 0
}

// reasons yields the pairs of entities, of the side From and of the side To, of
// which a row makes evidence for an edge: to is the entity that the evidence is of.
func (g *Graph) reasons(r *joinRow, e, to int32) iter.Seq2[int32, int32] {
	return func(yield func(from, to int32) bool) {
		link := g.t.links.at(e)
		other := link.parent
		if g.t.nodeOf(to) == other {
			other = link.child
		}
		for _, x := range g.entities(other, nil) {
			if r == nil || r.row.Symmetric && g.compareEmitters(x, to) > 0 {
				continue
			}
			if g.common(r, x, to) != 0 && !yield(x, to) {
				return
			}
			if r.row.Symmetric && g.common(r, to, x) != 0 && !yield(to, x) {
				return
			}
		}
	}
}

// common returns a key of a row that two entities have in common, 0 when there is
// none that counts.
func (g *Graph) common(r *joinRow, from, to int32) uint64 {
	var room, more [4]uint64
	mine := g.hashesOf(from, r.from, room[:0])
	if len(mine) == 0 {
		return 0
	}
	for _, hash := range g.hashesOf(to, r.to, more[:0]) {
		if slices.Contains(mine, hash) && g.pairs(r, hash) <= maxPairs {
			return hash
		}
	}
	return 0
}

// dropRowEdges takes away what a row made of all entities.
func (g *Graph) dropRowEdges(r *joinRow, at int64) {
	number, held := g.names.numbers[r.source]
	if !held {
		return
	}
	var list []int32
	for e := range g.t.edges.n {
		if g.t.links.at(e).relation == 0 {
			continue
		}
		if slices.ContainsFunc(g.evidenceOf(e), func(ev evidence) bool { return ev.source == number }) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, g.compareEdges)
	for _, e := range list {
		id := g.t.edges.at(e).id
		for _, ev := range slices.Clone(g.evidenceOf(e)) {
			if ev.source == number {
				g.removeEvidence(id, ev.emitter, r.source, at)
			}
		}
	}
}

// countPair counts evidence that a row is.
func (g *Graph) countPair(source string, n int) {
	if g.joins.edges == 0 || !isJoinSource(source) {
		return
	}
	if r := g.joins.rows[source[len(entity.SourceJoinPrefix):]]; r != nil {
		r.pairs += n
	}
}
