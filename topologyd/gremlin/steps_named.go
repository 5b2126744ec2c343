package gremlin

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// name takes an argument of As or Select.
func (c *compiler) name(a *arg) (string, error) {
	if a.fn != nil || a.val.Kind() != entity.KindString || a.val.Str() == "" {
		return "", c.bad(a, "a name in quotes")
	}
	return a.val.Str(), nil
}

// buildAs makes As: (name) keeps the elements under a name and lets them pass.
func buildAs(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "a name in quotes")
	}
	name, err := c.name(&s.args[0])
	if err != nil {
		return nil, 0, err
	}
	if err := c.atMost(s, 1); err != nil {
		return nil, 0, err
	}
	n, known := c.names[name]
	if !known {
		n.index = len(c.names)
	}
	n.kind, n.context = in, c.context
	c.names[name] = n
	return func(x *exec, in flow) flow {
		set := held(x, in.slots)
		x.named[n.index] = set
		in.slots = slices.Values(set)
		in.count = func(int) int { return len(set) }
		return in
	}, in, nil
}

// buildSelect makes Select: (name …) gives the elements kept under the names,
// one set after the other.
func buildSelect(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "a name that As gave, in quotes")
	}
	var which []int
	kind := KindNone
	for i := range s.args {
		a := &s.args[i]
		name, err := c.name(a)
		if err != nil {
			return nil, 0, err
		}
		n, known := c.names[name]
		if !known {
			return nil, 0, c.refuse(a, "no step As(%s) stands before this", appendQuoted(nil, clip(name)))
		}
		if n.context != c.context {
			return nil, 0, c.misuse(s, "%s was named at another time; elements of different times cannot stand together", appendQuoted(nil, clip(name)))
		}
		if kind != KindNone && n.kind != kind {
			return nil, 0, c.refuse(a, "%s names %s, but the names before it name %s", appendQuoted(nil, clip(name)), n.kind, kind)
		}
		kind = n.kind
		which = append(which, n.index)
	}
	return func(x *exec, in flow) flow {
		out := flow{kind: kind, scope: in.scope}
		out.slots = func(yield func(int32) bool) {
			for _, i := range which {
				for _, slot := range x.named[i] {
					if !x.visit() || !yield(slot) {
						return
					}
				}
			}
		}
		return out
	}, kind, nil
}
