package gremlin

import "github.com/skein-net/skein/topologyd/graph"

// inOrder asks the indexes by order for the nodes for which a term may hold:
// ranges of numbers, beginnings of texts, networks.
func (t *term) inOrder(v *graph.View, out *candidates) bool {
	p := &t.pred
	none := graph.Bound{None: true}
	from := func(open bool) graph.Bound { return graph.Bound{Value: p.a, Open: open} }
	between := func(lo, hi graph.Bound) bool {
		list, count := v.SlotsBetween(t.key, lo, hi)
		return out.addUnordered(list, count)
	}
	switch p.op {
	case opLess:
		return between(none, from(true))
	case opLessEqual:
		return between(none, from(false))
	case opGreater:
		return between(from(true), none)
	case opGreaterEqual:
		return between(from(false), none)
	case opInside:
		return between(from(true), graph.Bound{Value: p.b, Open: true})
	case opBetween:
		return between(from(false), graph.Bound{Value: p.b, Open: true})
	case opOutside:
		return between(none, from(true)) && between(graph.Bound{Value: p.b, Open: true}, none)
	case opRegex:
		for _, text := range p.starts {
			if list, count := v.SlotsWithPrefix(t.key, text); !out.addUnordered(list, count) {
				return false
			}
		}
		out.exact = false
		return len(p.starts) > 0
	case opAddress:
		list, count := v.SlotsInNetwork(t.key, p.prefix)
		return out.addUnordered(list, count)
	}
	return false
}
