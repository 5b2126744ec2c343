package gremlin

import (
	"iter"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Group is one group of a result of groups. Nothing in it may be changed.
type Group struct {
	Name string
	// Kind tells what it holds: KindNodes or KindEdges, by their slots in
	// [Result.View]; KindFlows; all else is Value, which is a list for values and
	// maps.
	Kind  Kind
	Slots []int32
	Flows []*flowrecord.Record
	Value entity.Value
}

// EachGroup yields the groups of a result of groups, in order, whatever they
// hold.
func (r *Result) EachGroup() iter.Seq[Group] {
	return func(yield func(Group) bool) {
		for _, g := range r.groups {
			if r.kind != KindGroups {
				return
			}
			out := Group{Name: g.name, Kind: g.kind, Slots: g.slots, Flows: g.flows, Value: g.value}
			if out.Kind == KindNone {
				out.Kind = KindFlows
			}
			if !yield(out) {
				return
			}
		}
	}
}

// Measures reports whether the query counts or sums and then asks for the number
// to pass a predicate (Count().Is(GT(3))): its result is one value or nothing.
func (q *Query) Measures() bool {
	steps := q.steps
	n := len(steps)
	for n > 0 && steps[n-1].name == "Is" {
		n--
	}
	return n > 0 && n < len(steps) && (steps[n-1].name == "Count" || steps[n-1].name == "Sum")
}
