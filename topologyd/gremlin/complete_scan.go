package gremlin

import (
	"strings"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// spot is what can stand at a place in the text of a query.
type spot uint8

const (
	_ spot = iota // nothing that is known
	// spotStart: the G at the beginning.
	spotStart
	// spotStep: the name of a step, after a dot.
	spotStep
	// spotDot: a dot and a step.
	spotDot
	// spotArgument: an argument of the innermost of the calls in open.
	spotArgument
)

// place is a place in a text and what stands before it, as far as it can be
// understood: the text need not be a query.
type place struct {
	spot spot
	// from and to are what an insertion replaces, typed is the part of it before
	// the place, without its quote.
	from, to int
	typed    string
	// quote is the quote of a text that was begun, 0 when there is none.
	quote byte
	// called tells that a parenthesis follows already.
	called bool
	// steps are those that are complete.
	steps []call
	// open are the calls around the place, a step and the functions inside it;
	// their arguments are those before the place.
	open []call
}

// scanner reads the text before a place.
type scanner struct {
	place
	lex lexer
	// name is a word that may become a call; arg is the argument so far.
	name *call
	arg  *arg
	// dot tells that a step can follow.
	dot bool
}

// scan finds out what stands before an offset. It takes time in proportion to
// the length of the text, however broken it is.
func scan(text string, offset int) *place {
	offset = max(0, min(offset, len(text)))
	for offset > 0 && offset < len(text) && !utf8.RuneStart(text[offset]) {
		offset--
	}
	s := &scanner{lex: lexer{text: text[:offset]}}
	s.from, s.to = offset, offset
	last := token{kind: tokEnd}
	for {
		start := s.lex.i
		t, err := s.lex.next()
		if err != nil {
			start += len(s.lex.text[start:]) - len(strings.TrimLeft(s.lex.text[start:], " \t\r\n"))
			if c := s.lex.text[start]; c == '\'' || c == '"' {
				s.begun(text, start, offset, c)
				return &s.place
			}
			// What has no meaning is passed over.
			_, n := utf8.DecodeRuneInString(s.lex.text[start:])
			s.lex.i = max(s.lex.i, start+n)
			last = token{kind: tokEnd, pos: start}
			continue
		}
		if t.kind == tokEnd {
			break
		}
		if t.kind == tokDot && last.kind == tokNumber && s.lex.i == offset && start+1 == offset && len(s.open) > 0 {
			return &place{from: offset, to: offset} // a number that goes on
		}
		if last = t; t.kind == tokIdent && s.lex.i == offset || t.kind == tokNumber && s.lex.i == offset && len(s.open) > 0 {
			s.word(text, t)
			return &s.place
		}
		if s.token(t); len(s.open) > MaxNesting+1 || len(s.steps) > MaxSteps {
			return &place{from: offset, to: offset}
		}
	}
	s.between(last)
	return &s.place
}

// token takes a whole token.
func (s *scanner) token(t token) {
	switch t.kind {
	case tokIdent:
		s.name = &call{name: t.text, pos: t.pos, end: t.pos + len(t.text), bare: true}
		if len(s.open) > 0 {
			s.arg = &arg{pos: t.pos, fn: s.name}
		}
		return
	case tokOpen:
		c := call{pos: t.pos}
		if s.name != nil {
			c = *s.name
		}
		c.bare = false
		s.open = append(s.open, c)
		s.arg, s.dot = nil, false
	case tokClose:
		s.close(t.pos)
	case tokComma:
		s.argument()
	case tokString, tokNumber:
		if len(s.open) > 0 {
			s.arg = &arg{pos: t.pos, val: t.val}
		}
	case tokDot:
		// Inside of parentheses no step begins: they were forgotten.
		for len(s.open) > 0 {
			s.close(t.pos)
		}
		s.step()
		s.dot = true
	}
	s.name = nil
}

// argument ends an argument.
func (s *scanner) argument() {
	if n := len(s.open); n > 0 && s.arg != nil {
		s.open[n-1].args = append(s.open[n-1].args, literal(*s.arg))
		s.arg = nil
	}
}

// literal gives TRUE and FALSE their value.
func literal(a arg) arg {
	if a.fn != nil && a.fn.bare && (strings.EqualFold(a.fn.name, "TRUE") || strings.EqualFold(a.fn.name, "FALSE")) {
		return arg{pos: a.pos, val: entity.Bool(strings.EqualFold(a.fn.name, "TRUE"))}
	}
	return a
}

// close ends a call.
func (s *scanner) close(pos int) {
	n := len(s.open)
	if n == 0 {
		return
	}
	s.argument()
	c := s.open[n-1]
	c.end = pos
	s.open = s.open[:n-1]
	if n > 1 {
		s.arg = &arg{pos: c.pos, fn: &c}
		return
	}
	s.steps = append(s.steps, c)
}

// step ends a step without parentheses.
func (s *scanner) step() {
	if s.name != nil {
		s.steps = append(s.steps, *s.name)
		s.name = nil
	}
}

// between describes a place that touches no word.
func (s *scanner) between(last token) {
	switch {
	case len(s.open) > 0:
		if last.kind == tokOpen || last.kind == tokComma {
			s.spot = spotArgument
		}
	case last.kind == tokDot && len(s.steps) > 0:
		s.spot = spotStep
	case len(s.steps) == 0 && s.name == nil && last.kind == tokEnd:
		s.spot = spotStart
	case s.name != nil || last.kind == tokClose && len(s.steps) > 0:
		s.step()
		s.spot = spotDot
	}
}

// word describes a place at the end of a name or number.
func (s *scanner) word(text string, t token) {
	offset := s.to
	for s.to < len(text) && (isLetter(text[s.to]) || isDigit(text[s.to]) || t.kind == tokNumber && text[s.to] == '.') {
		s.to++
	}
	s.from, s.typed = t.pos, t.text
	s.called = strings.HasPrefix(strings.TrimLeft(text[s.to:], " \t\r\n"), "(")
	switch {
	case len(s.open) > 0:
		if s.arg == nil {
			s.spot = spotArgument
		}
	case s.dot || len(s.steps) > 0:
		if s.dot {
			s.spot = spotStep
		}
	case strings.EqualFold(t.text, stepG) && s.to == offset:
		s.steps = append(s.steps, call{name: stepG, pos: t.pos, end: s.to, bare: true})
		s.spot, s.from, s.typed = spotDot, offset, ""
	default:
		s.spot = spotStart
	}
}

// begun describes a place inside of a text that starts at from.
func (s *scanner) begun(text string, from, offset int, quote byte) {
	if len(s.open) == 0 || s.arg != nil {
		return
	}
	s.spot, s.from, s.quote = spotArgument, from, quote
	s.typed = plainText(text[from+1:offset], quote)
	s.to = closing(text, offset, quote)
}

// plainText is what a text without its closing quote stands for, as far as it
// can be read.
func plainText(raw string, quote byte) string {
	l := lexer{text: string(quote) + raw + string(quote)}
	if t, err := l.next(); err == nil && l.i == len(l.text) {
		return t.val.Str()
	}
	return raw
}

// closing finds the end of a text that goes on at an offset: behind its quote,
// if the next quote is likely to be that, and the offset itself if not, because
// the quote begins another text.
func closing(text string, offset int, quote byte) int {
	for i := offset; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case '\\':
			i++
			continue
		case quote:
		default:
			continue
		}
		rest := strings.TrimLeft(text[i+1:], " \t\r\n")
		if rest == "" && !strings.ContainsAny(text[offset:i], "(),") || rest != "" && (rest[0] == ',' || rest[0] == ')') {
			return i + 1
		}
		break
	}
	return offset
}
