package gremlin

import "iter"

// buildHas makes Has (all pairs hold) and HasEither (one of them). On values
// it also takes a predicate alone, for the value itself.
func buildHas(c *compiler, s *call, in Kind) (op, Kind, error) {
	if onValues.has(in) && len(s.args) == 1 && s.args[0].fn != nil && !s.args[0].isFn(fnMetadata) {
		p, err := c.predicate(&s.args[0])
		if err != nil {
			return nil, 0, err
		}
		return filterOp(&filter{terms: []term{{pred: p}}}), in, nil
	}
	f, err := c.someFilter(s, in, s.name == "HasEither")
	if err != nil {
		return nil, 0, err
	}
	return c.filtered(in, f), in, nil
}

// buildHasKey makes HasKey and HasNot.
func buildHasKey(c *compiler, s *call, in Kind) (op, Kind, error) {
	key, err := c.oneKey(s, in)
	if err != nil {
		return nil, 0, err
	}
	p := predicate{op: opExists}
	if s.name == "HasNot" {
		p.sense = noneHit
	}
	termOf := newTerm
	if in == KindFlows {
		termOf = c.flowTerm
	}
	return c.filtered(in, &filter{terms: []term{termOf(key, p)}}), in, nil
}

// filtered adds the filter to the source when it follows one directly, and
// makes an operator of its own otherwise.
func (c *compiler) filtered(in Kind, f *filter) op {
	if c.source != nil {
		c.source.filters = append(c.source.filters, f)
		return nil
	}
	if c.flows != nil {
		c.flows.filters = append(c.flows.filters, f)
		return nil
	}
	if onElements.has(in) {
		return c.piped(pipe{to: in, bind: func(x *exec, _ *scope, next func(int32) bool) func(int32) bool {
			if in == KindEdges {
				return func(slot int32) bool { return x.visit() && (!x.passes(f, slot) || next(slot)) }
			}
			test := x.sieves(f)
			return func(slot int32) bool { return x.visit() && (!test.pass(x, slot) || next(slot)) }
		}})
	}
	return filterOp(f)
}

// filterOp filters flows and values.
func filterOp(f *filter) op {
	return func(x *exec, in flow) flow {
		out := flow{kind: in.kind, scope: in.scope}
		if in.kind == KindFlows {
			out.flows = keep(x, in.flows, f.flow)
		} else {
			out.values = keep(x, in.values, f.value)
		}
		return out
	}
}

// keep streams the elements that pass; the stream may be run any number of
// times, but not while it is running.
func keep[T any](x *exec, in iter.Seq[T], pass func(T) bool) iter.Seq[T] {
	var yield func(T) bool
	each := func(e T) bool { return x.visit() && (!pass(e) || yield(e)) }
	return func(next func(T) bool) {
		yield = next
		in(each)
	}
}
