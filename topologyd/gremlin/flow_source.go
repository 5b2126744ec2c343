package gremlin

import (
	"bytes"
	"context"
	"iter"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// flowSource is Flows with the filters that follow it, and what is known of the
// steps after these.
type flowSource struct {
	call    *call
	filters []*filter
	// sort, descending and limit are hints for the store, limit 0 none.
	sort       string
	descending bool
	limit      int
}

// buildFlows makes Flows: ([key, value …]). From the graph it gives all flows,
// from nodes and paths those that were seen on one of them.
func buildFlows(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	src := &flowSource{call: s}
	f, err := c.filterBy(c.flowKey, c.flowTerm, s, s.args, false)
	if err != nil {
		return nil, 0, err
	}
	if f != nil {
		src.filters = append(src.filters, f)
	}
	c.flowFields() // also for those who only show flows
	c.flows, c.asksFlows = src, true
	return src.run, KindFlows, nil
}

func (s *flowSource) run(x *exec, in flow) flow {
	w := x.window
	return flow{kind: KindFlows, scope: in.scope, flows: func(yield func(*flowrecord.Record) bool) {
		src := x.source(s.call)
		if src == nil {
			return
		}
		if s.never() {
			return
		}
		q := s.query(w)
		var seen map[entity.UUID]struct{}
		if in.kind != KindGraph || in.scope != nil {
			if seen = s.places(x, in); x.err != nil || len(seen) == 0 {
				return
			}
			q.Nodes = make([]entity.UUID, 0, len(seen))
			for tid := range seen {
				q.Nodes = append(q.Nodes, tid)
			}
			slices.SortFunc(q.Nodes, func(a, b entity.UUID) int { return bytes.Compare(a[:], b[:]) })
		}
		drain(x, s.call, func(ctx context.Context) iter.Seq2[*flowrecord.Record, error] { return src.Flows(ctx, q) }, func(r *flowrecord.Record) bool {
			if seen != nil {
				if _, ok := seen[r.NodeTID]; !ok {
					return true
				}
			}
			return !w.holds(r) || !s.passes(r) || yield(r)
		})
	}}
}

// query is what the store is asked for.
func (s *flowSource) query(w window) *flowrecord.Query {
	q := &flowrecord.Query{Live: !w.past, From: w.from, To: w.to, Sort: s.sort, Descending: s.descending}
	exact := true
	for _, f := range s.filters {
		conds, whole := f.conditions()
		q.Where = append(q.Where, conds...)
		exact = exact && whole
	}
	if exact {
		q.Limit = s.limit
	}
	return q
}

// never tells whether no flow can pass, whatever the store holds.
func (s *flowSource) never() bool {
	for _, f := range s.filters {
		for i := range f.terms {
			if (!f.either || len(f.terms) == 1) && f.terms[i].never() {
				return true
			}
		}
	}
	return false
}

func (s *flowSource) passes(r *flowrecord.Record) bool {
	for _, f := range s.filters {
		if !f.flow(r) {
			return false
		}
	}
	return true
}

// places are the TIDs of the nodes that flows are asked of.
func (s *flowSource) places(x *exec, in flow) map[entity.UUID]struct{} {
	out := make(map[entity.UUID]struct{})
	add := func(slot int32) bool {
		if !x.visit() {
			return false
		}
		tid, err := entity.ParseUUID(x.view.NodeAttr(slot, entity.KeyTID).Str())
		if err != nil {
			return true // nothing is captured on what has none
		}
		if _, ok := out[tid]; !ok {
			out[tid] = struct{}{}
			return x.take(mapBytes)
		}
		return true
	}
	switch in.kind {
	case KindGraph:
		in.scope.nodes.all()(add)
	case KindPaths:
		for path := range in.paths {
			for _, slot := range path {
				if slot >= 0 && !add(slot) {
					return out
				}
			}
		}
	default:
		in.slots(add)
	}
	return out
}
