package gremlin

import (
	"net/netip"
	"regexp"
	"slices"
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
	sorted []entity.Value // list in order, when it is long
	re     *regexp.Regexp
	prefix netip.Prefix
	// text is the regular expression as it was written, starts and whole what is
	// known of what it matches, see starts.
	text   string
	starts []string
	whole  bool
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
		if p.sorted != nil {
			_, ok := slices.BinarySearchFunc(p.sorted, v, entity.Compare)
			return ok && v.IsScalar()
		}
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
