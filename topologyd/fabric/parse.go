package fabric

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// Limits of a line.
const (
	// MaxLine is the longest line in bytes.
	MaxLine = 4096
	// MaxName is the longest name in bytes.
	MaxName = 256
)

// ParseLine reads one line. Of an empty one, and of one that begins with #, the
// statement is nil. The error is an [*Error].
func ParseLine(line string) (*Statement, error) {
	p := parser{s: line}
	if err := p.text(); err != nil {
		return nil, err
	}
	if p.space(); p.end() || p.s[p.i] == '#' {
		return nil, nil
	}
	st := &Statement{}
	var err error
	if st.Parent, err = p.term(); err != nil {
		return nil, err
	}
	p.space()
	switch {
	case p.end():
		if st.Parent.IsMatch() {
			return nil, p.fail(p.i, "a match alone says nothing; join it with --> to a node of the fabric")
		}
		return st, nil
	case p.take("-->"):
	case p.take("->"):
		st.Owned = true
	default:
		return nil, p.fail(p.i, "found %s, want -> (owns) or --> (joined by layer2)", p.found())
	}
	st.Joined = true
	if p.space(); p.peek() == '[' {
		if st.Attrs, err = p.attrs(linkKey); err != nil {
			return nil, err
		}
		p.space()
	}
	if st.Child, err = p.term(); err != nil {
		return nil, err
	}
	if p.space(); !p.end() {
		return nil, p.fail(p.i, "found %s after the second node; write one arrow a line", p.found())
	}
	switch {
	case st.Parent.IsMatch() && st.Child.IsMatch():
		return nil, &Error{Column: st.Child.column, Message: "both sides are nodes of the topology; one must be of the fabric (or make an edge rule)"}
	case st.Parent.Name == st.Child.Name:
		return nil, &Error{Column: st.Child.column, Message: st.Child.Name + " is joined to itself"}
	}
	return st, nil
}

// parser reads one line from left to right.
type parser struct {
	s string
	i int
}

func (p *parser) fail(at int, format string, args ...any) *Error {
	return &Error{Column: p.column(at), Message: fmt.Sprintf(format, args...)}
}

// column counts characters from 1.
func (p *parser) column(at int) int { return 1 + utf8.RuneCountInString(p.s[:at]) }

// text refuses what no line may hold.
func (p *parser) text() error {
	if len(p.s) > MaxLine {
		return p.fail(0, "the line has %d bytes, more than %d", len(p.s), MaxLine)
	}
	for i, r := range p.s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(p.s[i:]); n <= 1 {
				return p.fail(i, "the line is not valid UTF-8")
			}
		}
		if r < ' ' && r != '\t' || r == 0x7f {
			return p.fail(i, "there is a control character, %q", r)
		}
	}
	return nil
}

func (p *parser) end() bool { return p.i >= len(p.s) }

func (p *parser) peek() byte {
	if p.end() {
		return 0
	}
	return p.s[p.i]
}

func (p *parser) space() {
	for !p.end() && (p.s[p.i] == ' ' || p.s[p.i] == '\t') {
		p.i++
	}
}

func (p *parser) take(s string) bool {
	if strings.HasPrefix(p.s[p.i:], s) {
		p.i += len(s)
		return true
	}
	return false
}

// found names what stands at the place.
func (p *parser) found() string {
	if p.end() {
		return "the end of the line"
	}
	r, _ := utf8.DecodeRuneInString(p.s[p.i:])
	return fmt.Sprintf("%q", string(r))
}

