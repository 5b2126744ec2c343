package gremlin

import (
	"iter"

	"github.com/skein-net/skein/internal/entity"
)

// buildGroupBy makes Group on nodes and edges: () with By(key or traversal)
// after it gives the elements by the text of its first value, those without one
// under "", in the order of these texts; (key) is short for () and By(key), and ()
// alone groups nodes by Type and edges by RelationType. A
// second By says what is given of each group instead of its elements: the values
// of a key, or what a traversal that starts at all of them gives.
func buildGroupBy(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	var key string
	most := 2
	if len(s.args) > 0 {
		var err error
		if key, err = c.oneKey(s, in); err != nil {
			return nil, 0, err
		}
		most = 1
	}
	bys, err := c.bys(s, in, most)
	if err != nil {
		return nil, 0, err
	}
	var name by
	switch {
	case key != "":
		name.key = key
	case len(bys) == 0 && in == KindEdges:
		name.key = entity.KeyRelationType
	case len(bys) == 0:
		name.key = entity.KeyType
	default:
		name, bys = bys[0], bys[1:]
	}
	g := &grouping{name: name}
	if len(bys) > 0 {
		g.of = &bys[0]
		if t := g.of.traversal; t != nil && (t.kind == KindGroups || t.kind == KindMetrics || t.kind == KindPaths || t.kind == KindFlows) {
			return nil, 0, c.misuse(g.of.call, "a group can hold nodes, edges, values or a number, but the traversal gives %s", t.kind)
		}
	}
	return func(x *exec, in flow) flow {
		return flow{kind: KindGroups, scope: in.scope, groups: g.run(x, in)}
	}, KindGroups, nil
}

// grouping is a Group on nodes or edges.
type grouping struct {
	name by
	// of is what is given of each group, nil: the elements.
	of *by
}

func (g *grouping) run(x *exec, in flow) iter.Seq[*group] {
	name := x.firstOf(in.kind, g.name.key)
	if t := g.name.traversal; t != nil {
		w := t.bind(x, in.scope)
		name = func(slot int32) entity.Value { return w.at(slot).first() }
	}
	finish := func(*group) bool { return true }
	if g.of != nil {
		finish = g.of.ofGroup(x, in)
	}
	return func(yield func(*group) bool) {
		byName := make(map[string]*group)
		for slot := range in.slots {
			if !x.visit() || !x.take(slotBytes) {
				return
			}
			text := ""
			if v := name(slot); !v.IsZero() {
				text = v.Text()
			}
			one := byName[text]
			if one == nil {
				if !x.take(len(text) + mapBytes) {
					return
				}
				one = &group{name: text, kind: in.kind}
				byName[text] = one
			}
			one.slots = append(one.slots, slot)
		}
		if x.err != nil {
			return
		}
		for _, text := range namesOf(x, byName) {
			if one := byName[text]; !finish(one) || x.err != nil || !yield(one) {
				return
			}
		}
	}
}

// ofGroup replaces the elements of a group by what the By says of them.
func (b *by) ofGroup(x *exec, in flow) func(*group) bool {
	values := func(each func(func(entity.Value) bool)) entity.Value {
		list := []entity.Value{}
		each(func(v entity.Value) bool {
			list = append(list, v)
			return x.visit() && x.take(valueBytes)
		})
		return entity.List(list...)
	}
	t := b.traversal
	if t == nil {
		look := x.view.LookupNode
		if in.kind == KindEdges {
			look = x.view.LookupEdge
		}
		return func(g *group) bool {
			g.value = values(func(yield func(entity.Value) bool) {
				some := func(v entity.Value) bool { return isEmpty(v) || yield(v) } // as Values
				for _, slot := range g.slots {
					if look(slot, b.key, some); x.err != nil {
						return
					}
				}
			})
			g.kind, g.slots = KindValues, nil
			return true
		}
	}
	w := t.bind(x, in.scope)
	return func(g *group) bool {
		w.atAll(g.slots)
		g.kind = t.kind
		switch {
		case onElements.has(t.kind):
			g.slots = nil
			for slot := range w.slots() {
				if !x.visit() || !x.take(slotBytes) {
					return false
				}
				g.slots = append(g.slots, slot)
			}
			return true
		case onValues.has(t.kind):
			g.value = values(func(yield func(entity.Value) bool) { w.values()(yield) })
		default:
			g.value = w.first()
		}
		g.slots = nil
		return true
	}
}

// isEmpty tells whether a value is a list or map of nothing, which Values does
// not give.
func isEmpty(v entity.Value) bool {
	return v.Kind() == entity.KindList && len(v.List()) == 0 || v.Kind() == entity.KindMap && len(v.Map()) == 0
}
