package gremlin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// noted collects how a step was done, for Explain; nil collects nothing.
type noted struct {
	how []string
	// tests are what the step tests elements with, and what it may have made of
	// them when the run is over.
	tests []*sieve
}

// add notes something, once. Arguments that are clauses or counts are written
// as people read them.
func (n *noted) add(format string, args ...any) {
	if n == nil {
		return
	}
	if text := fmt.Sprintf(format, args...); !slices.Contains(n.how, text) {
		n.how = append(n.how, text)
	}
}

// sieves notes what elements are tested with.
func (n *noted) sieves(list []*sieve) {
	if n != nil {
		n.tests = append(n.tests, list...)
	}
}

// done gives all notes.
func (n *noted) done() []string {
	for _, s := range n.tests {
		if s.set != nil {
			n.add("set of %s by index %s", howMany(s.found.count, "node"), s.clause)
		} else if s.tested > 0 {
			n.add("test by index %s: %s", s.clause, howMany(s.tested, "node"))
		}
		if s.looked > 0 {
			n.add("look at %s: %s", s.clause, howMany(s.looked, "node"))
		}
	}
	return n.how
}

// howMany is a number of things.
func howMany(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// String is a clause as people read it.
func (c clause) String() string {
	var b strings.Builder
	for i := range c {
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteString(c[i].String())
	}
	return b.String()
}

// String is a term as people read it.
func (t *term) String() string {
	p := &t.pred
	key := t.key
	if key == "" {
		key = "value"
	}
	lit := func(v entity.Value) string { return string(appendLiteral(nil, v)) }
	two := func(name string) string { return key + " " + name + "(" + lit(p.a) + ", " + lit(p.b) + ")" }
	switch p.op {
	case opExists:
		if p.sense == noneHit {
			return "no " + key
		}
		return key
	case opEqual:
		return key + [...]string{" = ", " NEE ", " NE "}[p.sense] + lit(p.a)
	case opLess:
		return key + " < " + lit(p.a)
	case opGreater:
		return key + " > " + lit(p.a)
	case opLessEqual:
		return key + " <= " + lit(p.a)
	case opGreaterEqual:
		return key + " >= " + lit(p.a)
	case opInside:
		return two(fnInside)
	case opOutside:
		return two(fnOutside)
	case opBetween:
		return two(fnBetween)
	case opWithin:
		name := fnWithin
		if p.sense == noneHit {
			name = fnWithout
		}
		if len(p.list) > 3 {
			return key + " " + name + "(" + strconv.Itoa(len(p.list)) + " values)"
		}
		list := make([]string, len(p.list))
		for i, v := range p.list {
			list[i] = lit(v)
		}
		return key + " " + name + "(" + strings.Join(list, ", ") + ")"
	case opRegex:
		return key + " " + fnRegex + "(" + lit(entity.String(p.text)) + ")"
	case opAddress:
		return key + " " + fnRange + "('" + p.prefix.String() + "')"
	default:
		return key
	}
}