// term reads name [attrs], or * attrs [/ name].
func (p *parser) term() (Term, error) {
	t := Term{column: p.column(p.i)}
	var err error
	if p.take("*") {
		at := p.i
		if p.peek() != '[' {
			return t, p.fail(at, "found %s after *, want what the nodes have, for example *[Type=host]/eth0", p.found())
		}
		if t.Attrs, err = p.attrs(matchKey); err != nil {
			return t, err
		}
		if len(t.Attrs) == 0 {
			return t, p.fail(at, "the match would be every node; say what they have, for example *[Type=host]")
		}
		if p.take("/") {
			t.Below, err = p.name("the name of what the node owns", ", for example eth0")
		}
		return t, err
	}
	if t.Name, err = p.name("a node", ", for example TOR1[Name=tor1] or *[Type=host]/eth0"); err != nil {
		return t, err
	}
	if p.peek() == '[' {
		t.Attrs, err = p.attrs(nodeKey)
	}
	return t, err
}

// name reads a name, in quotes or not; what and example are for the error.
func (p *parser) name(what, example string) (string, error) {
	start := p.i
	var name string
	if p.peek() == '"' {
		var err error
		if name, err = p.quoted(); err != nil {
			return "", err
		}
	} else {
		for !p.end() && !strings.ContainsRune(" \t[]=,\"*", rune(p.s[p.i])) && !p.arrow() {
			p.i++
		}
		name = p.s[start:p.i]
		if name == "" {
			return "", p.fail(p.i, "found %s, want %s%s", p.found(), what, example)
		}
		if name[len(name)-1] == '-' {
			return "", p.fail(p.i-1, "the name %s ends in a hyphen; put it in double quotes, or write the arrow as -> or -->", name)
		}
	}
	switch {
	case name == "":
		return "", p.fail(start, "the name is empty")
	case len(name) > MaxName:
		return "", p.fail(start, "the name has %d bytes, more than %d", len(name), MaxName)
	}
	return name, nil
}

func (p *parser) arrow() bool {
	return strings.HasPrefix(p.s[p.i:], "->") || strings.HasPrefix(p.s[p.i:], "-->")
}

// quoted reads a text in double quotes; a backslash makes the next character
// stand for itself.
func (p *parser) quoted() (string, error) {
	start := p.i
	var b strings.Builder
	for p.i++; !p.end(); p.i++ {
		switch c := p.s[p.i]; c {
		case '"':
			p.i++
			return b.String(), nil
		case '\\':
			if p.i++; p.end() || p.s[p.i] != '"' && p.s[p.i] != '\\' {
				return "", p.fail(p.i-1, `a backslash may stand before " and \ only`)
			}
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail(start, `the text in quotes does not end; close it with "`)
}

// attrs reads [k=v, …].
func (p *parser) attrs(check func(string) error) (entity.Attrs, error) {
	open := p.i
	p.i++
	var out entity.Attrs
	if p.space(); p.take("]") {
		return nil, nil
	}
	for {
		p.space()
		at := p.i
		key, err := p.name("a key", ", for example [Name=tor1, MTU=1500]")
		if err != nil {
			return nil, err
		}
		if err := check(key); err != nil {
			return nil, p.fail(at, "%v", err)
		}
		for _, a := range out {
			if a.Key == key {
				return nil, p.fail(at, "the key %s is there twice", key)
			}
		}
		if p.space(); !p.take("=") {
			return nil, p.fail(p.i, "found %s after the key %s, want =", p.found(), key)
		}
		p.space()
		v, err := p.value(key)
		if err != nil {
			return nil, err
		}
		out = append(out, entity.A(key, v))
		switch p.space(); {
		case p.take("]"):
			return out.Normalize(), nil
		case p.take(","):
		case p.end():
			return nil, p.fail(open, "the list does not end; close it with ]")
		default:
			return nil, p.fail(p.i, "found %s after the value of %s, want , or ]", p.found(), key)
		}
	}
}

func (p *parser) value(key string) (entity.Value, error) {
	if p.peek() == '"' {
		s, err := p.quoted()
		return entity.String(s), err
	}
	start := p.i
	for !p.end() && !strings.ContainsRune(`[],"`, rune(p.s[p.i])) {
		p.i++
	}
	text := strings.TrimRight(p.s[start:p.i], " \t")
	if text == "" {
		return entity.Value{}, p.fail(start, "%s has no value; write \"\" for an empty one", key)
	}
	return scalar(text), nil
}
