package gremlin

import (
	"iter"

	"github.com/skein-net/skein/internal/entity"
)

// elements streams the lookup functions of what goes through a flow.
func (x *exec) elements(in flow) iter.Seq[lookupFunc] {
	return func(yield func(lookupFunc) bool) {
		if in.slots != nil {
			for slot := range in.slots {
				if !x.visit() || !yield(x.lookup(in.kind, slot)) {
					return
				}
			}
			return
		}
		if in.flows != nil {
			for r := range in.flows {
				if !x.visit() || !yield(flowLookup(x.fields, r)) {
					return
				}
			}
			return
		}
		for v := range in.values {
			if !x.visit() || !yield(valueLookup(v)) {
				return
			}
		}
	}
}

// metadata streams all attributes of what goes through a flow.
func (x *exec) metadata(in flow) iter.Seq[entity.Attrs] {
	return func(yield func(entity.Attrs) bool) {
		if in.groups != nil {
			for g := range in.groups {
				for _, m := range g.metrics {
					if !x.visit() || !yield(m) {
						return
					}
				}
			}
			return
		}
		if in.flows != nil {
			for r := range in.flows {
				if !x.visit() || !yield(x.fields.Attrs(r)) {
					return
				}
			}
			return
		}
		if in.slots == nil {
			for v := range in.values {
				if !x.visit() || !yield(v.Map()) {
					return
				}
			}
			return
		}
		for slot := range in.slots {
			if !x.visit() {
				return
			}
			var a entity.Attrs
			if in.kind == KindEdges {
				a = x.view.EdgeMetadata(slot)
			} else {
				a = x.view.NodeMetadata(slot)
			}
			if !yield(a) {
				return
			}
		}
	}
}

// buildValues makes Values: (key …) gives the values of the keys, element by
// element. Elements without, and empty lists and maps, give nothing.
func buildValues(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, "a key in quotes such as 'Name'")
	}
	keys, err := c.keys(s, in)
	if err != nil {
		return nil, 0, err
	}
	return func(x *exec, in flow) flow {
		var yield func(entity.Value) bool
		more := true
		give := func(v entity.Value) bool {
			if isEmpty(v) {
				return true
			}
			more = x.visit() && yield(v)
			return more
		}
		out := flow{kind: KindValues, scope: in.scope}
		if in.slots != nil {
			attr, lookup := x.view.NodeAttr, x.view.LookupNode
			if in.kind == KindEdges {
				attr, lookup = x.view.EdgeAttr, x.view.LookupEdge
			}
			plain := make([]bool, len(keys))
			for i := range keys {
				plain[i] = plainKey(keys[i])
			}
			each := func(slot int32) bool {
				more = x.visit()
				for i := 0; more && i < len(keys); i++ {
					if !plain[i] {
						lookup(slot, keys[i], give)
					} else if v := attr(slot, keys[i]); !v.IsZero() {
						give(v)
					}
				}
				return more
			}
			out.values = func(next func(entity.Value) bool) {
				yield = next
				in.slots(each)
			}
			return out
		}
		out.values = func(next func(entity.Value) bool) {
			yield, more = next, true
			for at := range x.elements(in) {
				for _, k := range keys {
					if at(k, give); !more {
						return
					}
				}
			}
		}
		return out
	}, KindValues, nil
}

// buildValueMap makes ValueMap: ([key …]) gives one map per element with the
// keys it has, all its attributes when none is named. A path of several values
// gives the list of them.
func buildValueMap(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	keys, err := c.keys(s, in)
	if err != nil {
		return nil, 0, err
	}
	return func(x *exec, in flow) flow {
		out := flow{kind: KindMaps, scope: in.scope}
		if len(keys) == 0 {
			out.values = func(yield func(entity.Value) bool) {
				for a := range x.metadata(in) {
					if !x.take(len(a)*attrBytes) || !yield(entity.Map(a)) {
						return
					}
				}
			}
			return out
		}
		out.values = func(yield func(entity.Value) bool) {
			for at := range x.elements(in) {
				if !x.take(len(keys) * attrBytes) {
					return
				}
				m := make(entity.Attrs, 0, len(keys))
				for _, k := range keys {
					if v := all(x, at, k); !v.IsZero() {
						m = append(m, entity.A(k, v))
					}
				}
				if !yield(entity.Map(m.Normalize())) {
					return
				}
			}
		}
		return out
	}, KindMaps, nil
}

