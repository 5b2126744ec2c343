package gremlin

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// buildProject makes Project: (name …) with as many By(key or traversal) after
// it gives one map for each element, with the first value of each By under its
// name. What has no value is left out.
func buildProject(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "a name in quotes")
	}
	var names []string
	for i := range s.args {
		name, err := c.name(&s.args[i])
		if err != nil {
			return nil, 0, err
		}
		if slices.Contains(names, name) {
			return nil, 0, c.refuse(&s.args[i], "%s is there already", appendQuoted(nil, clip(name)))
		}
		names = append(names, name)
	}
	if len(names) > maxBys {
		return nil, 0, c.refuse(&s.args[maxBys], "Project has more than %d names", maxBys)
	}
	bys, err := c.bys(s, in, len(names))
	if err != nil {
		return nil, 0, err
	}
	if len(bys) < len(names) {
		return nil, 0, c.misuse(s, "needs a By for each name after it; that of %s is missing", appendQuoted(nil, clip(names[len(bys)])))
	}
	return func(x *exec, in flow) flow {
		get := make([]func(slot int32) entity.Value, len(bys))
		for i, b := range bys {
			if b.traversal == nil {
				get[i] = x.firstOf(in.kind, b.key)
				continue
			}
			w := b.traversal.bind(x, in.scope)
			get[i] = func(slot int32) entity.Value { return w.at(slot).first() }
		}
		return flow{kind: KindMaps, scope: in.scope, count: in.count, values: func(yield func(entity.Value) bool) {
			for slot := range in.slots {
				if !x.visit() || !x.take(len(names)*attrBytes) {
					return
				}
				m := make(entity.Attrs, 0, len(names))
				for i, name := range names {
					m = append(m, entity.A(name, get[i](slot)))
				}
				if x.err != nil || !yield(entity.Map(m.Normalize())) {
					return
				}
			}
		}}
	}, KindMaps, nil
}
