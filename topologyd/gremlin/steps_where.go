package gremlin

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

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

// conditions is a test of elements by sub-traversals: one of them has to give
// something, or all, or none.
type conditions struct {
	list []*traversal
	// all: each has to give something; not: the test is turned round.
	all, not bool
}

// buildWhere makes Where and Not of one traversal, And and Or of some: they
// keep the elements for which it gives something, nothing, each or one of them
// gives something.
func buildWhere(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, someTraversal)
	}
	t := &conditions{all: s.name == "And", not: s.name == "Not"}
	for i := range s.args {
		if i > 0 && (s.name == "Where" || t.not) {
			return nil, 0, c.atMost(s, 1)
		}
		cond, err := c.condition(&s.args[i], in)
		if err != nil {
			return nil, 0, err
		}
		t.list = append(t.list, cond)
	}
	if in == KindFlows {
		return t.flows, in, nil
	}
	return c.piped(pipe{to: in, bind: t.keep}), in, nil
}

// someTraversal is what takes a sub-traversal expects.
const someTraversal = "a traversal such as Out('Type', 'bridge')"

// keep keeps nodes or edges.
func (t *conditions) keep(x *exec, sc *scope, next func(int32) bool) func(int32) bool {
	bound := t.bind(x, sc)
	return func(slot int32) bool {
		if !x.visit() {
			return false
		}
		pass := t.holds(bound, func(w *walker) bool { return w.at(slot).any() })
		return x.err == nil && (!pass || next(slot))
	}
}

// flows keeps flows.
func (t *conditions) flows(x *exec, in flow) flow {
	bound := t.bind(x, in.scope)
	return flow{kind: in.kind, scope: in.scope, flows: keep(x, in.flows, func(r *flowrecord.Record) bool {
		return t.holds(bound, func(w *walker) bool { return w.atFlow(r).any() }) && x.err == nil
	})}
}

func (t *conditions) bind(x *exec, sc *scope) []*walker {
	out := make([]*walker, len(t.list))
	for i := range t.list {
		out[i] = t.list[i].bind(x, sc)
	}
	return out
}

// holds makes the test.
func (t *conditions) holds(list []*walker, any func(*walker) bool) bool {
	for _, w := range list {
		if any(w) != t.all {
			return t.all == t.not
		}
	}
	return t.all != t.not
}

// buildIs makes Is: (value or predicate) keeps the values that satisfy it, and
// a number as a value.
func buildIs(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "a value", "a predicate such as GT(0)")
	}
	p, err := c.predicate(&s.args[0])
	if err != nil {
		return nil, 0, err
	}
	if err := c.atMost(s, 1); err != nil {
		return nil, 0, err
	}
	if in != KindNumber {
		return filterOp(&filter{terms: []term{{pred: p}}}), in, nil
	}
	return func(x *exec, in flow) flow {
		return flow{kind: KindValues, scope: in.scope, values: func(yield func(entity.Value) bool) {
			if n := in.number(); x.err == nil && p.accepts(n) {
				yield(n)
			}
		}}
	}, KindValues, nil
}
