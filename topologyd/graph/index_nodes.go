package graph

import "github.com/skein-net/skein/internal/entity"

// reindex moves a node's index entries from its old to its new attributes,
// and returns those, with the old values where they did not change. What the
// node itself shows at this time does not matter.
func (g *Graph) reindex(slot int32, old, attrs entity.Attrs) entity.Attrs {
	i, ordered := 0, uint32(0)
	for _, a := range old {
		for i < len(attrs) && attrs[i].Key < a.Key {
			ordered |= g.indexNew(slot, attrs[i])
			i++
		}
		if i < len(attrs) && attrs[i].Key == a.Key {
			if attrs[i].Value.Equal(a.Value) {
				attrs[i].Value = a.Value
			} else {
				g.unindexAttr(slot, a)
				g.indexAttr(slot, attrs[i])
				ordered |= g.orderedBits(a.Key)
			}
			i++
		} else {
			g.unindexAttr(slot, a)
			g.t.index.remove(&g.index, g.epoch, slot, a.Key, entity.List())
			ordered |= g.orderedBits(a.Key)
		}
	}
	for ; i < len(attrs); i++ {
		ordered |= g.indexNew(slot, attrs[i])
	}
	if ordered != 0 {
		g.reorder(slot, ordered, old, attrs)
	}
	return attrs
}

// indexNew enters an attribute that the node did not have, and returns which
// ordered indexes look at it.
func (g *Graph) indexNew(slot int32, a entity.Attr) uint32 {
	g.indexAttr(slot, a)
	g.t.index.add(&g.t, &g.index, g.epoch, slot, a.Key, entity.List())
	return g.orderedBits(a.Key)
}

func (g *Graph) indexAttr(slot int32, a entity.Attr) {
	terms(a.Value, func(v entity.Value) { g.t.index.add(&g.t, &g.index, g.epoch, slot, a.Key, v) })
}

func (g *Graph) unindexAttr(slot int32, a entity.Attr) {
	terms(a.Value, func(v entity.Value) { g.t.index.remove(&g.index, g.epoch, slot, a.Key, v) })
}
