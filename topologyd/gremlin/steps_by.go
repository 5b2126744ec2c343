package gremlin

const stepBy = "By"

// by is a By that follows Order, Group or Project: a key or a sub-traversal,
// and after Order a direction.
type by struct {
	call       *call
	key        string
	traversal  *traversal
	descending bool
}

// bys takes the steps By that follow the one that is built. A step By itself
// builds nothing.
func (c *compiler) bys(s *call, in Kind, most int) ([]by, error) {
	var out []by
	before, after := c.before, c.after
	for i := range c.after {
		b := &c.after[i]
		if b.name != stepBy {
			break
		}
		if len(out) == most {
			return nil, c.misuse(b, "%s has %d already", s.name, most)
		}
		one, err := c.by(s, b, in)
		if err != nil {
			return nil, err
		}
		c.before, c.after = before, after
		out = append(out, one)
	}
	c.pending = len(out)
	return out, nil
}

func (c *compiler) by(s, b *call, in Kind) (by, error) {
	out := by{call: b}
	what := []string{"a key in quotes such as 'Name'"}
	if onElements.has(in) {
		what = append(what, "a traversal such as Out().Count()")
	}
	if len(b.args) == 0 {
		return out, c.missing(b, what...)
	}
	var err error
	switch a := &b.args[0]; {
	case a.sub != nil && onElements.has(in):
		out.traversal, err = c.traversal(a, in)
	case a.isKey():
		out.key, err = c.keyOn(in, a)
	default:
		err = c.bad(a, what...)
	}
	if err != nil || s.name != "Order" {
		if err == nil {
			err = c.atMost(b, 1)
		}
		return out, err
	}
	if out.traversal == nil {
		if out.key, err = c.sortKey(in, &b.args[0]); err != nil {
			return out, err
		}
	}
	if len(b.args) > 1 {
		a := &b.args[1]
		if !a.isFn(fnAsc) && !a.isFn(fnDesc) {
			return out, c.bad(a, fnAsc, fnDesc)
		}
		out.descending = a.isFn(fnDesc)
	}
	return out, c.atMost(b, 2)
}

// buildBy makes By, which belongs to the step before it.
func buildBy(c *compiler, s *call, in Kind) (op, Kind, error) {
	if c.pending == 0 {
		return nil, 0, c.misuse(s, "stands directly after Order, Group, Project or another By")
	}
	c.pending--
	return nil, in, nil
}

// buildOrder makes Order: () with By(key or traversal [, ASC or DESC]) after it
// for each thing that elements are ordered by, in turn; without any it is Sort().
func buildOrder(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if err := c.atMost(s, 0); err != nil {
		return nil, 0, err
	}
	bys, err := c.bys(s, in, maxBys)
	if err != nil {
		return nil, 0, err
	}
	list := make([]sorting, 0, len(bys)+1)
	for _, b := range bys {
		list = append(list, sorting{b.key, b.traversal, b.descending})
	}
	if len(list) == 0 {
		list = append(list, sorting{})
	}
	return orderOp(list, c.top()), in, nil
}

// maxBys is how many By may follow a step.
const maxBys = 16
