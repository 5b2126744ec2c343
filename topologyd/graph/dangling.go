package graph

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// dangler is an assertion whose other end is not known yet. It holds the name
// of the source.
type dangler struct {
	edge    entity.UUID
	emitter int32
	source  uint32
}

// waiting is a set of danglers that wait for the same node.
type waiting struct {
	few  []dangler
	many map[dangler]struct{} // all of them, once they are more than a few
}

const maxWaitingFew = 16

func (w *waiting) len() int { return max(len(w.few), len(w.many)) }

func (w *waiting) has(d dangler) bool {
	if w.many != nil {
		_, ok := w.many[d]
		return ok
	}
	return slices.Contains(w.few, d)
}

func (w *waiting) add(d dangler) {
	if w.many == nil && len(w.few) < maxWaitingFew {
		w.few = append(w.few, d)
		return
	}
	if w.many == nil {
		w.many = make(map[dangler]struct{}, 2*maxWaitingFew)
		for _, f := range w.few {
			w.many[f] = struct{}{}
		}
		w.few = nil
	}
	w.many[d] = struct{}{}
}

func (w *waiting) remove(d dangler) {
	if w.many != nil {
		delete(w.many, d)
		return
	}
	w.few = slices.DeleteFunc(w.few, func(f dangler) bool { return f == d })
}

// leaveDangling remembers an assertion until the node that it misses appears.
func (g *Graph) leaveDangling(missing, edge entity.UUID, emitter int32, source string) {
	w := g.dangling[missing]
	d := dangler{edge, emitter, g.names.numbers[source]}
	if d.source != 0 && w.has(d) {
		return
	}
	d.source = g.hold(source)
	w.add(d)
	g.dangling[missing] = w
	g.stats.Dangling++
}

// dropDangling forgets an assertion that may have been left.
func (g *Graph) dropDangling(missing, edge entity.UUID, emitter int32, source string) {
	w := g.dangling[missing]
	d := dangler{edge, emitter, g.names.numbers[source]}
	if !w.has(d) {
		return
	}
	g.drop(d.source)
	g.stats.Dangling--
	if w.remove(d); w.len() > 0 {
		g.dangling[missing] = w
		return
	}
	delete(g.dangling, missing)
	g.shrinkDangling()
}

// shrinkDangling gives back what a map keeps that was large.
func (g *Graph) shrinkDangling() {
	if len(g.dangling) == 0 {
		g.dangling = make(map[entity.UUID]waiting)
	}
}

// resolve makes the edges that waited for a node. They are taken in the order
// of their IDs, so that replicas make the same revisions.
func (g *Graph) resolve(id entity.UUID, at int64) {
	w, ok := g.dangling[id]
	if !ok {
		return
	}
	delete(g.dangling, id)
	g.shrinkDangling()
	g.stats.Dangling -= w.len()
	list := w.few
	for d := range w.many {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b dangler) int {
		return cmp.Or(bytes.Compare(a.edge[:], b.edge[:]), g.compareEmitters(a.emitter, b.emitter), strings.Compare(g.t.name(a.source), g.t.name(b.source)))
	})
	for _, d := range list {
		g.assertAgain(d, id, at)
		g.drop(d.source)
	}
}

// compareEmitters orders nodes by their IDs.
func (g *Graph) compareEmitters(a, b int32) int {
	if a == b {
		return 0
	}
	x, y := g.t.nodeID(a), g.t.nodeID(b)
	return bytes.Compare(x[:], y[:])
}
