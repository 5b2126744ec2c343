package filter

type testOp uint8

const (
	testEqual   testOp = 0x10
	testGreater testOp = 0x20
	testAtLeast testOp = 0x30
	testBits    testOp = 0x40 // any of the bits are set
)

// test compares a value with a constant or, when x is set, with another value.
type test struct {
	op testOp
	v  *value
	x  *value
	k  uint32
}

// holds tells the outcome of the test when its value is the constant v.
func (t test) holds(v uint32) bool {
	switch t.op {
	case testEqual:
		return v == t.k
	case testGreater:
		return v > t.k
	case testAtLeast:
		return v >= t.k
	default:
		return v&t.k != 0
	}
}

// store puts a value into a register.
type store struct {
	r register
	v *value
}

type condKind uint8

const (
	condTrue condKind = iota
	condFalse
	condTest
	condEffect // stores, then true
	condAnd
	condOr
	condNot
)

// cond is a condition on a packet. A condition is evaluated from left to right
// and no further than needed; a load beyond the end of the packet rejects it.
type cond struct {
	kind   condKind
	a, b   *cond
	test   test
	stores []store
}

func always() *cond { return &cond{kind: condTrue} }
func never() *cond  { return &cond{kind: condFalse} }

func effect(s ...store) *cond { return &cond{kind: condEffect, stores: s} }

func not(c *cond) *cond {
	switch c.kind {
	case condTrue:
		return never()
	case condFalse:
		return always()
	case condNot:
		return c.a
	default:
		return &cond{kind: condNot, a: c}
	}
}

func and(list ...*cond) *cond { return join(condAnd, condTrue, condFalse, list) }
func or(list ...*cond) *cond  { return join(condOr, condFalse, condTrue, list) }

// join folds a list from the left, leaving out neutral parts.
func join(kind, neutral, decides condKind, list []*cond) *cond {
	var all *cond
	for _, c := range list {
		switch {
		case c == nil || c.kind == neutral:
			continue
		case all == nil:
			all = c
		case all.kind == decides:
			return all
		case c.kind == decides && !hasEffect(all):
			all = c
		default:
			all = &cond{kind: kind, a: all, b: c}
		}
	}
	if all == nil {
		return &cond{kind: neutral}
	}
	return all
}

// hasEffect reports whether c stores something that others may read.
func hasEffect(c *cond) bool {
	for {
		switch c.kind {
		case condEffect:
			return true
		case condNot:
			c = c.a
		case condAnd, condOr:
			if hasEffect(c.b) {
				return true
			}
			c = c.a
		default:
			return false
		}
	}
}

// compare is the condition v op k in its simplest form.
func (vs *values) compare(op testOp, v *value, k uint32) *cond {
	if v.kind == valConst {
		if (test{op: op, k: k}).holds(v.k) {
			return always()
		}
		return never()
	}
	if op == testEqual && v.kind == valBinary && v.b.kind == valConst {
		switch {
		case v.op == aluAnd && k == 0:
			return not(vs.compare(testBits, v.a, v.b.k))
		case v.op == aluAnd && k == v.b.k && k&(k-1) == 0:
			return vs.compare(testBits, v.a, k)
		case v.op == aluAdd || v.op == aluXor:
			inverse := aluSub
			if v.op == aluXor {
				inverse = aluXor
			}
			return vs.compare(testEqual, v.a, inverse.apply(k, v.b.k))
		}
	}
	if op == testGreater && k == 0 && v.kind == valBinary && v.op == aluAnd && v.b.kind == valConst {
		return vs.compare(testBits, v.a, v.b.k)
	}
	return &cond{kind: condTest, test: test{op: op, v: v, k: k}}
}

// relate is the condition a op b.
func (vs *values) relate(op testOp, a, b *value) *cond {
	switch {
	case b.kind == valConst:
		return vs.compare(op, a, b.k)
	case a.kind == valConst && op == testEqual:
		return vs.compare(testEqual, b, a.k)
	case a.kind == valConst && op == testGreater:
		return not(vs.compare(testAtLeast, b, a.k))
	case a.kind == valConst && op == testAtLeast:
		return not(vs.compare(testGreater, b, a.k))
	default:
		return &cond{kind: condTest, test: test{op: op, v: a, x: b}}
	}
}
