package gremlin

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// predicate takes an argument that is a value or a predicate.
func (c *compiler) predicate(a *arg) (predicate, error) {
	if a.isLiteral() {
		return predicate{op: opEqual, a: a.val}, nil
	}
	if a.sub != nil {
		return predicate{}, c.bad(a, "a value", "a predicate such as NE, WITHIN or REGEX")
	}
	switch fn := a.fn; fn.name {
	case fnNE:
		return c.comparison(fn, opEqual, otherHit)
	case fnNEE:
		return c.comparison(fn, opEqual, noneHit)
	case fnLT:
		return c.numbers(fn, opLess, 1)
	case fnGT:
		return c.numbers(fn, opGreater, 1)
	case fnLTE:
		return c.numbers(fn, opLessEqual, 1)
	case fnGTE:
		return c.numbers(fn, opGreaterEqual, 1)
	case fnInside:
		return c.numbers(fn, opInside, 2)
	case fnOutside:
		return c.numbers(fn, opOutside, 2)
	case fnBetween:
		return c.numbers(fn, opBetween, 2)
	case fnWithin:
		return c.within(fn, someHit)
	case fnWithout:
		return c.within(fn, noneHit)
	case fnRegex:
		return c.regex(fn)
	case fnRange:
		return c.addressRange(fn)
	default:
		return predicate{}, c.bad(a, "a value", "a predicate such as NE, WITHIN or REGEX")
	}
}

func (c *compiler) literal(a *arg) (entity.Value, error) {
	if !a.isLiteral() {
		return entity.Value{}, c.bad(a, "a string, a number, TRUE or FALSE")
	}
	return a.val, nil
}

// comparison takes the one literal of NE and NEE.
func (c *compiler) comparison(fn *call, o predOp, s sense) (predicate, error) {
	if len(fn.args) == 0 {
		return predicate{}, c.missing(fn, "a string, a number, TRUE or FALSE")
	}
	v, err := c.literal(&fn.args[0])
	if err != nil {
		return predicate{}, err
	}
	return predicate{op: o, sense: s, a: v}, c.atMost(fn, 1)
}

// numbers takes one or two numbers.
func (c *compiler) numbers(fn *call, o predOp, n int) (predicate, error) {
	p := predicate{op: o}
	if err := c.atMost(fn, n); err != nil {
		return p, err
	}
	if len(fn.args) < n {
		return p, c.missing(fn, "a number")
	}
	for i := range fn.args {
		if a := &fn.args[i]; a.fn != nil || !a.val.IsNumber() {
			return p, c.bad(a, "a number")
		}
	}
	p.a = fn.args[0].val
	if n == 1 {
		return p, nil
	}
	p.b = fn.args[1].val
	if entity.Compare(p.a, p.b) > 0 {
		return p, c.refuse(&fn.args[1], "the second number of %s is below the first", fn.name)
	}
	return p, nil
}

// within takes any number of literals.
func (c *compiler) within(fn *call, s sense) (predicate, error) {
	p := predicate{op: opWithin, sense: s}
	if len(fn.args) == 0 {
		return p, c.missing(fn, "a string, a number, TRUE or FALSE")
	}
	for i := range fn.args {
		v, err := c.literal(&fn.args[i])
		if err != nil {
			return p, err
		}
		p.list = append(p.list, v)
	}
	if len(p.list) > longList {
		p.sorted = slices.SortedFunc(slices.Values(p.list), entity.Compare)
	}
	return p, nil
}

// longList is from how many values on WITHIN searches, instead of looking at
// each of them.
const longList = 8

// text1 takes the one string of REGEX and IPV4RANGE.
func (c *compiler) text1(fn *call, what string) (string, error) {
	if len(fn.args) == 0 {
		return "", c.missing(fn, what)
	}
	if !fn.args[0].isKey() {
		return "", c.bad(&fn.args[0], what)
	}
	return fn.args[0].val.Str(), c.atMost(fn, 1)
}

// maxRegex bounds the length of a regular expression in bytes, and with it
// what compiling it costs.
const maxRegex = 1024

func (c *compiler) regex(fn *call) (predicate, error) {
	text, err := c.text1(fn, "a regular expression in quotes")
	if err != nil {
		return predicate{}, err
	}
	a := &fn.args[0]
	if len(text) > maxRegex {
		return predicate{}, c.refuse(a, "the regular expression is %d bytes long, the limit is %d", len(text), maxRegex)
	}
	if strings.HasPrefix(text, "^") || strings.HasSuffix(text, "$") && !escapedEnd(text) {
		return predicate{}, c.refuse(a, "REGEX always matches the whole value: leave out ^ and $, write .* for a part that may be anything")
	}
	// Compiled alone first, so that it cannot close the group around it.
	if _, err := regexp.Compile(text); err != nil {
		return predicate{}, c.refuse(a, "not a regular expression (RE2): %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	re, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return predicate{}, c.refuse(a, "not a regular expression (RE2): %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	p := predicate{op: opRegex, re: re, text: text}
	p.starts, p.whole = starts(text)
	return p, nil
}

// escapedEnd tells whether the last character stands for itself because an odd
// number of backslashes is before it.
func escapedEnd(s string) bool {
	s = s[:len(s)-1]
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}

func (c *compiler) addressRange(fn *call) (predicate, error) {
	const what = "a range of addresses in quotes such as '10.0.0.0/8'"
	text, err := c.text1(fn, what)
	if err != nil {
		return predicate{}, err
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return predicate{}, c.bad(&fn.args[0], what)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if addr := prefix.Addr(); addr.Is4In6() {
		if prefix.Bits() < 96 {
			return predicate{}, c.bad(&fn.args[0], what)
		}
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return predicate{op: opAddress, prefix: prefix.Masked()}, nil
}