// all is what a path names in one element: none, a value, or a list of values.
func all(x *exec, at lookupFunc, path string) entity.Value {
	var one entity.Value
	var list []entity.Value
	at(path, func(v entity.Value) bool {
		switch {
		case one.IsZero():
			one = v
		case list == nil:
			list = append(list, one, v)
		default:
			list = append(list, v)
		}
		return x.visit() && x.take(valueBytes)
	})
	if list != nil {
		return entity.List(list...)
	}
	return one
}

// buildKeys makes Keys: the paths of all attributes that any element has, each
// once, in order; into maps, not into lists.
func buildKeys(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	return func(x *exec, in flow) flow {
		return flow{kind: KindValues, scope: in.scope, values: func(yield func(entity.Value) bool) {
			seen := make(map[string]struct{})
			for a := range x.metadata(in) {
				if !collectKeys(x, seen, "", a) {
					return
				}
			}
			for _, k := range namesOf(x, seen) {
				if !yield(entity.String(k)) {
					return
				}
			}
		}}
	}, KindValues, c.atMost(s, 0)
}

func collectKeys(x *exec, seen map[string]struct{}, prefix string, attrs entity.Attrs) bool {
	for _, a := range attrs {
		if !x.visit() {
			return false
		}
		if _, ok := seen[prefix+a.Key]; !ok {
			if !x.take(len(prefix) + len(a.Key) + mapBytes) {
				return false
			}
			seen[prefix+a.Key] = struct{}{}
		}
		if a.Value.Kind() == entity.KindMap && !collectKeys(x, seen, prefix+a.Key+".", a.Value.Map()) {
			return false
		}
	}
	return true
}

// buildSum makes Sum: (key), or () on values. What is missing counts as 0; the
// sum of integers is an integer unless it leaves 64 bits.
func buildSum(c *compiler, s *call, in Kind) (op, Kind, error) {
	if in == KindMetrics {
		return c.sumMetrics(s)
	}
	c.source = nil
	key := ""
	if len(s.args) > 0 || !onValues.has(in) {
		var err error
		if key, err = c.oneKey(s, in); err != nil {
			return nil, 0, err
		}
	}
	sum := func(x *exec, in flow) entity.Value {
		t := total{}
		add := func(v entity.Value) bool {
			if v.Kind() == entity.KindList {
				for _, e := range v.List() {
					if t.add(e); t.wrong != 0 {
						return false
					}
				}
				return true
			}
			t.add(v)
			return t.wrong == 0
		}
		if key == "" {
			for v := range in.values {
				if !x.visit() || !add(v) {
					break
				}
			}
		} else {
			for at := range x.elements(in) {
				if at(key, add); t.wrong != 0 {
					break
				}
			}
		}
		if t.wrong != 0 {
			x.fail(c.misuse(s, "a value is a %s, not a number", t.wrong))
		}
		return t.value()
	}
	return func(x *exec, in flow) flow {
		return flow{kind: KindNumber, scope: in.scope, number: func() entity.Value { return sum(x, in) }}
	}, KindNumber, nil
}

// total adds numbers: in integers as long as all are, and fit.
type total struct {
	whole int64
	real  float64
	float bool
	// wrong is the kind of a value that is not a number.
	wrong entity.Kind
}

func (t *total) add(v entity.Value) {
	if !v.IsNumber() {
		t.wrong = v.Kind()
		return
	}
	t.real += v.Float()
	if t.float = t.float || v.Kind() == entity.KindFloat; t.float {
		return
	}
	n := v.Int()
	sum := t.whole + n
	if n > 0 && sum < t.whole || n < 0 && sum > t.whole {
		t.float = true
		return
	}
	t.whole = sum
}

func (t *total) value() entity.Value {
	if t.float {
		return entity.Float(t.real)
	}
	return entity.Int(t.whole)
}
