package gremlin

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// predOp is the kind of test that a predicate makes.
type predOp uint8

const (
	opExists predOp = iota
	opEqual
	opLess
	opGreater
	opLessEqual
	opGreaterEqual
	opInside
	opOutside
	opBetween
	opWithin
	opRegex
	opAddress
)

// sense tells what a predicate makes of the tests of the values of one key.
type sense uint8

const (
	// someHit: a value passes the test.
	someHit sense = iota
	// noneHit: no value passes, or there is none (NEE, WITHOUT, HasNot).
	noneHit
	// otherHit: there are values, and none passes (NE).
	otherHit
)

// predicate is a test of the values that a key names. A list is tested element
// by element.
type predicate struct {
	op     predOp
	sense  sense
	a, b   entity.Value
	list   []entity.Value
	re     *regexp.Regexp
	prefix netip.Prefix
}

// accepts applies the predicate to the only value of a key, none if missing.
func (p *predicate) accepts(v entity.Value) bool {
	exists := !v.IsZero()
	return p.verdict(exists, exists && p.hit(v))
}

// verdict turns what was seen of a key into the answer.
func (p *predicate) verdict(exists, hit bool) bool {
	switch p.sense {
	case noneHit:
		return !hit
	case otherHit:
		return exists && !hit
	default:
		return hit
	}
}

// hit tests a value, or the elements of a list.
func (p *predicate) hit(v entity.Value) bool {
	if p.op == opExists {
		return true
	}
	if v.Kind() != entity.KindList {
		return p.test(v)
	}
	for _, e := range v.List() {
		if p.test(e) {
			return true
		}
	}
	return false
}

// test tests one value that is not to be taken apart further.
func (p *predicate) test(v entity.Value) bool {
	switch p.op {
	case opEqual:
		return equal(v, p.a)
	case opWithin:
		for _, e := range p.list {
			if equal(v, e) {
				return true
			}
		}
		return false
	case opRegex:
		return v.Kind() == entity.KindString && p.re.MatchString(v.Str())
	case opAddress:
		return v.Kind() == entity.KindString && p.inRange(v.Str())
	}
	if !v.IsNumber() {
		return false
	}
	a := entity.Compare(v, p.a)
	switch p.op {
	case opLess:
		return a < 0
	case opGreater:
		return a > 0
	case opLessEqual:
		return a <= 0
	case opGreaterEqual:
		return a >= 0
	case opInside:
		return a > 0 && entity.Compare(v, p.b) < 0
	case opOutside:
		return a < 0 || entity.Compare(v, p.b) > 0
	case opBetween:
		return a >= 0 && entity.Compare(v, p.b) < 0
	}
	return false
}

// equal compares with a literal: same kind and content, numbers by value.
func equal(v, literal entity.Value) bool {
	if literal.Kind() == entity.KindString {
		return v.Kind() == entity.KindString && v.Str() == literal.Str()
	}
	return v.IsScalar() && entity.Compare(v, literal) == 0
}

// inRange tells whether a text is an address, alone or with a prefix length
// ("10.0.0.1/24"), inside the range.
func (p *predicate) inRange(s string) bool {
	s, _, _ = strings.Cut(s, "/")
	addr, err := netip.ParseAddr(s)
	return err == nil && p.prefix.Contains(addr.Unmap().WithZone(""))
}

// predicate takes an argument that is a value or a predicate.
func (c *compiler) predicate(a *arg) (predicate, error) {
	if a.fn == nil {
		return predicate{op: opEqual, a: a.val}, nil
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
	if a.fn != nil {
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
	return p, nil
}

// text takes the one string of REGEX and IPV4RANGE.
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
	return predicate{op: opRegex, re: re}, nil
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
