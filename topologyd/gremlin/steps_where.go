package gremlin

import "github.com/skein-net/skein/internal/flowrecord"

// condition takes an argument that is a sub-traversal which gives something or
// nothing.
func (c *compiler) condition(a *arg, in Kind) (*traversal, error) {
	t, err := c.traversal(a, in)
	if err != nil {
		return nil, err
	}
	if t.kind == KindNumber {
		return nil, c.misuse(&a.sub[len(a.sub)-1], "a number is always there; add Is(GT(0))")
	}
	return t, nil
}

// buildWhere makes Where: (traversal) keeps the elements for which it gives
// something.
func buildWhere(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "a traversal such as Out('Type', 'bridge')")
	}
	t, err := c.condition(&s.args[0], in)
	if err != nil {
		return nil, 0, err
	}
	return func(x *exec, in flow) flow {
		out := flow{kind: in.kind, scope: in.scope}
		b := t.bind(x, in.scope)
		if in.kind == KindFlows {
			out.flows = keep(x, in.flows, func(r *flowrecord.Record) bool { return b.atFlow(r).any() })
		} else {
			out.slots = keep(x, in.slots, func(slot int32) bool { return b.at(slot).any() })
		}
		return out
	}, in, c.atMost(s, 1)
}
