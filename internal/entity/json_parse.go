package entity

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseJSON parses one JSON value. Numbers without fraction and exponent that
// fit become integers, others floats; null members of objects are left out;
// objects are normalized. Nesting is limited to [MaxDepth], plus the three
// levels that a list of relationships puts around their attributes.
func ParseJSON(s string) (Value, error) {
	p := jsonParser{s: s}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if p.space(); p.i != len(s) {
		return Value{}, p.fail("text after the value")
	}
	return v, nil
}

type jsonParser struct {
	s string
	i int
}

func (p *jsonParser) fail(what string) error {
	return fmt.Errorf("JSON at byte %d: %s", p.i, what)
}

func (p *jsonParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\n' || p.s[p.i] == '\r') {
		p.i++
	}
}

// next skips white space and takes c if it is there.
func (p *jsonParser) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *jsonParser) value(depth int) (Value, error) {
	if depth > MaxDepth+3 {
		return Value{}, p.fail("nested too deep")
	}
	p.space()
	if p.i == len(p.s) {
		return Value{}, p.fail("unexpected end")
	}
	switch c := p.s[p.i]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.text()
		return String(s), err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, w := range [...]struct {
		word string
		v    Value
	}{{"true", Bool(true)}, {"false", Bool(false)}, {"null", Value{}}} {
		if strings.HasPrefix(p.s[p.i:], w.word) {
			p.i += len(w.word)
			return w.v, nil
		}
	}
	return Value{}, p.fail("want a value")
}

func (p *jsonParser) object(depth int) (Value, error) {
	p.i++
	var few [8]Attr // most objects are small
	a := Attrs(few[:0])
	if p.next('}') {
		return Map(nil), nil
	}
	for {
		p.space()
		key, err := p.text()
		if err != nil {
			return Value{}, err
		}
		if !p.next(':') {
			return Value{}, p.fail("want ':'")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		a = append(a, Attr{key, v})
		if p.next('}') {
			return Map(slices.Clone(a.Normalize())), nil
		}
		if !p.next(',') {
			return Value{}, p.fail("want ',' or '}'")
		}
	}
}

func (p *jsonParser) array(depth int) (Value, error) {
	p.i++
	var few [4]Value // most lists are short
	vs := few[:0]
	if p.next(']') {
		return List(), nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		if v.IsZero() {
			return Value{}, p.fail("null in a list")
		}
		vs = append(vs, v)
		if p.next(']') {
			return List(slices.Clone(vs)...), nil
		}
		if !p.next(',') {
			return Value{}, p.fail("want ',' or ']'")
		}
	}
}

// digits takes decimal digits and returns how many there were.
func (p *jsonParser) digits() int {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - start
}

// take takes one byte if it is one of set.
func (p *jsonParser) take(set string) bool {
	if p.i < len(p.s) && strings.IndexByte(set, p.s[p.i]) >= 0 {
		p.i++
		return true
	}
	return false
}

func (p *jsonParser) number() (Value, error) {
	start, integer := p.i, true
	p.take("-")
	ok := p.take("0") || p.digits() > 0
	if ok && p.take(".") {
		integer = false
		ok = p.digits() > 0
	}
	if ok && p.take("eE") {
		integer = false
		p.take("+-")
		ok = p.digits() > 0
	}
	text := p.s[start:p.i]
	if !ok {
		p.i = start
		return Value{}, p.fail("want a number")
	}
	if integer {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return Int(i), nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.i = start
		if errors.Is(err, strconv.ErrRange) {
			return Value{}, p.fail("number out of range")
		}
		return Value{}, p.fail("want a number")
	}
	return Float(f), nil
}

func (p *jsonParser) text() (string, error) {
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return "", p.fail("want a string")
	}
	p.i++
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			s := p.s[start:p.i]
			p.i++
			if !utf8.ValidString(s) {
				return "", p.fail("string is not valid UTF-8")
			}
			return s, nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", p.fail("control character in a string")
		}
		p.i++
	}
	return "", p.fail("string does not end")
}

// escaped goes on with a string that has escapes.
func (p *jsonParser) escaped(start int) (string, error) {
	b := []byte(p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				return "", p.fail("string is not valid UTF-8")
			}
			return string(b), nil
		case c < ' ':
			return "", p.fail("control character in a string")
		case c != '\\':
			b = append(b, c)
			continue
		case p.i == len(p.s):
			return "", p.fail("string does not end")
		}
		c = p.s[p.i]
		p.i++
		if k := strings.IndexByte(`"\/bfnrt`, c); k >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[k])
			continue
		}
		if c != 'u' {
			return "", p.fail("unknown escape")
		}
		r, ok := p.hex4()
		if !ok {
			return "", p.fail(`want four hexadecimal digits after \u`)
		}
		if utf16.IsSurrogate(r) {
			r = p.lowSurrogate(r)
		}
		b = utf8.AppendRune(b, r)
	}
	return "", p.fail("string does not end")
}

// lowSurrogate takes the second half of a surrogate pair. A half without its
// other one becomes U+FFFD, and what follows it stands for itself.
func (p *jsonParser) lowSurrogate(high rune) rune {
	start := p.i
	if strings.HasPrefix(p.s[p.i:], `\u`) {
		p.i += 2
		if low, ok := p.hex4(); ok {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				return r
			}
		}
	}
	p.i = start
	return utf8.RuneError
}

func (p *jsonParser) hex4() (rune, bool) {
	if p.i+4 > len(p.s) {
		return 0, false
	}
	u, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 32)
	if err != nil {
		return 0, false
	}
	p.i += 4
	return rune(u), true
}
