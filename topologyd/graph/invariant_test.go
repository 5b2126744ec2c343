package graph

import (
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
		if !g.t.hasNode(slot) {
			require.Empty(t, g.live.of(slot))
			continue
		}
		list := g.t.facets(slot, nil)
		refs[g.t.nodes.at(slot).origin]++
		require.Equal(t, slot, g.t.findNode(g.t.nodeID(slot)))
		require.Equal(t, g.t.nodeID(slot), g.t.ref(slot).UUID())
		require.Equal(t, originOf(list), g.t.name(g.t.nodes.at(slot).origin))
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
			require.GreaterOrEqual(t, i, 0, "evidence of a facet that is gone")
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

// checkAsserted looks whether an assertion is evidence, or waits.
func checkAsserted(t *testing.T, g *Graph, slot int32, source string, a *packedAssertion) {
	edge := a.edge()
	if e := g.t.findEdge(edge.ID); e >= 0 {
		i, found := g.findEvidence(g.evidenceOf(e), slot, source)
		require.True(t, found, "an assertion is no evidence")
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
