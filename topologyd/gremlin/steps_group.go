package gremlin

import (
	"iter"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// group is a list of flows, nodes, edges or metrics, or a value, under a name.
type group struct {
	name string
	// series is the one that Aggregates adds the metrics to.
	series  string
	flows   []*flowrecord.Record
	metrics []entity.Attrs
	// kind is what it holds when these are not flows or metrics: slots of nodes or
	// edges, or a value, which is a list for KindValues and KindMaps.
	kind  Kind
	slots []int32
	value entity.Value
}

// size is how many elements or values the group holds; a number speaks for
// itself.
func (g *group) size() float64 {
	if g.value.IsNumber() {
		return g.value.Float()
	}
	return float64(g.count())
}

func (g *group) count() int {
	return len(g.flows) + len(g.metrics) + len(g.slots) + len(g.value.List())
}

// buildGroup makes Group: ([key]) gives the flows by the value of a field, by
// TrackingID when there is no key, in the order in which the values are met.
// Flows that lack it are in the group "". For nodes and edges see buildGroupBy.
func buildGroup(c *compiler, s *call, in Kind) (op, Kind, error) {
	if in != KindFlows {
		return buildGroupBy(c, s, in)
	}
	c.source = nil
	key := "TrackingID"
	if len(s.args) > 0 {
		var err error
		if key, err = c.flowKey(&s.args[0]); err != nil {
			return nil, 0, err
		}
	}
	return func(x *exec, in flow) flow {
		return flow{kind: KindGroups, scope: in.scope, groups: func(yield func(*group) bool) {
			var list []*group
			byName := make(map[string]*group)
			for r := range in.flows {
				kept := x.keepFlow(r)
				if kept == nil || !x.visit() {
					return
				}
				name := ""
				if v := first(flowLookup(x.fields, r), key); !v.IsZero() {
					name = v.Text()
				}
				g := byName[name]
				if g == nil {
					if !x.take(len(name) + mapBytes) {
						return
					}
					g = &group{name: name}
					byName[name] = g
					list = append(list, g)
				}
				g.flows = append(g.flows, kept)
			}
			yieldAll(x, list, yield)
		}}
	}, KindGroups, c.atMost(s, 1)
}

// yieldAll gives the groups, unless the run was stopped.
func yieldAll(x *exec, list []*group, yield func(*group) bool) {
	for _, g := range list {
		if x.err != nil || !yield(g) {
			return
		}
	}
}

// buildMoreThan makes MoreThan: ([n]) keeps the groups of more than n elements or
// values, or of a number above n; n is 1 when it is left out.
func buildMoreThan(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	n := 1
	if len(s.args) > 0 {
		var err error
		if n, err = c.count(&s.args[0]); err != nil {
			return nil, 0, err
		}
	}
	return func(x *exec, in flow) flow {
		in.groups = keep(x, in.groups, func(g *group) bool { return g.size() > float64(n) })
		return in
	}, in, c.atMost(s, 1)
}

// kept copies the flows of a stream, for those who remember them.
func (x *exec) kept(in iter.Seq[*flowrecord.Record]) iter.Seq[*flowrecord.Record] {
	return func(yield func(*flowrecord.Record) bool) {
		for r := range in {
			if r = x.keepFlow(r); r == nil || !yield(r) {
				return
			}
		}
	}
}

// buildSockets makes Sockets, which is known but not there.
func buildSockets(c *compiler, s *call, _ Kind) (op, Kind, error) {
	return nil, 0, c.misuse(s, "sockets are not kept; ProcessA and ProcessB of flows name the processes that have them")
}
