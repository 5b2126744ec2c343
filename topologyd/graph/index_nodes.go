package graph

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// reindex moves a node's index entries from its old to its new attributes,
// and returns those with strings that the index holds already.
func (g *Graph) reindex(slot int32, old, attrs entity.Attrs) entity.Attrs {
	have := g.index.places[slot]
	kept := make([]place, 0, max(len(have), len(attrs)))
	i := 0
	// Places are in the order of the attributes: walk both in step.
	for _, a := range old {
		n := 0
		terms(a.Value, func(entity.Value) { n++ })
		for i < len(attrs) && attrs[i].Key < a.Key {
			attrs[i].Value, kept = g.indexAttr(slot, attrs[i], kept)
			i++
		}
		if i < len(attrs) && attrs[i].Key == a.Key && attrs[i].Value.Equal(a.Value) {
			attrs[i].Value = a.Value
			kept = append(kept, have[:n]...)
			i++
		} else {
			for _, pl := range have[:n] {
				g.t.index.remove(&g.index, g.epoch, pl)
			}
		}
		have = have[n:]
	}
	for ; i < len(attrs); i++ {
		attrs[i].Value, kept = g.indexAttr(slot, attrs[i], kept)
	}
	g.index.places[slot] = slices.Clip(kept)
	return attrs
}

func (g *Graph) indexAttr(slot int32, a entity.Attr, kept []place) (entity.Value, []place) {
	value := a.Value
	terms(a.Value, func(v entity.Value) {
		pl, held := g.t.index.add(&g.index, g.epoch, slot, a.Key, v)
		kept = append(kept, pl)
		if a.Value.Kind() == entity.KindString && held.Kind() == entity.KindString {
			value = held
		}
	})
	return value, kept
}
