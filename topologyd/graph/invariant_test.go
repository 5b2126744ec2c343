package graph

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// checkTables looks whether what a graph keeps of one thing in several places
// agrees: names and who holds them, facets and their heartbeats, assertions and
// the evidence or the waiting that they are.
func checkTables(t *testing.T, g *Graph) {
	refs := make([]uint32, len(g.names.refs))
	facets, stale, lines, dangling := 0, 0, 0, 0
	for slot := range g.t.heads.n {
		if !g.t.hasEntity(slot) {
			require.Empty(t, g.live.of(slot))
			require.Equal(t, nodeRec{}, *g.t.nodes.at(slot))
			continue
		}
		list := g.t.facets(slot, nil)
		refs[g.t.nodes.at(slot).origin]++
		require.Equal(t, slot, g.t.findEntity(g.t.nodeID(slot)))
		require.Equal(t, g.t.nodeID(slot), g.t.ref(slot).UUID())
		checkMembers(t, g, slot, list)
		live := g.live.of(slot)
		require.Len(t, live, len(list))
		for i := range list {
			facets++
			require.Equal(t, seconds(list[i].interval), live[i].interval)
			require.Equal(t, list[i].source, g.t.sourceOf(slot, i))
			found, made := g.t.findFacet(slot, list[i].source)
			require.Equal(t, i, found)
			require.Equal(t, list[i].time, made)
			if live[i].stale {
				stale++
			}
			if live[i].line != 0 {
				lines++
				at, facet := g.live.findLine(live[i].line)
				require.Equal(t, live[i].line, g.live.of(at)[facet].line)
			}
			for _, a := range g.t.assertions(list[i].edges, g.t.nodeID(slot), nil) {
				checkAsserted(t, g, slot, list[i].source, &a)
			}
		}
	}
	extras, staleEdges := 0, 0
	for e := range g.t.links.n {
		if g.t.links.at(e).relation == 0 {
			require.Equal(t, edgeRec{}, *g.t.edges.at(e))
			continue
		}
		rec := g.t.edges.at(e)
		refs[rec.host]++
		refs[rec.origin]++
		for _, ev := range g.evidenceOf(e) {
			refs[ev.source]++
			i, _ := g.t.findFacet(ev.emitter, g.t.name(ev.source))
			if !isJoinSource(g.t.name(ev.source)) {
				require.GreaterOrEqual(t, i, 0, "evidence of a facet that is gone")
			}
		}
		if rec.extra != 0 {
			extras++
		}
		if rec.stale {
			staleEdges++
		}
	}
	for _, w := range g.dangling {
		dangling += w.len()
		for _, d := range w.few {
			refs[d.source]++
		}
		for d := range w.many {
			refs[d.source]++
		}
	}
	if len(refs) > 0 {
		refs[0] = 0
	}
	require.Equal(t, refs, append([]uint32{}, g.names.refs...)[:len(refs)])
	require.Len(t, g.freeExtras, int(g.t.extras.n)-extras)
	require.Equal(t, staleEdges, g.staleEdges)
	require.EqualValues(t, lines, g.live.lines.used)
	s := g.Stats()
	require.Equal(t, []int{facets, stale, dangling}, []int{s.Facets, s.Stale, s.Dangling})
}

// checkMembers looks whether an entity and the node that shows it know each other.
func checkMembers(t *testing.T, g *Graph, slot int32, list []packedFacet) {
	rec := g.t.nodes.at(slot)
	h, joined := g.joins.hooks[slot]
	require.Equal(t, !joined, g.t.hasNode(slot))
	require.Equal(t, joined, rec.size&nodeJoined != 0)
	if joined {
		require.True(t, g.t.hasNode(h.node))
		require.Equal(t, h.node, g.t.nodeOf(slot))
		require.Contains(t, g.t.members(h.node, nil), member{slot, h.row})
		require.Equal(t, nodeHead{}, *g.t.heads.at(slot))
		require.Zero(t, rec.origin)
		require.Empty(t, g.joins.members[slot])
		require.Zero(t, rec.size&nodeHosts)
		return
	}
	require.Equal(t, len(g.joins.members[slot]) > 0, rec.size&nodeHosts != 0)
	require.Len(t, g.t.members(slot, nil), len(g.joins.members[slot]))
	sources := strings.Split(originOf(list), ",")
	for _, m := range g.t.members(slot, nil) {
		require.Equal(t, hook{slot, m.row}, g.joins.hooks[m.slot])
		for _, f := range g.t.facets(m.slot, nil) {
			sources = append(sources, f.source)
		}
	}
	slices.Sort(sources)
	require.Equal(t, strings.Join(slices.Compact(sources), ","), g.t.name(rec.origin))
}

