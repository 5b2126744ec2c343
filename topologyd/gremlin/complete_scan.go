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
	// steps are those that are complete; in a sub-traversal, which starts at what
	// the steps around it work on, its own come after these.
	steps []call
	// open are the calls around the place, a step and the functions inside it;
	// their arguments are those before the place.
	open []call
	// inside tells that the place is in a sub-traversal; depth is how many
	// parentheses are open.
	inside bool
	depth  int
}

// scanner reads the text before a place.
type scanner struct {
	place
	lex   lexer
	table []step
	// frames are the calls around.
	frames []frame
	// name is a word that may become a call; arg is the argument so far.
	name *call
	arg  *arg
	// inner is the number of steps in sub-traversals.
	inner int
	// dot tells that a step can follow.
	dot bool
}

// frame is a call whose parenthesis is open.
type frame struct {
	call
	// chain are the steps of the sub-traversal that is its argument so far.
	chain []call
	// subs tells that it takes sub-traversals.
	subs bool
}

// scan finds out what stands before an offset. It takes time in proportion to
// the length of the text, however broken it is.
func scan(text string, offset int) *place {
	offset = max(0, min(offset, len(text)))
	for offset > 0 && offset < len(text) && !utf8.RuneStart(text[offset]) {
		offset--
	}
	s := &scanner{lex: lexer{text: text[:offset]}, table: steps()}
	s.from, s.to = offset, offset
	if !s.read(text, offset) {
		return &place{from: offset, to: offset}
	}
	s.flatten()
	return &s.place
}

// read reads the text up to the place; false means that nothing is known of it.
func (s *scanner) read(text string, offset int) bool {
	last := token{kind: tokEnd}
	for {
		start := s.lex.i
		t, err := s.lex.next()
		if err != nil {
			start += len(s.lex.text[start:]) - len(strings.TrimLeft(s.lex.text[start:], " \t\r\n"))
			if c := s.lex.text[start]; c == '\'' || c == '"' {
				s.begun(text, start, offset, c)
				return true
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
		if t.kind == tokDot && last.kind == tokNumber && s.lex.i == offset && start+1 == offset && len(s.frames) > 0 {
			return false // a number that goes on
		}
		if last = t; t.kind == tokIdent && s.lex.i == offset || t.kind == tokNumber && s.lex.i == offset && len(s.frames) > 0 {
			s.word(text, t)
			return true
		}
		if s.token(t); len(s.frames) > MaxNesting+1 || len(s.steps)+s.inner > MaxSteps {
			return false
		}
	}
	s.between(last)
	return true
}

// find returns the step of a name, nil if there is none.
func (s *scanner) find(name string) *step {
	for i := range s.table {
		if strings.EqualFold(s.table[i].name, name) {
			return &s.table[i]
		}
	}
	return nil
}

// flatten describes the place without the steps around its sub-traversal.
func (s *scanner) flatten() {
	s.depth = len(s.frames)
	first := 0 // the frame of the innermost step
	for i := 1; i < len(s.frames); i++ {
		if s.frames[i-1].subs && s.find(s.frames[i].name) != nil {
			first = i
		}
	}
	if s.spot == spotStep || s.spot == spotDot {
		first = len(s.frames)
	}
	for i := range s.frames[:first] {
		f := &s.frames[i]
		for n := len(s.steps); n > 0 && modulates(f.name, s.steps[n-1].name); n = len(s.steps) {
			s.steps = s.steps[:n-1]
		}
		s.steps = append(s.steps, f.chain...)
	}
	s.inside = first > 0
	for _, f := range s.frames[first:] {
		s.open = append(s.open, f.call)
	}
}

// modulates tells whether a step says more of one before it, so that its
// traversals start at what that one works on.
func modulates(name, before string) bool {
	is := func(name string, names ...string) bool {
		for _, n := range names {
			if strings.EqualFold(n, name) {
				return true
			}
		}
		return false
	}
	switch {
	case is(name, "By"):
		return is(before, "Order", "Group", "Project", "By")
	case is(name, "Until", "Emit"):
		return is(before, "Repeat", "Times", "Until", "Emit")
	default:
		return false
	}
}

// token takes a whole token.
func (s *scanner) token(t token) {
	switch t.kind {
	case tokIdent:
		s.name = &call{name: t.text, pos: t.pos, end: t.pos + len(t.text), bare: true}
		if len(s.frames) > 0 {
			s.arg = &arg{pos: t.pos, fn: s.name}
		}
		s.dot = false
		return
	case tokOpen:
		c := call{pos: t.pos}
		if s.name != nil {
			c = *s.name
		}
		c.bare = false
		def := s.find(c.name)
		s.frames = append(s.frames, frame{call: c, subs: def != nil && def.subs})
		s.arg, s.dot = nil, false
	case tokClose:
		s.close(t.pos)
	case tokComma:
		s.argument()
	case tokString, tokNumber:
		if len(s.frames) > 0 {
			s.arg = &arg{pos: t.pos, val: t.val}
		}
	case tokDot:
		if s.goesOn() {
			s.arg, s.dot = nil, true
			break
		}
		// Here no step begins: parentheses were forgotten.
		for len(s.frames) > 0 {
			s.close(t.pos)
		}
		s.step()
		s.dot = true
	}
	s.name = nil
}

// goesOn tells whether a dot continues a sub-traversal.
func (s *scanner) goesOn() bool {
	n := len(s.frames)
	return n > 0 && s.frames[n-1].subs && s.arg != nil &&
		(s.arg.sub != nil || s.arg.fn != nil && s.arg.fn.bare && s.arg.fn.name == anonymous)
}

// argument ends an argument.
func (s *scanner) argument() {
	n := len(s.frames)
	if n == 0 {
		return
	}
	f := &s.frames[n-1]
	if s.arg != nil {
		f.args = append(f.args, literal(*s.arg))
	}
	s.arg, f.chain, s.dot = nil, nil, false
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
	n := len(s.frames)
	if n == 0 {
		return
	}
	s.argument()
	c := s.frames[n-1].call
	c.end = pos
	s.frames = s.frames[:n-1]
	if n > 1 {
		s.arg = &arg{pos: c.pos, fn: &c}
		if f := &s.frames[n-2]; f.subs && s.find(c.name) != nil {
			f.chain = append(f.chain, c)
			s.inner++
			s.arg = &arg{pos: f.chain[0].pos, sub: f.chain}
		}
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
	case len(s.frames) > 0:
		switch {
		case last.kind == tokOpen || last.kind == tokComma:
			s.spot = spotArgument
		case s.dot:
			s.spot = spotStep
		case last.kind == tokClose && s.goesOn():
			s.spot = spotDot
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
	case len(s.frames) > 0:
		if s.dot {
			s.spot = spotStep
		} else if s.arg == nil {
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
	if len(s.frames) == 0 || s.arg != nil || s.dot {
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
