package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// evidence is one facet that asserts an edge: the slot of the node it speaks of
// and the number of its source, which it holds. A list of it is sorted by source
// and emitter, so that the edge looks the same whatever came first.
type evidence struct {
	attrs   string // packed
	emitter int32
	source  uint32
}

// edgeExtra is what few edges have. Views share it with the writer.
type edgeExtra struct {
	attrs string // packed: what the edge shows
	// more is the evidence when it is not one alone, which stands in the edge's
	// record and gives it all its attributes. It is replaced, never changed.
	more []evidence
	// relation is the RelationType when it has no number.
	relation string
}

// evidenceOf returns the evidence for an edge, valid until it is called again.
// It must not be changed.
func (g *Graph) evidenceOf(e int32) []evidence {
	rec := g.t.edges.at(e)
	g.one = [1]evidence{{emitter: rec.emitter, source: rec.source}}
	if rec.extra != 0 {
		x := g.t.extras.at(rec.extra - 1)
		if x.more != nil {
			return x.more
		}
		g.one[0].attrs = x.attrs
	}
	return g.one[:]
}

// findEvidence returns where in a list that of a facet is, or would be.
func (g *Graph) findEvidence(list []evidence, emitter int32, source string) (int, bool) {
	return slices.BinarySearchFunc(list, emitter, func(ev evidence, emitter int32) int {
		return cmp.Or(strings.Compare(g.t.name(ev.source), source), g.compareEmitters(ev.emitter, emitter))
	})
}

// mergeEvidence returns what an edge shows of its evidence, packed: the
// attributes, where that which comes first stands, and the sources.
func (g *Graph) mergeEvidence(list []evidence) (attrs, origin string) {
	if len(list) == 1 {
		return list[0].attrs, g.t.name(list[0].source)
	}
	var all entity.Attrs
	same := true
	for i := len(list) - 1; i >= 0; i-- {
		same = same && list[i].attrs == list[0].attrs
		if i > 0 && list[i].source == list[i-1].source {
			continue
		}
		if origin != "" {
			origin = "," + origin
		}
		origin = g.t.name(list[i].source) + origin
	}
	if same {
		return list[0].attrs, origin
	}
	for i := len(list) - 1; i >= 0; i-- {
		all = append(all, g.t.dict.Attrs(list[i].attrs)...)
	}
	return g.packSet(all.Normalize()), origin
}

// packSet returns attributes packed; what recurs is the same string.
func (g *Graph) packSet(a entity.Attrs) string {
	if len(a) == 0 {
		return ""
	}
	g.scratch = g.t.dict.Append(g.scratch[:0], a)
	if s, ok := g.sets[string(g.scratch)]; ok {
		return s
	}
	if len(g.sets) >= maxSets {
		clear(g.sets)
	}
	s := string(g.scratch)
	g.sets[s] = s
	return s
}

// maxSets bounds the packed attributes of edges that are kept to be found
// again.
const maxSets = 1 << 14

// setExtra gives an edge what few have, or takes it away when it is empty.
func (g *Graph) setExtra(e int32, x edgeExtra) {
	rec := g.t.edges.at(e)
	i := rec.extra - 1
	if x.attrs == "" && x.more == nil && x.relation == "" {
		if i >= 0 {
			*g.t.extras.edit(i, g.epoch) = edgeExtra{}
			g.freeExtras = append(g.freeExtras, i)
			g.t.edges.edit(e, g.epoch).extra = 0
		}
		return
	}
	if i < 0 {
		i = take(&g.freeExtras, &g.t.extras, g.epoch)
		g.t.edges.edit(e, g.epoch).extra = i + 1
	}
	*g.t.extras.edit(i, g.epoch) = x
}

// extraOf returns what few edges have of this one.
func (t *tables) extraOf(e int32) edgeExtra {
	if i := t.edges.at(e).extra; i != 0 {
		return *t.extras.at(i - 1)
	}
	return edgeExtra{}
}

// dropEvidence forgets the evidence of an edge that goes.
func (g *Graph) dropEvidence(e int32) {
	for _, ev := range g.evidenceOf(e) {
		g.countPair(g.t.name(ev.source), -1)
		g.drop(ev.source)
	}
	g.setExtra(e, edgeExtra{})
}
