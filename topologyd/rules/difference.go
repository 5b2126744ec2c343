package rules

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// step is one event that brings the graph nearer to what is desired.
type step struct {
	key
	event entity.Event
	// sure tells that nothing can hold the step: the rule or the node is gone.
	sure bool
	// from and to are hashes of what the facet says before and after, 0: there is
	// none.
	from, to uint64
	after    int64 // time of the facet that is there, Unix nanoseconds
}

// difference returns the steps that lead from what the view holds under the
// sources of rules and fabric to what is desired, and counts the facets that
// are right.
func (d *desired) difference() (steps []step, right int) {
	found := make(map[key]bool)
	mine := make(map[string]bool) // by Origin
	for slot := range d.view.NodeList() {
		origin := d.view.NodeOrigin(slot)
		has, known := mine[origin]
		if !known {
			// Names of sources may hold commas, so that this may say yes in error; the
			// facets decide.
			for source := range strings.SplitSeq(origin, ",") {
				has = has || ours(source)
			}
			if len(mine) < 1<<16 {
				mine[origin] = has
			}
		}
		if !has {
			continue
		}
		n := d.view.NodeAt(slot)
		state := d.view.NodeState(n)
		anchored := d.anchored(n)
		compare := func(ref entity.Ref, id entity.UUID, facets []graph.FacetState) {
			for i := range facets {
				f := &facets[i]
				if !ours(f.Source) {
					continue
				}
				k := key{id, f.Source}
				found[k] = true
				want := d.facets[k]
				switch {
				case want == nil && anchored && d.keep[f.Source]:
					right++
				case want == nil:
					steps = append(steps, step{key: k, after: f.Time, sure: !anchored || !d.sources[f.Source], from: d.hashFacet(f),
						event: entity.Event{Kind: entity.Delete, Ref: ref, Source: f.Source}})
				case same(f, want, id):
					right++
				default:
					steps = append(steps, step{key: k, event: *want, after: f.Time, from: d.hashFacet(f), to: d.hashEvent(want, id)})
				}
			}
		}
		compare(state.Ref, n.ID, state.Facets)
		for i := range state.Members { // what was said of an entity before it joined the node
			m := &state.Members[i]
			compare(m.Ref, m.Ref.UUID(), m.Facets)
		}
	}
	for k, want := range d.facets {
		if !found[k] {
			steps = append(steps, step{key: k, event: *want, to: d.hashEvent(want, k.id)})
		}
	}
	// Nodes that are made come before what is said of others, what goes last.
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), strings.Compare(a.source, b.source), bytes.Compare(a.id[:], b.id[:]))
	})
	return steps, right
}

func rank(s *step) int {
	switch {
	case s.event.Kind == entity.Delete:
		return 2
	case owner(s.event.Ref) == s.source:
		return 0
	}
	return 1
}

// same tells whether a facet says what is desired.
func same(f *graph.FacetState, want *entity.Event, id entity.UUID) bool {
	if f.Interval != 0 || !f.Attributes.Equal(want.Attributes) || len(f.Assertions) != len(want.Relationships) {
		return false
	}
	for i := range f.Assertions {
		r := &want.Relationships[i]
		if f.Assertions[i].ID != r.Edge(id).ID || !f.Assertions[i].Attributes.Equal(r.Attributes) {
			return false
		}
	}
	return true
}

// hashFacet hashes what a facet says, 0 is no hash.
func (d *desired) hashFacet(f *graph.FacetState) uint64 {
	b := f.Attributes.AppendJSON(d.buf[:0])
	for i := range f.Assertions {
		b = append(b, f.Assertions[i].ID[:]...)
		b = f.Assertions[i].Attributes.AppendJSON(b)
	}
	d.buf = b
	return maphash.Bytes(d.seed, b) | 1
}

// hashEvent is [desired.hashFacet] of the facet that an event makes.
func (d *desired) hashEvent(e *entity.Event, id entity.UUID) uint64 {
	b := e.Attributes.AppendJSON(d.buf[:0])
	for i := range e.Relationships {
		edge := e.Relationships[i].Edge(id)
		b = append(b, edge.ID[:]...)
		b = e.Relationships[i].Attributes.AppendJSON(b)
	}
	d.buf = b
	return maphash.Bytes(d.seed, b) | 1
}
