package gremlin

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// What of a filter a store of flows can be asked for. exact tells that the
// conditions say all of it, so that a store that checks them may also limit its
// answer.
func (f *filter) conditions() (out []flowrecord.Condition, exact bool) {
	if f.either && len(f.terms) > 1 {
		return f.eitherCondition()
	}
	exact = true
	for i := range f.terms {
		conds, whole := f.terms[i].conditions()
		out = append(out, conds...)
		exact = exact && whole
	}
	return out, exact
}

// eitherCondition is one condition on several fields, when all terms make the
// same test.
func (f *filter) eitherCondition() (out []flowrecord.Condition, exact bool) {
	for i := range f.terms {
		conds, whole := f.terms[i].conditions()
		if !whole || len(conds) != 1 || conds[0].Not {
			return nil, false
		}
		c := conds[0]
		if i == 0 {
			out = conds
			continue
		}
		if c.Op != out[0].Op || len(c.Values) != len(out[0].Values) {
			return nil, false
		}
		for j := range c.Values {
			if !c.Values[j].Equal(out[0].Values[j]) {
				return nil, false
			}
		}
		out[0].Fields = append(out[0].Fields, c.Fields...)
	}
	return out, true
}

// conditions gives what a term asks of a flow: nothing when a store cannot be
// asked.
func (t *term) conditions() (out []flowrecord.Condition, exact bool) {
	if len(t.fields) == 0 {
		return nil, false
	}
	kind := t.fields[0].Kind
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		// Stores know times in other units, and may not keep a 0.
		if f.Time || f.Kind != kind || f.Kind == entity.KindMap || counter(f) && !t.onlyAboveZero() {
			return nil, false
		}
		names[i] = f.Query
	}
	add := func(op flowrecord.Op, not bool, values ...entity.Value) {
		out = append(out, flowrecord.Condition{Fields: names, Op: op, Values: values, Not: not})
	}
	p := &t.pred
	switch p.op {
	case opExists:
		add(flowrecord.Exists, p.sense == noneHit)
	case opEqual, opWithin:
		list := p.list
		if p.op == opEqual {
			list = []entity.Value{p.a}
		}
		values := make([]entity.Value, 0, len(list))
		for _, v := range list {
			if v, ok := fitting(kind, v); ok {
				values = append(values, v)
			}
		}
		switch {
		case len(values) > 0:
			add(flowrecord.In, p.sense != someHit, values...)
		case p.sense == someHit:
			return nil, false
		}
		if p.sense == otherHit {
			add(flowrecord.Exists, false)
		}
	case opAddress:
		if t.key != "Network" && t.key != "Network.A" && t.key != "Network.B" {
			return nil, false
		}
		add(flowrecord.InNetwork, false, entity.String(p.prefix.String()))
	case opLess, opLessEqual, opGreater, opGreaterEqual, opInside, opBetween:
		return t.comparisons(names)
	default:
		return nil, false
	}
	return out, true
}

// never tells whether no value of the field can be what is asked for: a text
// where there are numbers.
func (t *term) never() bool {
	if len(t.fields) == 0 || t.pred.sense != someHit || t.fields[0].Kind == entity.KindMap {
		return false
	}
	list := t.pred.list
	switch t.pred.op {
	case opEqual:
		list = []entity.Value{t.pred.a}
	case opWithin:
	default:
		return false
	}
	for _, v := range list {
		if _, ok := fitting(t.fields[0].Kind, v); ok {
			return false
		}
	}
	return true
}

// onlyAboveZero tells whether the predicate cannot hold for 0.
func (t *term) onlyAboveZero() bool {
	return t.pred.sense == someHit && t.pred.op != opExists && !t.pred.test(entity.Int(0))
}

// comparisons gives the conditions of a comparison with numbers.
func (t *term) comparisons(names []string) (out []flowrecord.Condition, exact bool) {
	if t.fields[0].Kind != entity.KindInt {
		return nil, false
	}
	p := &t.pred
	exact = true
	add := func(op flowrecord.Op, v entity.Value) {
		v, ok := fitting(entity.KindInt, v)
		if !ok {
			exact = false
			return
		}
		out = append(out, flowrecord.Condition{Fields: names, Op: op, Values: []entity.Value{v}})
	}
	switch p.op {
	case opLess:
		add(flowrecord.Less, p.a)
	case opLessEqual:
		add(flowrecord.LessEqual, p.a)
	case opGreater:
		add(flowrecord.Greater, p.a)
	case opGreaterEqual:
		add(flowrecord.GreaterEqual, p.a)
	case opInside:
		add(flowrecord.Greater, p.a)
		add(flowrecord.Less, p.b)
	case opBetween:
		add(flowrecord.GreaterEqual, p.a)
		add(flowrecord.Less, p.b)
	}
	// One end above a, and the other one below b, is not what was asked for.
	return out, exact && (len(names) == 1 || len(out) == 1)
}

// fitting gives a literal as a value of a field's kind; ok is false when no
// value of that kind equals it.
func fitting(kind entity.Kind, v entity.Value) (_ entity.Value, ok bool) {
	switch {
	case v.Kind() == kind:
		return v, true
	case kind == entity.KindInt && v.Kind() == entity.KindFloat:
		if n := entity.Int(v.Int()); entity.Compare(n, v) == 0 {
			return n, true
		}
	}
	return v, false
}

// sortable tells whether a store can be asked for the first flows in the order
// of a field: of one that each flow has. A store may not keep a 0, which is
// missing there and comes last in a descending order only.
func sortable(f *flowrecord.Field, descending bool) bool {
	return f != nil && (f.Query == "Start" || f.Query == "Last" || descending && counter(f))
}
