package gremlin

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokIdent
	tokString
	tokNumber
	tokDot
	tokComma
	tokOpen
	tokClose
)

// token is one word of a query.
type token struct {
	kind tokenKind
	pos  int
	// text is the source of the token.
	text string
	// val is the value of a string or number.
	val entity.Value
}

// String describes the token for error messages.
func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end of the query"
	case tokString:
		return "the string " + clip(t.text)
	case tokNumber:
		return "the number " + clip(t.text)
	default:
		return strconv.Quote(clip(t.text))
	}
}

func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// lexer cuts a query's text into tokens.
type lexer struct {
	text string
	i    int
}

func (l *lexer) fail(pos int, format string, args ...any) error {
	return &SyntaxError{Position: positionAt(l.text, pos), Reason: fmt.Sprintf(format, args...)}
}

func (l *lexer) next() (token, error) {
	for l.i < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.i]) >= 0 {
		l.i++
	}
	start := l.i
	if start == len(l.text) {
		return token{kind: tokEnd, pos: start}, nil
	}
	switch c := l.text[start]; {
	case c == '.':
		return l.punct(tokDot), nil
	case c == ',':
		return l.punct(tokComma), nil
	case c == '(':
		return l.punct(tokOpen), nil
	case c == ')':
		return l.punct(tokClose), nil
	case c == '\'' || c == '"':
		return l.str(c)
	case isDigit(c) || c == '-':
		return l.number()
	case isLetter(c):
		for l.i < len(l.text) && (isLetter(l.text[l.i]) || isDigit(l.text[l.i])) {
			l.i++
		}
		return token{kind: tokIdent, pos: start, text: l.text[start:l.i]}, nil
	}
	r, n := utf8.DecodeRuneInString(l.text[start:])
	if r == utf8.RuneError && n == 1 {
		return token{}, l.fail(start, "the byte 0x%02x is not UTF-8 text", l.text[start])
	}
	return token{}, l.fail(start, "the character %q has no meaning here; texts stand in quotes", r)
}

func (l *lexer) punct(k tokenKind) token {
	l.i++
	return token{kind: k, pos: l.i - 1, text: l.text[l.i-1 : l.i]}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func (l *lexer) digits() bool {
	start := l.i
	for l.i < len(l.text) && isDigit(l.text[l.i]) {
		l.i++
	}
	return l.i > start
}

// number reads -?digits[.digits][e[+-]digits].
func (l *lexer) number() (token, error) {
	start := l.i
	if l.text[l.i] == '-' {
		l.i++
	}
	if !l.digits() {
		return token{}, l.fail(start, "the minus sign is not followed by a number")
	}
	float := false
	if l.i+1 < len(l.text) && l.text[l.i] == '.' && isDigit(l.text[l.i+1]) {
		float = true
		l.i++
		l.digits()
	}
	if l.i < len(l.text) && l.text[l.i]|0x20 == 'e' {
		float = true
		l.i++
		if l.i < len(l.text) && (l.text[l.i] == '+' || l.text[l.i] == '-') {
			l.i++
		}
		if !l.digits() {
			return token{}, l.fail(start, "the exponent of the number %s has no digits", clip(l.text[start:l.i]))
		}
	}
	t := token{kind: tokNumber, pos: start, text: l.text[start:l.i]}
	if float {
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return token{}, l.fail(start, "the number %s is too large", clip(t.text))
		}
		t.val = entity.Float(f)
		return t, nil
	}
	i, err := strconv.ParseInt(t.text, 10, 64)
	if err != nil {
		return token{}, l.fail(start, "the integer %s does not fit in 64 bits", clip(t.text))
	}
	t.val = entity.Int(i)
	return t, nil
}

// str reads a string in single or double quotes. Escapes are \\ \' \" \n \r \t
// \xHH and \uHHHH, both of which name a code point; any other backslash stands
// for itself, so that a regular expression such as 'eth\d+' needs no doubling,
// nor does its \x{1F600}.
func (l *lexer) str(quote byte) (token, error) {
	start := l.i
	l.i++
	from := l.i
	var b []byte // nil as long as the text is its own value
	for l.i < len(l.text) {
		c := l.text[l.i]
		switch {
		case c == quote:
			t := token{kind: tokString, pos: start, text: l.text[start : l.i+1]}
			s := l.text[from:l.i]
			if b != nil {
				s = string(append(b, s...))
			}
			l.i++
			t.val = entity.String(s)
			return t, nil
		case c == '\\':
			out, n, err := l.escape()
			if err != nil {
				return token{}, err
			}
			if n > 0 {
				b = append(append(b, l.text[from:l.i]...), out...)
				l.i += n
				from = l.i
				continue
			}
			l.i++
		case c < utf8.RuneSelf:
			l.i++
		default:
			r, n := utf8.DecodeRuneInString(l.text[l.i:])
			if r == utf8.RuneError && n == 1 {
				return token{}, l.fail(l.i, "the byte 0x%02x in the string is not UTF-8 text", c)
			}
			l.i += n
		}
	}
	return token{}, l.fail(start, "the string that starts here has no closing %c", quote)
}

// escape reads the escape at l.i without moving: what it stands for, and its
// length in the text, 0 for a backslash that stands for itself.
func (l *lexer) escape() (out string, n int, err error) {
	if l.i+1 == len(l.text) {
		return "", 0, nil
	}
	switch c := l.text[l.i+1]; c {
	case '\\', '\'', '"':
		return string(rune(c)), 2, nil
	case 'n':
		return "\n", 2, nil
	case 'r':
		return "\r", 2, nil
	case 't':
		return "\t", 2, nil
	case 'x':
		if strings.HasPrefix(l.text[l.i+2:], "{") {
			return "", 0, nil
		}
		r, ok := hex(l.text, l.i+2, 2)
		if !ok {
			return "", 0, l.fail(l.i, `\x is not followed by two hexadecimal digits`)
		}
		return string(r), 4, nil
	case 'u':
	default:
		return "", 0, nil
	}
	r, ok := hex(l.text, l.i+2, 4)
	if !ok {
		return "", 0, l.fail(l.i, `\u is not followed by four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		return string(r), 6, nil
	}
	if strings.HasPrefix(l.text[l.i+6:], `\u`) {
		if low, ok := hex(l.text, l.i+8, 4); ok {
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				return string(r), 12, nil
			}
		}
	}
	return "", 0, l.fail(l.i, `\u names one half of a surrogate pair`)
}

// hex reads n hexadecimal digits at s[i:].
func hex(s string, i, n int) (rune, bool) {
	if i+n > len(s) {
		return 0, false
	}
	v, err := strconv.ParseUint(s[i:i+n], 16, 32)
	return rune(v), err == nil
}
