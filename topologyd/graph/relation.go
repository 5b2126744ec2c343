package graph

import (
	"iter"
	"slices"
)

// EdgesOf yields the slots of the edges of a RelationType in ascending order. It
// looks at all edges, but at no more than a number of each.
func (v *View) EdgesOf(relation string) iter.Seq[int32] {
	i := slices.Index(v.t.relations, relation)
	if i < 0 && len(v.t.relations) < maxRelations {
		return func(func(int32) bool) {}
	}
	if i < 0 { // one of those that have no number
		return func(yield func(int32) bool) {
			for edge := range v.EdgeList() {
				if v.RelationType(edge) == relation && !yield(edge) {
					return
				}
			}
		}
	}
	number := uint32(i + firstRelation)
	return func(yield func(int32) bool) {
		for edge := range v.t.links.n {
			if rec := v.t.links.at(edge); rec.relation == number && rec.back == 0 && !yield(edge) {
				return
			}
		}
	}
}