// checkJoins looks whether the index of keys holds what the entities say, and
// whether nothing is left from the call before.
func checkJoins(t *testing.T, g *Graph) {
	j := &g.joins
	require.Empty(t, j.dirty)
	require.Equal(t, []int32{noSlot, noSlot, noSlot}, []int32{j.gone, j.leaving, j.moving})
	seen := map[*joinSide]bool{}
	for typ, sides := range j.looks {
		for _, s := range sides {
			require.Equal(t, typ, s.side.Entity)
			require.NotEmpty(t, s.uses)
			seen[s] = true
			want := map[uint64][]int32{}
			for slot := range g.t.nodes.n {
				if g.t.hasEntity(slot) {
					for _, hash := range g.hashesOf(slot, s, nil) {
						want[hash] = append(want[hash], slot)
					}
				}
			}
			cells := 0
			for hash, slots := range want {
				set := g.group(s, hash)
				require.Equal(t, slots, slices.Collect(set.all))
				cells++
			}
			require.EqualValues(t, cells, s.groups.terms.used)
		}
	}
	pairs := map[string]int{}
	for e := range g.t.links.n {
		if g.t.links.at(e).relation == 0 {
			continue
		}
		for _, ev := range g.evidenceOf(e) {
			if name := g.t.name(ev.source); isJoinSource(name) {
				pairs[name]++
			}
		}
	}
	for _, h := range j.hooks {
		pairs[entity.SourceJoinPrefix+h.row]++
	}
	for name, r := range j.rows {
		require.Equal(t, name, r.row.Name)
		require.True(t, seen[r.from] && seen[r.to])
		require.Equal(t, pairs[r.source], r.pairs, name)
		counts := map[uint64]bool{}
		ambiguous, tooMany := 0, 0
		for slot := range g.t.nodes.n {
			if !g.t.hasEntity(slot) {
				continue
			}
			for _, hash := range g.hashesOf(slot, r.to, nil) {
				if n := g.pairs(r, hash); !counts[hash] {
					counts[hash] = true
					ambiguous, tooMany = ambiguous+above(n, 1), tooMany+above(n, maxPairs)
				}
			}
		}
		if r.row.Kind == "same" {
			require.Equal(t, ambiguous, r.ambiguous, name)
		} else {
			require.Equal(t, tooMany, r.tooMany, name)
		}
	}
	suitors := 0
	for slot, c := range j.cands {
		require.True(t, g.t.hasEntity(slot) && g.t.hasEntity(c.with))
		require.Contains(t, j.suitors[c.with], slot)
	}
	for _, list := range j.suitors {
		suitors += len(list)
	}
	require.Len(t, j.cands, suitors)
}

// checkAsserted looks whether an assertion is evidence, or waits.
func checkAsserted(t *testing.T, g *Graph, slot int32, source string, a *packedAssertion) {
	edge := a.edge()
	l := g.locate(&edge, a.both)
	if e := g.t.findEdge(l.id); e >= 0 && l.ok() {
		i, found := g.findEvidence(g.evidenceOf(e), slot, source)
		require.True(t, found, "an assertion is no evidence")
		if len(g.joins.hooks) > 0 { // perhaps of another assertion of the same edge
			return
		}
		require.True(t, g.t.dict.Equal(g.evidenceOf(e)[i].attrs, g.t.dict.Attrs(a.attrs)))
		return
	}
	waits := false
	for _, end := range [...]entity.UUID{edge.Parent, edge.Child} {
		w := g.dangling[end]
		waits = waits || w.has(dangler{edge.ID, slot, g.names.numbers[source]})
	}
	require.True(t, waits, "an assertion neither is evidence nor waits")
}
